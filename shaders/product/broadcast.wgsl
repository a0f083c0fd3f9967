// Matrix product for adapters whose subgroup is 8 lanes: one subgroup makes a tile of 32 x 32, without a barrier.
// A lane holds four rows of A; each lane loads a quarter of the B tile's columns and shares them by broadcasts of a
// constant lane, which the software adapter turns into one instruction. s[q][j] is row j, columns 4q..4q+3.
override TILES_N: u32;
override PART_K: u32;


@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let m = tile / TILES_N * 32u + lane * 4u;
    let n = tile % TILES_N * 32u;
    let row = rows_of(m);
    var s0 = mat4x4<f32>();
    var s1 = mat4x4<f32>();
    var s2 = mat4x4<f32>();
    var s3 = mat4x4<f32>();
    var s4 = mat4x4<f32>();
    var s5 = mat4x4<f32>();
    var s6 = mat4x4<f32>();
    var s7 = mat4x4<f32>();
    let k_end = min((workgroup.z + 1u) * PART_K, K);
    for (var k = workgroup.z * PART_K; k < k_end; k += 4u) {
        let a = load_rows(row, k);
        if (B_ALONG_K) {
            let b0 = load_b(k, n + lane);
            let b1 = load_b(k, n + lane + 8u);
            let b2 = load_b(k, n + lane + 16u);
            let b3 = load_b(k, n + lane + 24u);
            s0 += transpose(low(b0)) * a;
            s1 += transpose(high(b0)) * a;
            s2 += transpose(low(b1)) * a;
            s3 += transpose(high(b1)) * a;
            s4 += transpose(low(b2)) * a;
            s5 += transpose(high(b2)) * a;
            s6 += transpose(low(b3)) * a;
            s7 += transpose(high(b3)) * a;
        } else {
            let b0 = load_b(k, n + lane * 4u);
            let b1 = load_b(k + 1u, n + lane * 4u);
            let b2 = load_b(k + 2u, n + lane * 4u);
            let b3 = load_b(k + 3u, n + lane * 4u);
            s0 += mat4x4(subgroupBroadcast(b0, 0u), subgroupBroadcast(b1, 0u), subgroupBroadcast(b2, 0u), subgroupBroadcast(b3, 0u)) * a;
            s1 += mat4x4(subgroupBroadcast(b0, 1u), subgroupBroadcast(b1, 1u), subgroupBroadcast(b2, 1u), subgroupBroadcast(b3, 1u)) * a;
            s2 += mat4x4(subgroupBroadcast(b0, 2u), subgroupBroadcast(b1, 2u), subgroupBroadcast(b2, 2u), subgroupBroadcast(b3, 2u)) * a;
            s3 += mat4x4(subgroupBroadcast(b0, 3u), subgroupBroadcast(b1, 3u), subgroupBroadcast(b2, 3u), subgroupBroadcast(b3, 3u)) * a;
            s4 += mat4x4(subgroupBroadcast(b0, 4u), subgroupBroadcast(b1, 4u), subgroupBroadcast(b2, 4u), subgroupBroadcast(b3, 4u)) * a;
            s5 += mat4x4(subgroupBroadcast(b0, 5u), subgroupBroadcast(b1, 5u), subgroupBroadcast(b2, 5u), subgroupBroadcast(b3, 5u)) * a;
            s6 += mat4x4(subgroupBroadcast(b0, 6u), subgroupBroadcast(b1, 6u), subgroupBroadcast(b2, 6u), subgroupBroadcast(b3, 6u)) * a;
            s7 += mat4x4(subgroupBroadcast(b0, 7u), subgroupBroadcast(b1, 7u), subgroupBroadcast(b2, 7u), subgroupBroadcast(b3, 7u)) * a;
        }
    }
    store_block(m, n, workgroup.z, s0);
    store_block(m, n + 4u, workgroup.z, s1);
    store_block(m, n + 8u, workgroup.z, s2);
    store_block(m, n + 12u, workgroup.z, s3);
    store_block(m, n + 16u, workgroup.z, s4);
    store_block(m, n + 20u, workgroup.z, s5);
    store_block(m, n + 24u, workgroup.z, s6);
    store_block(m, n + 28u, workgroup.z, s7);
}

// The columns of the B tile that lanes 0..3 hold, and those that lanes 4..7 hold.
fn low(b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(subgroupBroadcast(b, 0u), subgroupBroadcast(b, 1u), subgroupBroadcast(b, 2u), subgroupBroadcast(b, 3u));
}

fn high(b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(subgroupBroadcast(b, 4u), subgroupBroadcast(b, 5u), subgroupBroadcast(b, 6u), subgroupBroadcast(b, 7u));
}
