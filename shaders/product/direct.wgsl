// Matrix product for adapters that have neither subgroups of 8 lanes nor enough workgroup memory: an invocation computes
// a block of 4 x 4 straight from the operands.
override TILES_N: u32;
override PART_K: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let m = tile / TILES_N * 32u + invocation / 8u * 4u;
    let n = tile % TILES_N * 32u + invocation % 8u * 4u;
    let row = rows_of(m);
    var s = mat4x4<f32>();
    let first = tile / TILES_N * 32u;
    let k_end = min((workgroup.z + 1u) * PART_K, begin_tile(first, first + 31u));
    for (var k = workgroup.z * PART_K; k < k_end; k += 4u) {
        let a = load_rows(row, k);
        if (B_ALONG_K) {
            s += transpose(mat4x4(load_b(k, n), load_b(k, n + 1u), load_b(k, n + 2u), load_b(k, n + 3u))) * a;
        } else {
            s += mat4x4(load_b(k, n), load_b(k + 1u, n), load_b(k + 2u, n), load_b(k + 3u, n)) * a;
        }
    }
    store_block(m, n, workgroup.z, s);
}
