// Convolution by a kernel of three columns with a stride of 1, for adapters whose subgroup is LANES lanes, 8 or 16. A lane
// makes PIXELS rows of the result, 4 or 8, and 16 columns. The rows are neighbours in a line of LINE rows; a line may end
// within the last lane that makes some of it. A trip of the loop takes 12 k: three columns of a row of the kernel and four
// channels. It loads the pixels that those rows see once for all three columns.
// Two neighbouring rows, a tile, see four pixels. Their six products are made from four, by Winograd's algorithm F(2, 3) in
// one dimension (S. Winograd, Arithmetic complexity of computations, 1980): with pixels d0 to d3 and weights g0 to g2,
//   m0 = (d0 - d2) g0, m1 = (d1 + d2) (g0 + g1 + g2) / 2, m2 = (d2 - d1) (g0 - g1 + g2) / 2, m3 = (d3 - d1) g2,
// the rows are m0 + m1 + m2 and m1 - m2 + m3. Its rounding errors are about those of the six products. The first row does
// not depend on d3, nor the second on d0, so what is behind the end of a line does no harm.
// If POOLED, rows come in windows of 2 x 2 cells, so those of a lane see two lines of pixels at once.
// b = the weights' part of m0 to m3 as conv2d/pack orders them, so that consecutive trips read consecutive texels.
override TILES_N: u32;
override LINE: u32;

// Tiles of a lane.
const TILES = PIXELS / 2u;
// Loads of a lane for four points of four k of all columns.
const LOADS = 64u / LANES;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let group = tile / TILES_N * LANES + lane;
    let line = min(group / groups(), M / LINE - 1u);
    let m = line * LINE + group % groups() * PIXELS;
    // Rows from here on are not this lane's.
    let end = select((line + 1u) * LINE, 0u, group / groups() != line);
    let n = tile % TILES_N * 16u;
    let row = a_row(m);
    // s[p][r] is row r, columns 2p and 2p + 1.
    var s = array<array<vec2<f32>, PIXELS>, 8>();
    var w = tile % TILES_N * KH * tap_channels() * 64u + lane * 4u;
    var ky = 0u;
    var c = 0u;
    loop {
        let upper = tap_line(row, ky);
        let lower = tap_line(row, ky + 1u);
        // Of each point and each of four k, four vectors of four columns.
        var b = array<vec4<f32>, LOADS>();
        for (var l = 0u; l < LOADS; l++) { b[l] = read_b(w + l * LANES * 4u); }
        w += 256u;
        var a = array<vec4<f32>, PIXELS + 4u>();
        if (lends()) {
            for (var p = 1u; p <= PIXELS; p++) { a[p] = load_pixel(upper, p, c); }
            if (groups() > 1u) {
                let before = subgroupShuffle(a[PIXELS], (lane - 1u) % LANES);
                let behind = subgroupShuffle(a[1], (lane + 1u) % LANES);
                a[0] = select(vec4<f32>(), before, upper.y >= 0);
                a[PIXELS + 1u] = select(vec4<f32>(), behind, upper.y + i32(PIXELS) + 1 < tap_width());
            }
        } else {
            for (var p = 0u; p < seen(); p++) {
                a[p] = load_pixel(upper, p, c);
                if (POOLED) { a[seen() + p] = load_pixel(lower, p, c); }
            }
        }
        // v[i][t] is the pixels' part of point i of tile t.
        var v = array<array<vec4<f32>, TILES>, 4>();
        for (var t = 0u; t < TILES; t++) {
            let p = first_pixel(t);
            v[0][t] = a[p] - a[p + 2u];
            v[1][t] = a[p + 1u] + a[p + 2u];
            v[2][t] = a[p + 2u] - a[p + 1u];
            v[3][t] = a[p + 3u] - a[p + 1u];
        }
        // Two columns at a time, so that their sums stay in registers for twelve k. They are written out, because
        // Mesa 25's driver does not unroll a loop of this length.
        add_columns(0u, &v, &b, &s);
        add_columns(1u, &v, &b, &s);
        add_columns(2u, &v, &b, &s);
        add_columns(3u, &v, &b, &s);
        add_columns(4u, &v, &b, &s);
        add_columns(5u, &v, &b, &s);
        add_columns(6u, &v, &b, &s);
        add_columns(7u, &v, &b, &s);
        continuing {
            c += 4u;
            if (c == tap_channels()) {
                c = 0u;
                ky++;
            }
            break if ky == KH;
        }
    }
    // Written out too: a loop that is not unrolled reads the sums from memory, which takes a hundred times as long.
    store_rows(m, end, n, sums_of(0u, 0u, &s));
    store_rows(m, end, n + 4u, sums_of(0u, 2u, &s));
    store_rows(m, end, n + 8u, sums_of(0u, 4u, &s));
    store_rows(m, end, n + 12u, sums_of(0u, 6u, &s));
    if (PIXELS == 8u) {
        store_rows(m + 4u, end, n, sums_of(PIXELS - 4u, 0u, &s));
        store_rows(m + 4u, end, n + 4u, sums_of(PIXELS - 4u, 2u, &s));
        store_rows(m + 4u, end, n + 8u, sums_of(PIXELS - 4u, 4u, &s));
        store_rows(m + 4u, end, n + 12u, sums_of(PIXELS - 4u, 6u, &s));
    }
}

// Rows r to r + 3 of columns 2p to 2p + 3.
fn sums_of(r: u32, p: u32, s: ptr<function, array<array<vec2<f32>, PIXELS>, 8>>) -> mat4x4<f32> {
    return mat4x4(
        vec4((*s)[p][r], (*s)[p + 1u][r]),
        vec4((*s)[p][r + 1u], (*s)[p + 1u][r + 1u]),
        vec4((*s)[p][r + 2u], (*s)[p + 1u][r + 2u]),
        vec4((*s)[p][r + 3u], (*s)[p + 1u][r + 3u]),
    );
}

// Lanes that make a line.
fn groups() -> u32 {
    return (LINE + PIXELS - 1u) / PIXELS;
}

// Pixels of a line of pixels that a lane sees.
fn seen() -> u32 {
    return select(PIXELS, PIXELS / 2u, POOLED) + 2u;
}

// Whether the pixels of a line are as many as its rows, and the lanes that make a line are neighbours in one subgroup. Then
// a lane gets what it sees of its neighbours' pixels from them. More than 8 lanes are slow at that.
fn lends() -> bool {
    return !POOLED && LANES == 8u && LINE % PIXELS == 0u && LANES % groups() == 0u && tap_is_centred();
}

// Pixel p of those that a lane sees of a line, from channel c on; zero outside. line = (whether it is inside, x of pixel 0,
// its first float, 0).
fn load_pixel(line: vec4<i32>, p: u32, c: u32) -> vec4<f32> {
    let i = line.z + i32(p * tap_channels() + c);
    if (!tap_reaches_outside() && LINE % PIXELS == 0u) { return read_a(u32(i)); }
    let x = line.y + i32(p);
    // All pixels but the outer ones are those of whole lanes.
    let in_line = lends() || x >= 0 && x < tap_width();
    let inside = line.x != 0 && in_line;
    return select(vec4<f32>(), read_a(u32(select(0, i, inside))), inside);
}

// The first of the four pixels that tile t sees, of those that its lane sees.
fn first_pixel(t: u32) -> u32 {
    return select(2u * t, t / 2u * 2u + t % 2u * seen(), POOLED);
}

// The weights' part of a point of k number j, for columns 2p and 2p + 1.
fn weights_of(p: u32, point: u32, j: u32, b: ptr<function, array<vec4<f32>, LOADS>>) -> vec2<f32> {
    let i = point * 16u + j * 4u + p / 2u;
    let four = (*b)[i / LANES];
    return subgroupShuffle(select(four.xy, four.zw, p % 2u == 1u), i % LANES);
}

// Adds the products of twelve k to columns 2p and 2p + 1.
fn add_columns(
    p: u32,
    v: ptr<function, array<array<vec4<f32>, TILES>, 4>>,
    b: ptr<function, array<vec4<f32>, LOADS>>,
    s: ptr<function, array<array<vec2<f32>, PIXELS>, 8>>,
) {
    for (var j = 0u; j < 4u; j++) {
        let w = weights_of(p, 0u, j, b);
        for (var t = 0u; t < TILES; t++) { (*s)[p][2u * t] += (*v)[0][t][j] * w; }
    }
    for (var j = 0u; j < 4u; j++) {
        let w = weights_of(p, 3u, j, b);
        for (var t = 0u; t < TILES; t++) { (*s)[p][2u * t + 1u] += (*v)[3][t][j] * w; }
    }
    var m1 = array<vec2<f32>, TILES>();
    var m2 = array<vec2<f32>, TILES>();
    for (var j = 0u; j < 4u; j++) {
        let w1 = weights_of(p, 1u, j, b);
        let w2 = weights_of(p, 2u, j, b);
        for (var t = 0u; t < TILES; t++) {
            m1[t] += (*v)[1][t][j] * w1;
            m2[t] += (*v)[2][t][j] * w2;
        }
    }
    for (var t = 0u; t < TILES; t++) {
        (*s)[p][2u * t] += m1[t] + m2[t];
        (*s)[p][2u * t + 1u] += m1[t] - m2[t];
    }
}
