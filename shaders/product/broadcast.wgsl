// Matrix product for adapters whose subgroup is 8 lanes: one subgroup makes a tile of 8 ROWS x 4 QUADS, without a barrier.
// A lane holds ROWS rows of A; the lanes load the columns of B together and share them by shuffles from a lane that is
// constant once the loops are unrolled, which the software adapter turns into one instruction.
override TILES_N: u32;
override PART_K: u32;

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let m = (tile / TILES_N * 8u + lane) * ROWS;
    let n = tile % TILES_N * QUADS * 4u;
    var row = array<array<vec4<i32>, 4>, ROWS / 4u>();
    for (var r = 0u; r < ROWS / 4u; r++) { row[r] = rows_of(m + r * 4u); }
    // s[q][r] is row r, columns 4q..4q+3.
    var s = array<array<vec4<f32>, ROWS>, QUADS>();
    let k_end = min((workgroup.z + 1u) * PART_K, begin_tile(tile / TILES_N * 8u * ROWS, (tile / TILES_N + 1u) * 8u * ROWS - 1u));
    for (var k = workgroup.z * PART_K; k < k_end; k += 4u) {
        var a = array<mat4x4<f32>, ROWS / 4u>();
        for (var r = 0u; r < ROWS / 4u; r++) { a[r] = load_rows(row[r], k); }
        // Four k of a column in a lane, or four columns of a k.
        var b = array<vec4<f32>, QUADS / 2u>();
        for (var l = 0u; l < QUADS / 2u; l++) {
            let i = l * 8u + lane;
            if (B_ALONG_K) {
                b[l] = load_b(k, n + i);
            } else {
                b[l] = load_b(k + i / QUADS, n + i % QUADS * 4u);
            }
        }
        add_products(&a, &b, &s);
    }
    for (var q = 0u; q < QUADS; q++) {
        for (var r = 0u; r < ROWS; r += 4u) {
            store_block(m + r, n + q * 4u, workgroup.z, mat4x4(s[q][r], s[q][r + 1u], s[q][r + 2u], s[q][r + 3u]));
        }
    }
}

// Adds the products of four k to columns 4q..4q+3.
fn add_quad(
    q: u32,
    a: ptr<function, array<mat4x4<f32>, ROWS / 4u>>,
    b: ptr<function, array<vec4<f32>, QUADS / 2u>>,
    s: ptr<function, array<array<vec4<f32>, ROWS>, QUADS>>,
) {
    var t = mat4x4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let i = select(j * QUADS + q, q * 4u + j, B_ALONG_K);
        t[j] = subgroupShuffle((*b)[i / 8u], i % 8u);
    }
    if (B_ALONG_K) { t = transpose(t); }
    for (var r = 0u; r < ROWS; r++) {
        let four = (*a)[r / 4u][r % 4u];
        (*s)[q][r] = (*s)[q][r] + four.x * t[0] + four.y * t[1] + four.z * t[2] + four.w * t[3];
    }
}
