// Moments of each channel over the rows of a part, as [PARTS, 2, C]: mean, less the first row's x; squares.
// a = x, c = moments.
@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(linear_workgroup(workgroup, count), invocation);
    let origin = read_a(place.channel);
    let end = min((place.slice + 1u) * SLICE, counted_rows());
    var moments = Moments();
    for (var row = begin_at(place, place.slice * SLICE, end); row < end; row += 8u * LANE_ROWS) {
        var x = array<vec4<f32>, 8>();
        var weights = array<vec4<f32>, 8>();
        for (var k = 0u; k < 8u; k++) {
            let r = row + k * LANE_ROWS;
            x[k] = select(vec4<f32>(), read_a(min(r, ROWS - 1u) * C + place.channel) - origin, r < end);
            weights[k] = vec4(f32(r < end));
        }
        moments = with_eight(moments, &x, &weights);
    }
    moments = merged_invocations(moments, invocation, place.column, QUADS, LANE_ROWS);
    if (has_part(place)) {
        let i = part_of(place) * 2u * C + place.channel;
        write_c(i, moments.mean);
        write_c(i + C, moments.squares);
    }
}
