// Convolution by a kernel of three columns with a stride of 1, for adapters whose subgroup is LANES lanes, 8 or 16. A lane
// makes PIXELS rows of the result, 4 or 8, and 16 columns. The rows are neighbours in a line of LINE rows; a line may end
// within the last lane that makes some of it. A trip of the loop takes 12 k: three columns of a row of the kernel and four
// channels. It loads the pixels that those rows see once for all three columns.
// The rows are those of two tiles. A tile of two neighbouring rows sees four pixels, and one of four rows six. Their products with
// the three columns of the kernel, six or twelve, are made from as many as there are pixels, by Winograd's algorithms F(2, 3)
// and F(4, 3) in one dimension (S. Winograd, Arithmetic complexity of computations, 1980): y = A^T ((G g) * (B^T d)), where d are
// the pixels and g the weights. The sums over all channels and rows of the kernel are taken before A^T. F(2, 3) evaluates
// polynomials at 0, 1, -1 and infinity, and F(4, 3) at the points that winograd/output.wgsl names. A row of a tile of four
// depends on pixels that it does not see by rounding alone.
// If POOLED, rows come in windows of 2 x 2 cells, so those of a lane see two lines of pixels at once.
// b = G g as conv2d/pack orders it, so that consecutive trips read consecutive texels.
override TILES_N: u32;
override LINE: u32;
override LINES: u32; // of an image
// Images of a block, whose lines of one height follow each other, so that those of a subgroup skip rows of the kernel alike.
override IMAGES: u32;

// Rows of a tile, the pixels that it sees, and how many products it takes.
const TILE = PIXELS / 2u;
const POINTS = TILE + 2u;
// Loads of a lane for four k of all columns at a point.
const LOADS = 16u / LANES;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let group = tile / TILES_N * LANES + lane;
    let number = line_number(group);
    let line = line_of(number);
    let m = line * LINE + group % groups() * PIXELS;
    // Rows from here on are not this lane's.
    let end = select((line + 1u) * LINE, 0u, group / groups() != number);
    let seen_rows = rows_seen(line_number(group - lane), line_number(group - lane + LANES - 1u));
    let n = tile % TILES_N * 16u;
    let row = a_row(m);
    // s[p][i][t] is point i of tile t, columns 2p and 2p + 1.
    var s = array<array<array<vec2<f32>, 2>, POINTS>, 8>();
    var ky = seen_rows.x;
    var w = (tile % TILES_N * KH + ky) * tap_channels() * (POINTS * 16u) + lane * 4u;
    var c = 0u;
    loop {
        let upper = tap_line(row, ky);
        let lower = tap_line(row, ky + 1u);
        var a = array<vec4<f32>, PIXELS + 4u>();
        if (lends()) {
            for (var p = 1u; p <= PIXELS; p++) { a[p] = load_pixel(upper, p, c); }
            if (groups() > 1u) {
                let before = subgroupShuffle(a[PIXELS], (lane - 1u) % LANES);
                let behind = subgroupShuffle(a[1], (lane + 1u) % LANES);
                a[0] = select(vec4<f32>(), before, upper.y >= 0);
                a[PIXELS + 1u] = select(vec4<f32>(), behind, upper.y + i32(PIXELS) + 1 < tap_width());
            }
        } else if (tap_takes_windows()) {
            let odd = u32(tap_odd());
            for (var i = 0u; i < (seen() + 1u + odd) / 2u; i++) {
                let pixels = tap_window(upper, i, c);
                if (2u * i >= odd) { a[2u * i - odd] = pixels[0]; }
                if (2u * i + 1u - odd < seen()) { a[2u * i + 1u - odd] = pixels[1]; }
            }
        } else {
            for (var p = 0u; p < seen(); p++) {
                a[p] = load_pixel(upper, p, c);
                if (POOLED) { a[seen() + p] = load_pixel(lower, p, c); }
            }
        }
        // v[i][t] is B^T d at point i of tile t.
        var v = array<array<vec4<f32>, 2>, POINTS>();
        for (var t = 0u; t < 2u; t++) {
            let p = t * select(TILE, seen(), POOLED);
            if (TILE == 2u) {
                v[0][t] = a[p] - a[p + 2u];
                v[1][t] = a[p + 1u] + a[p + 2u];
                v[2][t] = a[p + 2u] - a[p + 1u];
                v[3][t] = a[p + 3u] - a[p + 1u];
            } else {
                let even_a = a[p + 4u] - 2.25 * a[p + 2u];
                let odd_a = 0.75 * (a[p + 3u] - 2.25 * a[p + 1u]);
                let even_b = a[p + 4u] - 0.5625 * a[p + 2u];
                let odd_b = 1.5 * (a[p + 3u] - 0.5625 * a[p + 1u]);
                v[0][t] = 1.265625 * a[p] - 2.8125 * a[p + 2u] + a[p + 4u];
                v[1][t] = even_a + odd_a;
                v[2][t] = even_a - odd_a;
                v[3][t] = even_b + odd_b;
                v[POINTS - 2u][t] = even_b - odd_b;
                v[POINTS - 1u][t] = 1.265625 * a[p + 1u] - 2.8125 * a[p + 3u] + a[p + 5u];
            }
        }
        // A point at a time, so that its weights are on their way while the sums of the point before are taken. They are
        // written out, because Mesa 25's driver does not unroll a loop of this length.
        add_point(0u, w, &v, &s);
        add_point(1u, w, &v, &s);
        add_point(2u, w, &v, &s);
        add_point(3u, w, &v, &s);
        if (POINTS == 6u) {
            add_point(POINTS - 2u, w, &v, &s);
            add_point(POINTS - 1u, w, &v, &s);
        }
        w += POINTS * 64u;
        continuing {
            c += 4u;
            if (c == tap_channels()) {
                c = 0u;
                ky++;
            }
            break if ky >= seen_rows.y;
        }
    }
    // Written out too: a loop that is not unrolled reads the sums from memory, which takes a hundred times as long.
    store_columns(m, end, n, 0u, &s);
    store_columns(m, end, n, 1u, &s);
    store_columns(m, end, n, 2u, &s);
    store_columns(m, end, n, 3u, &s);
}

// Stores the rows of columns n + 4q to n + 4q + 3.
fn store_columns(m: u32, end: u32, n: u32, q: u32, s: ptr<function, array<array<array<vec2<f32>, 2>, POINTS>, 8>>) {
    let y = rows_of(q, 0u, s);
    let z = rows_of(q, 1u, s);
    if (POOLED || TILE == 2u) {
        store_rows(m, end, n + 4u * q, mat4x4(y[0], y[1], z[0], z[1]));
        if (TILE == 4u) { store_rows(m + 4u, end, n + 4u * q, mat4x4(y[2], y[3], z[2], z[3])); }
    } else {
        store_rows(m, end, n + 4u * q, mat4x4(y[0], y[1], y[2], y[3]));
        store_rows(m + 4u, end, n + 4u * q, mat4x4(z[0], z[1], z[2], z[3]));
    }
}

// Columns 4q to 4q + 3 of the rows of tile t: A^T applied to the sums.
fn rows_of(q: u32, t: u32, s: ptr<function, array<array<array<vec2<f32>, 2>, POINTS>, 8>>) -> array<vec4<f32>, 4> {
    let first = vec4((*s)[2u * q][0][t], (*s)[2u * q + 1u][0][t]);
    let last = vec4((*s)[2u * q][POINTS - 1u][t], (*s)[2u * q + 1u][POINTS - 1u][t]);
    let m1 = vec4((*s)[2u * q][1][t], (*s)[2u * q + 1u][1][t]);
    let m2 = vec4((*s)[2u * q][2][t], (*s)[2u * q + 1u][2][t]);
    let even_a = m1 + m2;
    let odd_a = m1 - m2;
    if (TILE == 2u) { return array(first + even_a, odd_a + last, vec4<f32>(), vec4<f32>()); }
    let m3 = vec4((*s)[2u * q][3][t], (*s)[2u * q + 1u][3][t]);
    let m4 = vec4((*s)[2u * q][POINTS - 2u][t], (*s)[2u * q + 1u][POINTS - 2u][t]);
    let even_b = m3 + m4;
    let odd_b = m3 - m4;
    return array(
        first + even_a + even_b,
        0.75 * odd_a + 1.5 * odd_b,
        0.5625 * even_a + 2.25 * even_b,
        0.421875 * odd_a + 3.375 * odd_b + last,
    );
}

// The line, counted in the order of the lanes, that a group of rows belongs to.
fn line_number(group: u32) -> u32 {
    return min(group / groups(), M / LINE - 1u);
}

// The line of the result with that number.
fn line_of(number: u32) -> u32 {
    let place = number % (IMAGES * LINES);
    return (number / (IMAGES * LINES) * IMAGES + place % IMAGES) * LINES + place / IMAGES;
}

// The rows of the kernel that see pixels from the lines with these numbers: the first one, and the one behind the last.
fn rows_seen(first: u32, last: u32) -> vec2<u32> {
    if (!tap_reaches_outside() || first / (IMAGES * LINES) != last / (IMAGES * LINES)) { return vec2(0u, KH); }
    let rows = tap_rows(a_row(line_of(first) * LINE).x, a_row(line_of(last) * LINE).x);
    // A trip is made in any case, over pixels that are zero.
    return vec2<u32>(clamp(rows, vec2(0), vec2(i32(KH) - 1, i32(KH))));
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
    let pixels = !POOLED && !tap_takes_windows() && tap_is_centred();
    return pixels && LANES == 8u && LINE % PIXELS == 0u && LANES % groups() == 0u;
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

// Adds the products of four k at point i to all columns. Their weights are from w on.
fn add_point(
    i: u32,
    w: u32,
    v: ptr<function, array<array<vec4<f32>, 2>, POINTS>>,
    s: ptr<function, array<array<array<vec2<f32>, 2>, POINTS>, 8>>,
) {
    // Of each of four k, four vectors of four columns.
    var b = array<vec4<f32>, LOADS>();
    for (var l = 0u; l < LOADS; l++) { b[l] = read_b(w + (i * LOADS + l) * LANES * 4u); }
    add_columns(0u, i, v, &b, s);
    add_columns(1u, i, v, &b, s);
    add_columns(2u, i, v, &b, s);
    add_columns(3u, i, v, &b, s);
    add_columns(4u, i, v, &b, s);
    add_columns(5u, i, v, &b, s);
    add_columns(6u, i, v, &b, s);
    add_columns(7u, i, v, &b, s);
}

// Adds to columns 2p and 2p + 1.
fn add_columns(
    p: u32,
    i: u32,
    v: ptr<function, array<array<vec4<f32>, 2>, POINTS>>,
    b: ptr<function, array<vec4<f32>, LOADS>>,
    s: ptr<function, array<array<array<vec2<f32>, 2>, POINTS>, 8>>,
) {
    for (var j = 0u; j < 4u; j++) {
        let place = j * 4u + p / 2u;
        let four = (*b)[place / LANES];
        let w = subgroupShuffle(select(four.xy, four.zw, p % 2u == 1u), place % LANES);
        for (var t = 0u; t < 2u; t++) { (*s)[p][i][t] += (*v)[i][t][j] * w; }
    }
}
