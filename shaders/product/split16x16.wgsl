// Matrix product for GPUs, where tiles of 64 x 64 are too few to keep the adapter busy: a workgroup makes a tile of
// 16 x 16. Its 16 groups of 16 invocations share the reduction. A group takes every sixteenth four of k, straight from
// the operands, and the groups' sums are added in the order of the groups.
override TILES_N: u32;
override PART_K: u32;

// Sums: [group, row of a block, block]
var<workgroup> fours: array<vec4<f32>, 1024>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let group = invocation / 16u;
    let block = invocation % 16u;
    let first = tile / TILES_N * 16u;
    let m = first + block / 4u * 4u;
    let n = tile % TILES_N * 16u + block % 4u * 4u;
    let row = rows_of(m);
    var s = mat4x4<f32>();
    let k_end = min((workgroup.z + 1u) * PART_K, begin_tile(first, first + 15u));
    for (var k = workgroup.z * PART_K + group * 4u; k < k_end; k += 64u) {
        let a = load_rows(row, k);
        if (B_ALONG_K) {
            s += transpose(mat4x4(load_b(k, n), load_b(k, n + 1u), load_b(k, n + 2u), load_b(k, n + 3u))) * a;
        } else {
            s += mat4x4(load_b(k, n), load_b(k + 1u, n), load_b(k + 2u, n), load_b(k + 3u, n)) * a;
        }
    }
    for (var j = 0u; j < 4u; j++) { fours[group * 64u + j * 16u + block] = s[j]; }
    workgroupBarrier();
    if (invocation < 64u) {
        var sum = fours[invocation];
        for (var other = 1u; other < 16u; other++) { sum += fours[other * 64u + invocation]; }
        fours[invocation] = sum;
    }
    workgroupBarrier();
    if (invocation < 16u) {
        store_block(m, n, workgroup.z, mat4x4(fours[block], fours[16u + block], fours[32u + block], fours[48u + block]));
    }
}
