// A trip of the loop in product/windows over tiles of four pixels of dy in a line, LINES of them below each other. What a tile
// adds to the three taps of a row of the kernel comes from the six pixels of x that they see by Winograd's algorithm F(3, 4) in
// one dimension, which takes six products instead of twelve: A^T ((G dy) * (B^T x)) at the points of winograd/output.wgsl. Sums
// over all tiles are taken before A^T, and so is the scale of each point, which G leaves out.
// Each lane of those that share channels of x loads and transforms a line of x for all, and some of them a second one.

const POINTS = 6u;
const SUMS = 3u * POINTS;
// Lines of x in a trip, and how many of them a lane loads.
const DEPTH = LINES + 2u;
const ROUNDS = (DEPTH + COLUMN_LANES - 1u) / COLUMN_LANES;

fn add_trip(
    image: u32,
    y: u32,
    x: u32,
    c: u32,
    n: u32,
    lane: u32,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
    db: ptr<function, vec4<f32>>,
) {
    // v[i][round] = B^T x at point i.
    var v = array<array<vec4<f32>, ROUNDS>, POINTS>();
    let corner = (i32((image * H + y) * W + x) - PAD_Y * i32(W) - PAD_X) * i32(CIN) + i32(min(c, CIN - 4u));
    for (var round = 0u; round < ROUNDS; round++) {
        let line = round * COLUMN_LANES + lane % COLUMN_LANES;
        let is_line = (line < DEPTH) & (u32(i32(y + line) - PAD_Y) < H);
        var a = array<vec4<f32>, POINTS>();
        for (var p = 0u; p < POINTS; p++) {
            let inside = is_line & (u32(i32(x + p) - PAD_X) < W);
            let i = corner + i32((line * W + p) * CIN);
            a[p] = select(vec4<f32>(), read_a(u32(select(0, i, inside))), inside);
        }
        let even_a = a[4] - 2.25 * a[2];
        let odd_a = 0.75 * (a[3] - 2.25 * a[1]);
        let even_b = a[4] - 0.5625 * a[2];
        let odd_b = 1.5 * (a[3] - 0.5625 * a[1]);
        v[0][round] = 1.265625 * a[0] - 2.8125 * a[2] + a[4];
        v[1][round] = even_a + odd_a;
        v[2][round] = even_a - odd_a;
        v[3][round] = even_b + odd_b;
        v[4][round] = even_b - odd_b;
        v[5][round] = 1.265625 * a[1] - 2.8125 * a[3] + a[5];
    }
    // u[i][line] = G dy at point i.
    var u = array<array<vec4<f32>, LINES>, POINTS>();
    var loaded = array<vec4<f32>, LINES * 4u / GROUPS>();
    for (var l = 0u; l < LINES * 4u / GROUPS; l++) {
        let p = l * GROUPS + lane / COLUMN_LANES;
        loaded[l] = load_dy(image, y + p / 4u, x + p % 4u, min(n, N - 4u));
    }
    for (var line = 0u; line < LINES; line++) {
        let g0 = shared_dy(line * 4u, lane, &loaded);
        let g1 = shared_dy(line * 4u + 1u, lane, &loaded);
        let g2 = shared_dy(line * 4u + 2u, lane, &loaded);
        let g3 = shared_dy(line * 4u + 3u, lane, &loaded);
        let even_a = g0 + 0.5625 * g2;
        let odd_a = 0.75 * (g1 + 0.5625 * g3);
        let even_b = g0 + 2.25 * g2;
        let odd_b = 1.5 * (g1 + 2.25 * g3);
        u[0][line] = g0;
        u[1][line] = even_a + odd_a;
        u[2][line] = even_a - odd_a;
        u[3][line] = even_b + odd_b;
        u[4][line] = even_b - odd_b;
        u[5][line] = g3;
        if (BIAS) { *db += (g0 + g1) + (g2 + g3); }
    }
    // Written out, because Mesa 25's driver does not unroll a loop of this length.
    add_point(0u, lane, &v, &u, s);
    add_point(1u, lane, &v, &u, s);
    add_point(2u, lane, &v, &u, s);
    add_point(3u, lane, &v, &u, s);
    add_point(4u, lane, &v, &u, s);
    add_point(5u, lane, &v, &u, s);
}

// Pixel p of dy, which one of the groups of lanes has loaded for all.
fn shared_dy(p: u32, lane: u32, loaded: ptr<function, array<vec4<f32>, LINES * 4u / GROUPS>>) -> vec4<f32> {
    let own = (*loaded)[p / GROUPS];
    if (GROUPS == 1u) { return own; }
    return subgroupShuffle(own, p % GROUPS * COLUMN_LANES + lane % COLUMN_LANES);
}

// Adds the products at point i to all sums of it.
fn add_point(
    i: u32,
    lane: u32,
    v: ptr<function, array<array<vec4<f32>, ROUNDS>, POINTS>>,
    u: ptr<function, array<array<vec4<f32>, LINES>, POINTS>>,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
) {
    add_channel(i, 0u, lane, v, u, s);
    add_channel(i, 1u, lane, v, u, s);
    add_channel(i, 2u, lane, v, u, s);
    add_channel(i, 3u, lane, v, u, s);
}

fn add_channel(
    i: u32,
    r: u32,
    lane: u32,
    v: ptr<function, array<array<vec4<f32>, ROUNDS>, POINTS>>,
    u: ptr<function, array<array<vec4<f32>, LINES>, POINTS>>,
    s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>,
) {
    if (fills_up(r)) { return; }
    // Which lane has a line is constant for each lane: the software adapter turns that into one instruction.
    let group = lane / COLUMN_LANES * COLUMN_LANES;
    var x = array<f32, DEPTH>();
    for (var line = 0u; line < DEPTH; line++) {
        x[line] = subgroupShuffle((*v)[i][line / COLUMN_LANES][r], group + line % COLUMN_LANES);
    }
    for (var ky = 0u; ky < 3u; ky++) {
        var sum = (*s)[ky * POINTS + i][r];
        for (var line = 0u; line < LINES; line++) { sum += x[ky + line] * (*u)[i][line]; }
        (*s)[ky * POINTS + i][r] = sum;
    }
}

// The taps of a row of the kernel, of channel r: A^T, with the scale of each point.
fn line_of_taps(ky: u32, r: u32, s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>) -> array<vec4<f32>, 3> {
    let i = ky * POINTS;
    let even_a = -128.0 / 243.0 * ((*s)[i + 1u][r] + (*s)[i + 2u][r]);
    let odd_a = -128.0 / 243.0 * ((*s)[i + 1u][r] - (*s)[i + 2u][r]);
    let even_b = 32.0 / 243.0 * ((*s)[i + 3u][r] + (*s)[i + 4u][r]);
    let odd_b = 32.0 / 243.0 * ((*s)[i + 3u][r] - (*s)[i + 4u][r]);
    return array(
        64.0 / 81.0 * (*s)[i][r] + even_a + even_b,
        0.75 * odd_a + 1.5 * odd_b,
        0.5625 * even_a + 2.25 * even_b + (*s)[i + 5u][r],
    );
}
