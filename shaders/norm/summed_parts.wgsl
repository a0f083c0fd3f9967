// The sums over all PARTS parts, and the gradients that they are. e = sums of the parts [PARTS, 2, C], f = dgamma and dbeta.
override PARTS: u32;
override DGAMMA: bool;
override DBETA: bool;
override DBETA_FIRST: u32;

// Of the invocation's column d.
fn summed_parts(place: Place, d: u32, invocation: u32) -> Sums {
    let column = column_of(place, d);
    var sums = Sums();
    var part = first_part(place, PARTS);
    loop {
        for (var k = 0u; k < 4u; k++) {
            let p = part + k * part_step();
            let i = min(p, PARTS - 1u) * 2u * C + column.channel;
            sums.dy += select(vec4<f32>(), read_e(i), p < PARTS);
            sums.product += select(vec4<f32>(), read_e(i + C), p < PARTS);
        }
        continuing {
            part += 4u * part_step();
            break if part >= PARTS;
        }
    }
    sums = added_invocations(sums, invocation, place.column, QUADS, LANE_ROWS);
    if (place.slice == 0u) {
        if (place.row == 0u && column.stores) {
            if (DGAMMA) { write_f(column.channel, select(vec4<f32>(), sums.product, column.inside)); }
            if (DBETA) { write_f(DBETA_FIRST + column.channel, select(vec4<f32>(), sums.dy, column.inside)); }
        }
        if (place.first_column && d == 0u) {
            for (var i = invocation * 4u; i < LEN; i += 4u * LANES) {
                if (is_gap(i)) { write_f(i, vec4<f32>()); }
            }
        }
    }
    return sums;
}
