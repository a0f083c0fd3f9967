// y = gamma normalized(x) + beta, plus e if ADDED, through an activation. Other files say where the statistics come from,
// and define the activation. a = x, b = gamma and beta, c = y, f = what the backward pass needs: origin, mean, inverse, scale,
// beta [5, C].
override GAMMA: bool;
override BETA: bool;
override BETA_FIRST: u32;
override ADDED: bool;

@compute @workgroup_size(LANES)
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
        write_f(4u * C + place.channel, beta);
    }
    let end = min((place.slice + 1u) * SLICE, ROWS);
    for (var row = begin_at(place, place.slice * SLICE, end); row < end; row += 4u * LANE_ROWS) {
        for (var k = 0u; k < 4u; k++) {
            let r = row + k * LANE_ROWS;
            let i = min(r, ROWS - 1u) * C + place.channel;
            var y = ((read_a(i) - standard.origin) - standard.mean) * standard.scale + beta;
            if (ADDED) { y += read_e(i); }
            if (r < end && place.stores) { write_c(i, select(vec4<f32>(), activate(y), place.inside)); }
        }
    }
}
