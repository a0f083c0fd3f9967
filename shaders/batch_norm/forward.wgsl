// y = gamma normalized(x) + beta, plus e if ADDED, through relu if RELU. Another file says where the statistics come from.
// a = x, b = gamma and beta, c = y, f = the statistics for the backward pass: origin, mean, inverse, scale [4, C].
override GAMMA: bool;
override BETA: bool;
override BETA_FIRST: u32;
override ADDED: bool;
override RELU: bool;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(linear_workgroup(workgroup, count), invocation);
    var gamma = vec4(1.0);
    var beta = vec4<f32>();
    if (GAMMA) { gamma = read_b(place.channel); }
    if (BETA) { beta = select(beta, read_b(BETA_FIRST + place.channel), place.inside); }
    let standard = standard_of(place, invocation, gamma);
    if (place.slice == 0u && place.row == 0u && place.stores) {
        write_f(place.channel, standard.origin);
        write_f(C + place.channel, standard.mean);
        write_f(2u * C + place.channel, standard.inverse);
        write_f(3u * C + place.channel, standard.scale);
    }
    let end = min((place.slice + 1u) * SLICE, ROWS);
    for (var row = begin_at(place, place.slice * SLICE, end); row < end; row += 4u * LANE_ROWS) {
        for (var k = 0u; k < 4u; k++) {
            let r = row + k * LANE_ROWS;
            let i = min(r, ROWS - 1u) * C + place.channel;
            var y = ((read_a(i) - standard.origin) - standard.mean) * standard.scale + beta;
            if (ADDED) { y += select(vec4<f32>(), read_e(i), place.inside); }
            if (RELU) { y = max(y, vec4<f32>()); }
            if (r < end && place.stores) { write_c(i, y); }
        }
    }
}
