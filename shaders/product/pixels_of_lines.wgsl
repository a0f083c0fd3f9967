// Four neighbours in a line, for product/pixels.

// Most loads of a lane for the weights of four columns.
const LOADS = (36u + LANES - 1u) / LANES;

// The pixels that the four rows see.
struct Held {
    a: array<vec4<f32>, 27>,
}

fn hold(row: vec4<i32>, first: u32, lane: u32) -> Held {
    var held = Held();
    for (var y = 0u; y < 3u; y++) {
        for (var x = 0u; x < width(); x++) { held.a[y * width() + x] = load_pixel(row, y, x); }
    }
    return held;
}

// Pixels of a line that a lane sees.
fn width() -> u32 {
    return 3u + 3u * STRIDE_X;
}

// The four rows of the columns from n on. The taps are written out, because drivers do not unroll loops of this length.
fn sums(n: u32, first: u32, lane: u32, held: ptr<function, Held>) -> mat4x4<f32> {
    // Of each k, a vector of four columns.
    var b = array<vec4<f32>, LOADS>();
    for (var l = 0u; l < (9u * CHANNELS + LANES - 1u) / LANES; l++) {
        // The lanes' places are constants, and a select is faster than a division.
        var place = weights_at(l * LANES);
        for (var j = 1u; j < LANES; j++) { place = select(place, weights_at(l * LANES + j), lane == j); }
        b[l] = read_b(place + min(n, N - 4u));
    }
    var s = array<vec4<f32>, 4>();
    add_tap(0u, held, &b, &s);
    add_tap(1u, held, &b, &s);
    add_tap(2u, held, &b, &s);
    add_tap(3u, held, &b, &s);
    add_tap(4u, held, &b, &s);
    add_tap(5u, held, &b, &s);
    add_tap(6u, held, &b, &s);
    add_tap(7u, held, &b, &s);
    add_tap(8u, held, &b, &s);
    return mat4x4(s[0], s[1], s[2], s[3]);
}

fn add_tap(tap: u32, held: ptr<function, Held>, b: ptr<function, array<vec4<f32>, LOADS>>, s: ptr<function, array<vec4<f32>, 4>>) {
    for (var c = 0u; c < CHANNELS; c++) {
        let i = tap * CHANNELS + c;
        let t = subgroupShuffle((*b)[i / LANES], i % LANES);
        for (var r = 0u; r < 4u; r++) {
            (*s)[r] += (*held).a[tap / 3u * width() + tap % 3u + r * STRIDE_X][c] * t;
        }
    }
}
