// Matrix product for GPUs: 16 x 16 invocations make a tile of 64 x 64, four by four each, from slices of 16 k that they
// load into workgroup memory together.
override TILES_N: u32;
override PART_K: u32;

// [k, m] and [k, n]. Floats, not vec4: WGSL lets a write to one component of a shared vector rewrite its neighbours.
var<workgroup> a_tile: array<f32, 1024>;
var<workgroup> b_tile: array<f32, 1024>;

fn put_a(i: u32, stride: u32, v: vec4<f32>) {
    a_tile[i] = v.x;
    a_tile[i + stride] = v.y;
    a_tile[i + 2u * stride] = v.z;
    a_tile[i + 3u * stride] = v.w;
}

fn put_b(i: u32, stride: u32, v: vec4<f32>) {
    b_tile[i] = v.x;
    b_tile[i + stride] = v.y;
    b_tile[i + 2u * stride] = v.z;
    b_tile[i + 3u * stride] = v.w;
}

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let m0 = tile / TILES_N * 64u;
    let n0 = tile % TILES_N * 64u;
    let i = invocation % 16u;
    let j = invocation / 16u;
    // An operand that is contiguous along k is loaded as four k of one row, else as four rows of one k.
    let along = invocation / 4u;
    let k_quad = invocation % 4u * 4u;
    let row = a_row(m0 + select(i * 4u, along, A_ALONG_K));
    var s = mat4x4<f32>();
    let k_end = min((workgroup.z + 1u) * PART_K, begin_tile(m0, m0 + 63u));
    for (var k = workgroup.z * PART_K; k < k_end; k += 16u) {
        var v = vec4<f32>();
        if (A_ALONG_K) {
            if (k + k_quad < k_end) { v = load_a(row, a_columns(k + k_quad)[0]); }
            put_a(k_quad * 64u + along, 64u, v);
        } else {
            if (k + j < k_end) { v = load_a(row, a_columns(k + j)[0]); }
            put_a(j * 64u + i * 4u, 1u, v);
        }
        v = vec4<f32>();
        if (B_ALONG_K) {
            if (k + k_quad < k_end) { v = load_b(k + k_quad, n0 + along); }
            put_b(k_quad * 64u + along, 64u, v);
        } else {
            if (k + j < k_end) { v = load_b(k + j, n0 + i * 4u); }
            put_b(j * 64u + i * 4u, 1u, v);
        }
        workgroupBarrier();
        for (var e = 0u; e < 16u; e++) {
            let p = e * 64u + j * 4u;
            let q = e * 64u + i * 4u;
            let b = vec4(b_tile[q], b_tile[q + 1u], b_tile[q + 2u], b_tile[q + 3u]);
            s += mat4x4(b * a_tile[p], b * a_tile[p + 1u], b * a_tile[p + 2u], b * a_tile[p + 3u]);
        }
        workgroupBarrier();
    }
    store_block(m0 + j * 4u, n0 + i * 4u, workgroup.z, s);
}
