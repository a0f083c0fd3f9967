// Matrix product for GPUs: a workgroup makes a tile of ROWS x COLUMNS, and each of its invocations HEIGHT x WIDTH of that,
// from slices of 16 k that they load into workgroup memory together. While they compute with a slice, the next one is on
// its way into registers. Another file defines the four sizes, which are powers of two.
override TILES_N: u32;
override PART_K: u32;

const INVOCATIONS = ROWS * COLUMNS / (HEIGHT * WIDTH);
const BLOCKS_A = ROWS / 4u;
const BLOCKS_B = COLUMNS / 4u;
// Blocks of 4 x 4 that an invocation computes.
const DOWN = HEIGHT / 4u;
const ACROSS = WIDTH / 4u;
// Fours that an invocation loads of a slice.
const LOADS_A = ROWS * 4u / INVOCATIONS;
const LOADS_B = COLUMNS * 4u / INVOCATIONS;

// An operand that is contiguous along k is kept as rows of four fours of k, each row with one four more, so that rows
// begin in different banks of memory. Its rows are kept in an order in which invocations that are neighbours read
// neighbours: all first rows of the blocks, then all second rows. Any other operand is kept as [k, row / 4], four rows
// together.
// A comes first, and B follows from FIRST_B on.
const FIRST_B = 5u * ROWS;
var<workgroup> fours: array<vec4<f32>, 5u * (ROWS + COLUMNS)>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let m0 = tile / TILES_N * ROWS;
    let n0 = tile % TILES_N * COLUMNS;
    let i = invocation % (COLUMNS / WIDTH);
    let j = invocation / (COLUMNS / WIDTH);
    var rows: array<vec4<i32>, LOADS_A>;
    for (var l = 0u; l < LOADS_A; l++) { rows[l] = a_row(m0 + place_of(invocation, l, BLOCKS_A, A_ALONG_K).x); }
    var s: array<mat4x4<f32>, DOWN * ACROSS>;
    let k = workgroup.z * PART_K;
    let k_end = min(k + PART_K, begin_tile(m0, m0 + ROWS - 1u));
    var a: array<vec4<f32>, LOADS_A>;
    var b: array<vec4<f32>, LOADS_B>;
    var at_a: array<vec2<u32>, LOADS_A>;
    var at_b: array<vec2<u32>, LOADS_B>;
    if (k < k_end) {
        for (var l = 0u; l < LOADS_A; l++) { a[l] = load_at_a(find_a(rows[l], k, k_end, invocation, l), rows[l]); }
        for (var l = 0u; l < LOADS_B; l++) { b[l] = load_at_b(find_b(n0, k, k_end, invocation, l)); }
        for (var l = 0u; l < LOADS_A; l++) { fours[kept_at(invocation, l, A_ALONG_K)] = a[l]; }
        for (var l = 0u; l < LOADS_B; l++) { fours[FIRST_B + kept_at(invocation, l, B_ALONG_K)] = b[l]; }
    }
    workgroupBarrier();
    // The slice behind that in workgroup memory begins at next. The last one has none, and gets some slice.
    var next = k + 16u;
    while (next < k_end + 16u) {
        // That slice, and those behind it up to an end, are walked through.
        let end = min(end_of_walk(next), k_end);
        for (var l = 0u; l < LOADS_A; l++) { at_a[l] = find_a(rows[l], next, k_end, invocation, l); }
        for (var l = 0u; l < LOADS_B; l++) { at_b[l] = find_b(n0, next, k_end, invocation, l); }
        loop {
            for (var l = 0u; l < LOADS_A; l++) {
                a[l] = load_at_a(at_a[l], rows[l]);
                at_a[l].x += steps().x;
            }
            for (var l = 0u; l < LOADS_B; l++) {
                b[l] = load_at_b(at_b[l]);
                at_b[l].x += steps().y;
            }
            for (var e = 0u; e < 4u; e++) {
                var four_b: array<mat4x4<f32>, ACROSS>;
                for (var across = 0u; across < ACROSS; across++) {
                    four_b[across] = four_of_b(e, i + across * (COLUMNS / WIDTH));
                }
                for (var down = 0u; down < DOWN; down++) {
                    let four_a = four_of_a(e, j + down * (ROWS / HEIGHT));
                    for (var across = 0u; across < ACROSS; across++) {
                        var sum = s[down * ACROSS + across];
                        sum += outer(four_a[0], four_b[across][0]);
                        sum += outer(four_a[1], four_b[across][1]);
                        sum += outer(four_a[2], four_b[across][2]);
                        sum += outer(four_a[3], four_b[across][3]);
                        s[down * ACROSS + across] = sum;
                    }
                }
            }
            workgroupBarrier();
            for (var l = 0u; l < LOADS_A; l++) { fours[kept_at(invocation, l, A_ALONG_K)] = a[l]; }
            for (var l = 0u; l < LOADS_B; l++) { fours[FIRST_B + kept_at(invocation, l, B_ALONG_K)] = b[l]; }
            workgroupBarrier();
            continuing {
                next += 16u;
                break if next >= end;
            }
        }
    }
    for (var down = 0u; down < DOWN; down++) {
        for (var across = 0u; across < ACROSS; across++) {
            let m = m0 + (j + down * (ROWS / HEIGHT)) * 4u;
            let n = n0 + (i + across * (COLUMNS / WIDTH)) * 4u;
            store_block(m, n, workgroup.z, s[down * ACROSS + across]);
        }
    }
}

// What an invocation loads in its load l of a slice: the first row (or column, of B), and the first k.
fn place_of(invocation: u32, l: u32, blocks: u32, along_k: bool) -> vec2<u32> {
    if (along_k) {
        let place = (invocation + l * INVOCATIONS) / 4u;
        return vec2(place % blocks * 4u + place / blocks, invocation % 4u * 4u);
    }
    return vec2(invocation % blocks * 4u, invocation / blocks + l * (INVOCATIONS / blocks));
}

// Where that is kept.
fn kept_at(invocation: u32, l: u32, along_k: bool) -> u32 {
    if (along_k) { return invocation / 4u * 5u + invocation % 4u + l * (INVOCATIONS / 4u * 5u); }
    return invocation + l * INVOCATIONS;
}

// Where a four of A is in the slice from k on. Past the end that is the last k, which B multiplies by zero.
fn find_a(row: vec4<i32>, k: u32, k_end: u32, invocation: u32, l: u32) -> vec2<u32> {
    let along = place_of(invocation, l, BLOCKS_A, A_ALONG_K).y;
    if (ends_with_slice()) { return place_a(row, a_columns(min(k, k_end - 16u) + along)[0]); }
    return place_a(row, a_columns(min(k + along, last_k(k_end, A_ALONG_K)))[0]);
}

// Where a four of B is in the slice from k on; nowhere past the end.
fn find_b(n0: u32, k: u32, k_end: u32, invocation: u32, l: u32) -> vec2<u32> {
    let place = place_of(invocation, l, BLOCKS_B, B_ALONG_K);
    if (ends_with_slice()) { return place_b(min(k, k_end - 16u) + place.y, n0 + place.x); }
    let own = k + place.y;
    var found = place_b(min(own, last_k(k_end, B_ALONG_K)), n0 + place.x);
    found.y = select(4u, found.y, own < k_end);
    return found;
}

// Where the last four before the end begins, along k, or the last k.
fn last_k(k_end: u32, along_k: bool) -> u32 {
    let length = select(1u, 4u, along_k);
    return max(k_end, length) - length;
}

fn outer(a: vec4<f32>, b: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(b * a.x, b * a.y, b * a.z, b * a.w);
}

// Four k of A from 4e on, the four rows of each that belong to a block.
fn four_of_a(e: u32, block: u32) -> mat4x4<f32> {
    if (A_ALONG_K) {
        let p = block * 5u + e;
        return transpose(mat4x4(fours[p], fours[p + 5u * BLOCKS_A], fours[p + 10u * BLOCKS_A], fours[p + 15u * BLOCKS_A]));
    }
    let p = e * ROWS + block;
    return mat4x4(fours[p], fours[p + BLOCKS_A], fours[p + 2u * BLOCKS_A], fours[p + 3u * BLOCKS_A]);
}

// Four k of B from 4e on, the four columns of each that belong to a block.
fn four_of_b(e: u32, block: u32) -> mat4x4<f32> {
    if (B_ALONG_K) {
        let p = FIRST_B + block * 5u + e;
        return transpose(mat4x4(fours[p], fours[p + 5u * BLOCKS_B], fours[p + 10u * BLOCKS_B], fours[p + 15u * BLOCKS_B]));
    }
    let p = FIRST_B + e * COLUMNS + block;
    return mat4x4(fours[p], fours[p + BLOCKS_B], fours[p + 2u * BLOCKS_B], fours[p + 3u * BLOCKS_B]);
}
