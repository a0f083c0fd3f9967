// The four cells of a window of max pooling, for product/pixels. They see 4 x 4 pixels, and 16 products for each channel take the
// place of 36, by Winograd's algorithm F(2 x 2, 3 x 3) at 0, 1, -1 and infinity: y = A^T ((G g G^T) * (B^T d B)) A, where d are the
// pixels and g the weights (Lavin and Gray 2016).

struct Held {
    // B^T d B at each of 4 x 4 points, all channels.
    v: array<vec4<f32>, 16>,
    // G g G^T at each point of each channel, of the four columns that this lane holds for all.
    u: array<vec4<f32>, 64>,
}

fn hold(row: vec4<i32>, first: u32, lane: u32) -> Held {
    var held = Held();
    var lines = array<array<vec4<f32>, 4>, 4>();
    for (var y = 0u; y < 4u; y++) {
        lines[y] = seen(load_pixel(row, y, 0u), load_pixel(row, y, 1u), load_pixel(row, y, 2u), load_pixel(row, y, 3u));
    }
    for (var x = 0u; x < 4u; x++) {
        let points = seen(lines[0][x], lines[1][x], lines[2][x], lines[3][x]);
        for (var y = 0u; y < 4u; y++) { held.v[y * 4u + x] = points[y]; }
    }
    let column = min(first + lane % 8u * 4u, N - 4u);
    hold_weights(0u, column, &held);
    hold_weights(1u, column, &held);
    hold_weights(2u, column, &held);
    hold_weights(3u, column, &held);
    return held;
}

// B^T d.
fn seen(d0: vec4<f32>, d1: vec4<f32>, d2: vec4<f32>, d3: vec4<f32>) -> array<vec4<f32>, 4> {
    return array(d0 - d2, d1 + d2, d2 - d1, d3 - d1);
}

fn hold_weights(c: u32, column: u32, held: ptr<function, Held>) {
    if (c >= CHANNELS) { return; }
    var lines = array<array<vec4<f32>, 4>, 3>();
    for (var y = 0u; y < 3u; y++) {
        let k = 3u * y * CHANNELS + c;
        lines[y] = weighed(
            read_b(weights_at(k) + column),
            read_b(weights_at(k + CHANNELS) + column),
            read_b(weights_at(k + 2u * CHANNELS) + column),
        );
    }
    for (var x = 0u; x < 4u; x++) {
        let points = weighed(lines[0][x], lines[1][x], lines[2][x]);
        for (var y = 0u; y < 4u; y++) { (*held).u[(y * 4u + x) * 4u + c] = points[y]; }
    }
}

// G g.
fn weighed(g0: vec4<f32>, g1: vec4<f32>, g2: vec4<f32>) -> array<vec4<f32>, 4> {
    return array(g0, 0.5 * (g0 + g1 + g2), 0.5 * (g0 - g1 + g2), g2);
}

// The four cells of the columns from n on.
fn sums(n: u32, first: u32, lane: u32, held: ptr<function, Held>) -> mat4x4<f32> {
    let owner = (n - first) / 4u;
    let y0 = line_of_points(0u, owner, held);
    let y1 = line_of_points(1u, owner, held);
    let y2 = line_of_points(2u, owner, held);
    let y3 = line_of_points(3u, owner, held);
    return mat4x4(
        y0[0] + y1[0] + y2[0],
        y0[1] + y1[1] + y2[1],
        y1[0] - y2[0] + y3[0],
        y1[1] - y2[1] + y3[1],
    );
}

// The sums of four points over the channels, times A.
fn line_of_points(y: u32, owner: u32, held: ptr<function, Held>) -> array<vec4<f32>, 2> {
    var m = array<vec4<f32>, 4>();
    for (var x = 0u; x < 4u; x++) {
        for (var c = 0u; c < CHANNELS; c++) {
            m[x] += (*held).v[y * 4u + x][c] * subgroupShuffle((*held).u[(y * 4u + x) * 4u + c], owner);
        }
    }
    return array(m[0] + m[1] + m[2], m[1] - m[2] + m[3]);
}
