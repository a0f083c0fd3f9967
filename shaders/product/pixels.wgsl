// Convolution by a kernel of 3 x 3 of an image with at most four channels, for adapters whose subgroup is LANES lanes. A lane
// makes four rows of the result: neighbours in a line of LINE rows or, if POOLED, the cells of a window. It loads the pixels
// that they see once, and holds them while it makes up to 32 columns, four at a time. All products of a sum are written out, so
// that no sum lives across the end of a loop, where the execution mask would cost time. More columns at a time would be more
// code than the processor's nearest cache holds.
override TILES_N: u32;
override LINE: u32;
override CHANNELS: u32; // of x, without those that fill up the four

// Most loads of a lane for the weights of four columns.
const LOADS = (36u + LANES - 1u) / LANES;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let groups = (LINE + 3u) / 4u;
    let group = tile / TILES_N * LANES + lane;
    let line = min(group / groups, M / LINE - 1u);
    let m = line * LINE + group % groups * 4u;
    // Rows from here on are not this lane's.
    let end = select((line + 1u) * LINE, 0u, group / groups != line);
    let row = a_row(m);
    var a = array<vec4<f32>, 27>();
    for (var y = 0u; y < select(3u, 4u, POOLED); y++) {
        for (var x = 0u; x < width(); x++) { a[y * width() + x] = load_pixel(row, y, x); }
    }
    let first = tile % TILES_N * 32u;
    let last = min(first + 32u, N);
    // A loop that tests at its head would run once more, with all lanes masked.
    var n = first;
    loop {
        // Of each k, a vector of four columns.
        var b = array<vec4<f32>, LOADS>();
        for (var l = 0u; l < (9u * CHANNELS + LANES - 1u) / LANES; l++) {
            // The lanes' places are constants, and a select is faster than a division.
            var place = weights_at(l * LANES);
            for (var j = 1u; j < LANES; j++) { place = select(place, weights_at(l * LANES + j), lane == j); }
            b[l] = read_b(place + min(n, N - 4u));
        }
        store_rows(m, end, n, sums(&a, &b));
        continuing {
            n += 4u;
            break if n >= last;
        }
    }
}

// Pixels of a line that a lane sees.
fn width() -> u32 {
    return select(3u + 3u * STRIDE_X, 4u, POOLED);
}

fn load_pixel(row: vec4<i32>, y: u32, x: u32) -> vec4<f32> {
    let cell = row + vec4(vec3<i32>(vec3(y, x, (y * W + x) * CIN)), 0);
    if (PADDED || LINE % 4u == 0u) { return load_x(cell); }
    // Some of these pixels are only seen by rows behind the line.
    let inside = u32(cell.y) < W;
    return select(vec4<f32>(), read_a(u32(select(0, cell.z, inside))), inside);
}

// First float of the weights of product k of a sum; past the last one, that one again.
fn weights_at(k: u32) -> u32 {
    let product = min(k, 9u * CHANNELS - 1u);
    return (product / CHANNELS * CIN + product % CHANNELS) * N;
}

// The four rows of four columns. The taps are written out, because drivers do not unroll loops of this length.
fn sums(a: ptr<function, array<vec4<f32>, 27>>, b: ptr<function, array<vec4<f32>, LOADS>>) -> mat4x4<f32> {
    var s = array<vec4<f32>, 4>();
    add_tap(0u, a, b, &s);
    add_tap(1u, a, b, &s);
    add_tap(2u, a, b, &s);
    add_tap(3u, a, b, &s);
    add_tap(4u, a, b, &s);
    add_tap(5u, a, b, &s);
    add_tap(6u, a, b, &s);
    add_tap(7u, a, b, &s);
    add_tap(8u, a, b, &s);
    return mat4x4(s[0], s[1], s[2], s[3]);
}

fn add_tap(
    tap: u32,
    a: ptr<function, array<vec4<f32>, 27>>,
    b: ptr<function, array<vec4<f32>, LOADS>>,
    s: ptr<function, array<vec4<f32>, 4>>,
) {
    for (var c = 0u; c < CHANNELS; c++) {
        let i = tap * CHANNELS + c;
        let t = subgroupShuffle((*b)[i / LANES], i % LANES);
        for (var r = 0u; r < 4u; r++) {
            var pixel = tap / 3u * width() + tap % 3u + r * STRIDE_X;
            if (POOLED) { pixel = (tap / 3u + r / 2u) * 4u + tap % 3u + r % 2u; }
            (*s)[r] += (*a)[pixel][c] * t;
        }
    }
}
