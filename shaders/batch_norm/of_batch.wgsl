// The statistics of the batch, from the moments of its PARTS parts, of which APART_BEFORE share the PART rows of a slice by
// turns. d = moments; a = x, whose first row is the origin; g = mean and variance, towards which the moving ones move.
override PART: u32;
override PARTS: u32;
override APART_BEFORE: u32;
override UNBIASED: bool;
override EPSILON: f32;

fn standard_of(place: Place, d: u32, invocation: u32, gamma: vec4<f32>) -> Standard {
    let column = column_of(place, d);
    let rows = counted_rows();
    let origin = select(vec4<f32>(), read_a(column.channel), column.inside);
    var moments = Moments();
    var part = first_part(place, PARTS);
    loop {
        var mean = array<vec4<f32>, 4>();
        var squares = array<vec4<f32>, 4>();
        for (var k = 0u; k < 4u; k++) {
            let i = min(part + k * part_step(), PARTS - 1u) * 2u * C + column.channel;
            mean[k] = read_d(i);
            squares[k] = read_d(i + C);
        }
        for (var k = 0u; k < 4u; k++) {
            let p = part + k * part_step();
            let first = p / APART_BEFORE * PART + p % APART_BEFORE;
            let end = min((p / APART_BEFORE + 1u) * PART, rows);
            let n = select(0u, (end - first + APART_BEFORE - 1u) / APART_BEFORE, p < PARTS && first < end);
            // A part without rows has moments of 0.
            moments = merged(moments, Moments(vec4(f32(n)), mean[k], select(vec4<f32>(), squares[k], n > 0u)));
        }
        continuing {
            part += 4u * part_step();
            break if part >= PARTS;
        }
    }
    moments = merged_invocations(moments, invocation, place.column, QUADS, LANE_ROWS);
    let mean = select(vec4<f32>(), moments.mean, column.inside);
    let squares = select(vec4<f32>(), moments.squares, column.inside);
    let variance = squares / f32(rows);
    if (place.slice == 0u) {
        if (place.row == 0u && column.stores) {
            write_g(column.channel, origin + mean);
            write_g(STRIDE + column.channel, select(variance, squares / max(f32(rows) - 1.0, 1.0), UNBIASED));
        }
        if (place.first_column && d == 0u) {
            for (var i = invocation * 4u; i < LEN; i += 4u * LANES) {
                if (is_gap(i)) { write_g(i, vec4<f32>()); }
            }
        }
    }
    let inverse = select(vec4<f32>(), 1.0 / sqrt(variance + EPSILON), column.inside);
    return Standard(origin, mean, inverse, gamma * inverse);
}
