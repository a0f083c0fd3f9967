// The statistics of the batch, from the moments of its PARTS parts, of which APART_BEFORE share the PART rows of a slice by
// turns. d = moments; a = x, whose first row is the origin; g = SHARE times mean and variance, towards which the moving ones move.
override PART: u32;
override PARTS: u32;
override APART_BEFORE: u32;
override UNBIASED: bool;
override SHARE: f32;
override EPSILON: f32;

// Of each of an invocation's columns. One loop goes through the parts of all of them: llvmpipe takes 50 ms to compile a loop.
fn standards_of(place: Place, invocation: u32) -> array<Standard, DEPTH> {
    let rows = counted_rows();
    var moments = array<Moments, DEPTH>();
    var part = first_part(place, PARTS);
    loop {
        var of_parts = array<array<Moments, DEPTH>, TRIP_PARTS>();
        for (var k = 0u; k < TRIP_PARTS; k++) {
            for (var d = 0u; d < DEPTH; d++) {
                let i = min(part + k * part_step(), PARTS - 1u) * 2u * C + column_of(place, d).channel;
                of_parts[k][d].mean = read_d(i);
                of_parts[k][d].squares = read_d(i + C);
            }
        }
        for (var k = 0u; k < TRIP_PARTS; k++) {
            let p = part + k * part_step();
            let first = p / APART_BEFORE * PART + p % APART_BEFORE;
            let end = min((p / APART_BEFORE + 1u) * PART, rows);
            let n = select(0u, (end - first + APART_BEFORE - 1u) / APART_BEFORE, p < PARTS && first < end);
            for (var d = 0u; d < DEPTH; d++) {
                // A part without rows has moments of 0.
                let squares = select(vec4<f32>(), of_parts[k][d].squares, n > 0u);
                moments[d] = merged(moments[d], Moments(vec4(f32(n)), of_parts[k][d].mean, squares));
            }
        }
        continuing {
            part += TRIP_PARTS * part_step();
            break if part >= PARTS;
        }
    }
    var standards = array<Standard, DEPTH>();
    for (var d = 0u; d < DEPTH; d++) {
        let column = column_of(place, d);
        let all = merged_invocations(moments[d], invocation, place.column, QUADS, LANE_ROWS);
        let origin = select(vec4<f32>(), read_a(column.channel), column.inside);
        let mean = select(vec4<f32>(), all.mean, column.inside);
        let squares = select(vec4<f32>(), all.squares, column.inside);
        let variance = squares / f32(rows);
        if (place.slice == 0u && place.row == 0u && column.stores) {
            write_g(column.channel, SHARE * (origin + mean));
            write_g(STRIDE + column.channel, SHARE * select(variance, squares / max(f32(rows) - 1.0, 1.0), UNBIASED));
        }
        let inverse = select(vec4<f32>(), 1.0 / sqrt(variance + EPSILON), column.inside);
        standards[d] = Standard(origin, mean, inverse, gamma_of(column) * inverse);
    }
    if (place.slice == 0u && place.first_column) {
        for (var i = invocation * 4u; i < LEN; i += 4u * LANES) {
            if (is_gap(i)) { write_g(i, vec4<f32>()); }
        }
    }
    return standards;
}
