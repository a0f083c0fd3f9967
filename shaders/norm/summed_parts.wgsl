// The sums over all PARTS parts, and the gradients that they are. e = sums of the parts [PARTS, 2, C], f = dgamma and dbeta.
override PARTS: u32;
override DGAMMA: bool;
override DBETA: bool;
override DBETA_FIRST: u32;

// Of each of an invocation's columns. One loop goes through the parts of all of them: llvmpipe takes 50 ms to compile a loop.
fn summed_parts(place: Place, invocation: u32) -> array<Sums, DEPTH> {
    var sums = array<Sums, DEPTH>();
    var part = first_part(place, PARTS);
    loop {
        for (var k = 0u; k < TRIP_PARTS; k++) {
            for (var d = 0u; d < DEPTH; d++) {
                let p = part + k * part_step();
                let i = min(p, PARTS - 1u) * 2u * C + column_of(place, d).channel;
                sums[d].dy += select(vec4<f32>(), read_e(i), p < PARTS);
                sums[d].product += select(vec4<f32>(), read_e(i + C), p < PARTS);
            }
        }
        continuing {
            part += TRIP_PARTS * part_step();
            break if part >= PARTS;
        }
    }
    for (var d = 0u; d < DEPTH; d++) {
        let column = column_of(place, d);
        sums[d] = added_invocations(sums[d], invocation, place.column, QUADS, LANE_ROWS);
        if (place.slice == 0u && place.row == 0u && column.stores) {
            if (DGAMMA) { write_f(column.channel, select(vec4<f32>(), sums[d].product, column.inside)); }
            if (DBETA) { write_f(DBETA_FIRST + column.channel, select(vec4<f32>(), sums[d].dy, column.inside)); }
        }
    }
    if (place.slice == 0u && place.first_column) {
        for (var i = invocation * 4u; i < LEN; i += 4u * LANES) {
            if (is_gap(i)) { write_f(i, vec4<f32>()); }
        }
    }
    return sums;
}
