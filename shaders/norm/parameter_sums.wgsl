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
    begin_column(place.channel);
    let counted = counted_rows();
    let end = min((place.slice + 1u) * SLICE, ROWS);
    var sums = Sums();
    // Sums of four rows, of 16 of these, and of those: a long sum of single rows would lose digits.
    for (var first = begin_at(place, place.slice * SLICE, end); first < end; first += 64u * LANE_ROWS) {
        var of_block = Sums();
        for (var row = first; row < min(first + 64u * LANE_ROWS, end); row += 4u * LANE_ROWS) {
            var of_four = Sums();
            for (var k = 0u; k < 4u; k++) {
                let r = row + k * LANE_ROWS;
                let i = min(r, ROWS - 1u) * C + place.channel;
                let x = read_a(i);
                let dy = select(vec4<f32>(), before_activation(read_b(i), x), r < min(end, counted));
                of_four.dy += dy;
                of_four.product += dy * normalized(x, min(r, ROWS - 1u), place.channel);
            }
            of_block.dy += of_four.dy;
            of_block.product += of_four.product;
        }
        sums.dy += of_block.dy;
        sums.product += of_block.product;
    }
    sums = added_invocations(sums, invocation, place.column, QUADS, LANE_ROWS);
    if (has_part(place)) {
        let i = part_of(place) * 2u * C + place.channel;
        write_c(i, sums.dy);
        write_c(i + C, sums.product);
    }
}
