// Sums of dz, and of dz times the normalized x, of each channel over the rows of a part, as [PARTS, 2, C]. dz is the gradient
// before the activation. a = x, b = dy, the gradient behind it, c = sums. Another file says how x is normalized, what the
// activation makes of dy, and which rows count; dz of the others is taken for 0.

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(linear_workgroup(workgroup, count), invocation);
    for (var d = 0u; d < DEPTH; d++) { begin_column(d, column_of(place, d).channel); }
    let counted = counted_rows();
    let end = min((place.slice + 1u) * SLICE, ROWS);
    var sums = array<Sums, DEPTH>();
    // Sums of four rows, of 16 of these, and of those: a long sum of single rows would lose digits.
    var row = begin_at(place, place.slice * SLICE, end);
    loop {
        var of_block = array<Sums, DEPTH>();
        let end_of_block = min(row + 64u * LANE_ROWS, end);
        loop {
            // In the order of memory.
            var x = array<array<vec4<f32>, DEPTH>, 4>();
            var dy = array<array<vec4<f32>, DEPTH>, 4>();
            for (var k = 0u; k < 4u; k++) {
                let first_of_row = min(row + k * LANE_ROWS, ROWS - 1u) * C;
                for (var d = 0u; d < DEPTH; d++) {
                    let i = first_of_row + column_of(place, d).channel;
                    x[k][d] = read_a(i);
                    dy[k][d] = read_b(i);
                }
            }
            for (var d = 0u; d < DEPTH; d++) {
                var of_four = Sums();
                for (var k = 0u; k < 4u; k++) {
                    let r = row + k * LANE_ROWS;
                    let before = before_activation(dy[k][d], x[k][d], d);
                    let dz = select(vec4<f32>(), before, r < min(end, counted));
                    of_four.dy += dz;
                    of_four.product += dz * normalized(x[k][d], min(r, ROWS - 1u), column_of(place, d).channel, d);
                }
                of_block[d].dy += of_four.dy;
                of_block[d].product += of_four.product;
            }
            continuing {
                row += 4u * LANE_ROWS;
                break if row >= end_of_block;
            }
        }
        for (var d = 0u; d < DEPTH; d++) {
            sums[d].dy += of_block[d].dy;
            sums[d].product += of_block[d].product;
        }
        continuing {
            break if row >= end;
        }
    }
    for (var d = 0u; d < DEPTH; d++) {
        let column = column_of(place, d);
        let of_part = added_invocations(sums[d], invocation, place.column, QUADS, LANE_ROWS);
        if (place.row < APART && column.stores) {
            let i = part_of(place) * 2u * C + column.channel;
            write_c(i, of_part.dy);
            write_c(i + C, of_part.product);
        }
    }
}
