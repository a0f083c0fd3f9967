// Moments of each channel over the rows of a part, as [PARTS, 2, C]: mean, less the first row's x; squares.
// a = x, c = moments.
@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(linear_workgroup(workgroup, count), invocation);
    var origin = array<vec4<f32>, DEPTH>();
    for (var d = 0u; d < DEPTH; d++) { origin[d] = read_a(column_of(place, d).channel); }
    let end = min((place.slice + 1u) * SLICE, counted_rows());
    var moments = array<Moments, DEPTH>();
    var row = begin_at(place, place.slice * SLICE, end);
    loop {
        // In the order of memory.
        var x = array<array<vec4<f32>, DEPTH>, 8>();
        var weights = array<vec4<f32>, 8>();
        for (var k = 0u; k < 8u; k++) {
            let r = row + k * LANE_ROWS;
            let first_of_row = min(r, ROWS - 1u) * C;
            weights[k] = vec4(f32(r < end));
            for (var d = 0u; d < DEPTH; d++) {
                let of_row = read_a(first_of_row + column_of(place, d).channel) - origin[d];
                x[k][d] = select(vec4<f32>(), of_row, r < end);
            }
        }
        for (var d = 0u; d < DEPTH; d++) {
            var elements = array<vec4<f32>, 8>();
            for (var k = 0u; k < 8u; k++) { elements[k] = x[k][d]; }
            moments[d] = with_eight(moments[d], &elements, &weights);
        }
        continuing {
            row += 8u * LANE_ROWS;
            break if row >= end;
        }
    }
    for (var d = 0u; d < DEPTH; d++) {
        let column = column_of(place, d);
        let of_part = merged_invocations(moments[d], invocation, place.column, QUADS, LANE_ROWS);
        if (place.row < APART && column.stores) {
            let i = part_of(place) * 2u * C + column.channel;
            write_c(i, of_part.mean);
            write_c(i + C, of_part.squares);
        }
    }
}
