// Matrix product for adapters whose subgroup is LANES lanes, 8 or 16: one subgroup makes a tile of LANES ROWS x 4 QUADS,
// without a barrier.
// A lane holds ROWS rows of A; the lanes load the columns of B together and share them by shuffles from a lane that is
// constant once the loops are unrolled, which the software adapter turns into one instruction.
override TILES_N: u32;
override PART_K: u32;

// Loads of a lane for four k of all columns.
const LOADS = 4u * QUADS / LANES;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let m = (tile / TILES_N * LANES + lane) * ROWS;
    let n = tile % TILES_N * QUADS * 4u;
    var row = array<array<vec4<i32>, 4>, ROWS / 4u>();
    for (var r = 0u; r < ROWS / 4u; r++) { row[r] = rows_of(m + r * 4u); }
    // s[q][r] is row r, columns 4q..4q+3.
    var s = array<array<vec4<f32>, ROWS>, QUADS>();
    let k_end = min((workgroup.z + 1u) * PART_K, begin_tile(tile / TILES_N * LANES * ROWS, (tile / TILES_N + 1u) * LANES * ROWS - 1u));
    // Eight k a trip: llvmpipe stores each sum to memory at the end of a trip, and loads it again. The condition stands at the
    // end, since at the beginning of a loop it runs the body once more, for nothing.
    var k = workgroup.z * PART_K;
    if (k < k_end) {
        loop {
            add_four(&row, k, n, lane, true, &s);
            let exists = k + 4u < k_end;
            add_four(&row, select(k, k + 4u, exists), n, lane, exists, &s);
            continuing {
                k += 8u;
                break if k >= k_end;
            }
        }
    }
    for (var q = 0u; q < QUADS; q++) {
        for (var r = 0u; r < ROWS; r += 4u) {
            store_block(m + r, n + q * 4u, workgroup.z, mat4x4(s[q][r], s[q][r + 1u], s[q][r + 2u], s[q][r + 3u]));
        }
    }
}

// Adds the products of the four k from k on, if they count.
fn add_four(
    row: ptr<function, array<array<vec4<i32>, 4>, ROWS / 4u>>,
    k: u32,
    n: u32,
    lane: u32,
    counts: bool,
    s: ptr<function, array<array<vec4<f32>, ROWS>, QUADS>>,
) {
    var a = array<mat4x4<f32>, ROWS / 4u>();
    for (var r = 0u; r < ROWS / 4u; r++) { a[r] = load_rows((*row)[r], k); }
    // Four k of a column in a lane, or four columns of a k.
    var b = array<vec4<f32>, LOADS>();
    for (var l = 0u; l < LOADS; l++) {
        let i = l * LANES + lane;
        if (B_ALONG_K) {
            b[l] = load_b(k, n + i);
        } else {
            b[l] = load_b(k + i / QUADS, n + i % QUADS * 4u);
        }
        b[l] = select(vec4<f32>(), b[l], counts);
    }
    add_products(&a, &b, s);
}

// Written out, because Mesa 25's driver does not unroll a loop of this length, and then keeps the sums in memory.
fn add_products(
    a: ptr<function, array<mat4x4<f32>, ROWS / 4u>>,
    b: ptr<function, array<vec4<f32>, LOADS>>,
    s: ptr<function, array<array<vec4<f32>, ROWS>, QUADS>>,
) {
    add_quad(0u, a, b, s);
    add_quad(1u, a, b, s);
    add_quad(2u, a, b, s);
    add_quad(3u, a, b, s);
    if (QUADS == 8u) {
        add_quad(4u, a, b, s);
        add_quad(5u, a, b, s);
        add_quad(6u, a, b, s);
        add_quad(7u, a, b, s);
    }
}

// Adds the products of four k to columns 4q..4q+3.
fn add_quad(
    q: u32,
    a: ptr<function, array<mat4x4<f32>, ROWS / 4u>>,
    b: ptr<function, array<vec4<f32>, LOADS>>,
    s: ptr<function, array<array<vec4<f32>, ROWS>, QUADS>>,
) {
    var t = mat4x4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let i = select(j * QUADS + q, q * 4u + j, B_ALONG_K);
        t[j] = subgroupShuffle((*b)[i / LANES], i % LANES);
    }
    if (B_ALONG_K) { t = transpose(t); }
    for (var r = 0u; r < ROWS; r++) {
        let four = (*a)[r / 4u][r % 4u];
        (*s)[q][r] = (*s)[q][r] + four.x * t[0] + four.y * t[1] + four.z * t[2] + four.w * t[3];
    }
}
