// The 36 products of Winograd's algorithm, for adapters whose subgroup is LANES lanes, 8 or 16. One subgroup makes LANES * 4
// rows by 32 columns of a place, and a lane four rows. A trip of the loop takes eight k: llvmpipe merges every sum with its old
// value by the execution mask at the end of a trip, so trips should be few. Another file says how operands are read, in the
// order in which they lie in memory, and how rows are stored.
override ROW_TILES: u32;
override COLUMN_TILES: u32;
override LENGTH: u32;

// Loads of a lane for eight k of all columns.
const LOADS = 64u / LANES;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let place = tile / COLUMN_TILES / ROW_TILES;
    let group = tile / COLUMN_TILES % ROW_TILES * LANES + lane;
    let block = tile % COLUMN_TILES;
    begin_product(place, group, block, lane);
    // s[q][r] is row r, columns 4q to 4q + 3.
    var s = array<array<vec4<f32>, 4>, 8>();
    var k = 0u;
    // With its condition at the end: a loop that breaks at its beginning runs once more there, with all lanes off.
    loop {
        let a = load_rows(k);
        var b = array<vec4<f32>, LOADS>();
        for (var l = 0u; l < LOADS; l++) { b[l] = load_columns(k, l, lane); }
        // Written out, because Mesa 25's driver does not unroll a loop of this length.
        add_quad(0u, a, &b, &s);
        add_quad(1u, a, &b, &s);
        add_quad(2u, a, &b, &s);
        add_quad(3u, a, &b, &s);
        add_quad(4u, a, &b, &s);
        add_quad(5u, a, &b, &s);
        add_quad(6u, a, &b, &s);
        add_quad(7u, a, &b, &s);
        continuing {
            k += 8u;
            break if k >= LENGTH;
        }
    }
    store_rows(place, group, block * 32u, s[0]);
    store_rows(place, group, block * 32u + 4u, s[1]);
    store_rows(place, group, block * 32u + 8u, s[2]);
    store_rows(place, group, block * 32u + 12u, s[3]);
    store_rows(place, group, block * 32u + 16u, s[4]);
    store_rows(place, group, block * 32u + 20u, s[5]);
    store_rows(place, group, block * 32u + 24u, s[6]);
    store_rows(place, group, block * 32u + 28u, s[7]);
}

// Adds the products of eight k to columns 4q to 4q + 3. a has four rows of each k.
fn add_quad(
    q: u32,
    a: array<vec4<f32>, 8>,
    b: ptr<function, array<vec4<f32>, LOADS>>,
    s: ptr<function, array<array<vec4<f32>, 4>, 8>>,
) {
    for (var k = 0u; k < 8u; k++) {
        let i = k * 8u + q;
        let t = subgroupShuffle((*b)[i / LANES], i % LANES);
        for (var r = 0u; r < 4u; r++) { (*s)[q][r] += a[k][r] * t; }
    }
}
