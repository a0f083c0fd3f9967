// Matrix product for GPUs: 16 rows of COLUMNS / 4 invocations make a tile of 64 x COLUMNS, four by four each, from slices
// of 16 k that they load into workgroup memory together. While they compute with a slice, the next one is on its way
// into registers. Another file defines COLUMNS.
override TILES_N: u32;
override PART_K: u32;

const INVOCATIONS = 4u * COLUMNS;
const BLOCKS = COLUMNS / 4u; // in a row of the tile
const LOADS = 64u / COLUMNS; // fours of A that an invocation loads of a slice; of B it loads one

// An operand that is contiguous along k is kept as rows of four fours of k, each row with one four more, so that rows
// begin in different banks of memory. Its rows are kept in an order in which invocations that are neighbours read
// neighbours: all first rows of the blocks, then all second rows. Any other operand is kept as [k, row / 4], four rows
// together.
var<workgroup> a_tile: array<vec4<f32>, 320>;
var<workgroup> b_tile: array<vec4<f32>, 5u * COLUMNS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let m0 = tile / TILES_N * 64u;
    let n0 = tile % TILES_N * COLUMNS;
    let i = invocation % BLOCKS;
    let j = invocation / BLOCKS;
    // What an invocation loads of a slice: four k of one row, or one k of four rows.
    let place = invocation / 4u;
    let quad = invocation % 4u;
    let b_k = select(j, quad * 4u, B_ALONG_K);
    let n = n0 + select(i * 4u, place % BLOCKS * 4u + place / BLOCKS, B_ALONG_K);
    let b_place = select(invocation, place * 5u + quad, B_ALONG_K);
    var rows: array<vec4<i32>, LOADS>;
    for (var l = 0u; l < LOADS; l++) { rows[l] = a_row(m0 + select(invocation % 16u * 4u, row_of(invocation, l), A_ALONG_K)); }
    var s = mat4x4<f32>();
    var k = workgroup.z * PART_K;
    let k_end = min(k + PART_K, begin_tile(m0, m0 + 63u));
    var a: array<vec4<f32>, LOADS>;
    for (var l = 0u; l < LOADS; l++) { a[l] = fetch_a(rows[l], k, k_end, invocation, l); }
    var b = fetch_b(k + b_k, k_end, n);
    while (k < k_end) {
        for (var l = 0u; l < LOADS; l++) {
            let t = invocation + l * INVOCATIONS;
            a_tile[select(t, t / 4u * 5u + t % 4u, A_ALONG_K)] = a[l];
        }
        b_tile[b_place] = b;
        workgroupBarrier();
        k += 16u;
        for (var l = 0u; l < LOADS; l++) { a[l] = fetch_a(rows[l], k, k_end, invocation, l); }
        b = fetch_b(k + b_k, k_end, n);
        for (var e = 0u; e < 4u; e++) {
            let four_a = four_of_a(e, j);
            let four_b = four_of_b(e, i);
            s += outer(four_a[0], four_b[0]);
            s += outer(four_a[1], four_b[1]);
            s += outer(four_a[2], four_b[2]);
            s += outer(four_a[3], four_b[3]);
        }
        workgroupBarrier();
    }
    store_block(m0 + j * 4u, n0 + i * 4u, workgroup.z, s);
}

// Row of the tile whose k an invocation loads in its load l.
fn row_of(invocation: u32, l: u32) -> u32 {
    let place = (invocation + l * INVOCATIONS) / 4u;
    return place % 16u * 4u + place / 16u;
}

// What an invocation loads of A in its load l, from the slice from k on; zero past the end.
fn fetch_a(row: vec4<i32>, k: u32, k_end: u32, invocation: u32, l: u32) -> vec4<f32> {
    let own = k + select((invocation + l * INVOCATIONS) / 16u, invocation % 4u * 4u, A_ALONG_K);
    if (own < k_end) { return load_a(row, a_columns(own)[0]); }
    return vec4<f32>();
}

fn fetch_b(k: u32, k_end: u32, n: u32) -> vec4<f32> {
    if (k < k_end) { return load_b(k, n); }
    return vec4<f32>();
}

fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(b * a.x, b * a.y, b * a.z, b * a.w);
}

// Four k of A from 4e on, the four rows from 4j on of each.
fn four_of_a(e: u32, j: u32) -> mat4x4<f32> {
    if (A_ALONG_K) {
        let p = j * 5u + e;
        return transpose(mat4x4(a_tile[p], a_tile[p + 80u], a_tile[p + 160u], a_tile[p + 240u]));
    }
    let p = e * 64u + j;
    return mat4x4(a_tile[p], a_tile[p + 16u], a_tile[p + 32u], a_tile[p + 48u]);
}

// Four k of B from 4e on, the four columns from 4i on of each.
fn four_of_b(e: u32, i: u32) -> mat4x4<f32> {
    if (B_ALONG_K) {
        let p = i * 5u + e;
        return transpose(mat4x4(b_tile[p], b_tile[p + 5u * BLOCKS], b_tile[p + 10u * BLOCKS], b_tile[p + 15u * BLOCKS]));
    }
    let p = e * COLUMNS + i;
    return mat4x4(b_tile[p], b_tile[p + BLOCKS], b_tile[p + 2u * BLOCKS], b_tile[p + 3u * BLOCKS]);
}
