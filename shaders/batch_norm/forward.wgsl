// y = gamma normalized(x) + beta, plus e if ADDED, through an activation. Other files say where the statistics come from,
// and define the activation. a = x, b = gamma and beta, c = y, f = what the backward pass needs: origin, mean, inverse, scale,
// beta [5, C].
override GAMMA: bool;
override BETA: bool;
override BETA_FIRST: u32;
override ADDED: bool;

fn gamma_of(column: Column) -> vec4<f32> {
    if (GAMMA) { return read_b(column.channel); }
    return vec4(1.0);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(linear_workgroup(workgroup, count), invocation);
    var standard = standards_of(place, invocation);
    var beta = array<vec4<f32>, DEPTH>();
    for (var d = 0u; d < DEPTH; d++) {
        let column = column_of(place, d);
        let channel = column.channel;
        if (BETA) { beta[d] = select(vec4<f32>(), read_b(BETA_FIRST + channel), column.inside); }
        if (place.slice == 0u && place.row == 0u && column.stores) {
            write_f(channel, standard[d].origin);
            write_f(C + channel, standard[d].mean);
            write_f(2u * C + channel, standard[d].inverse);
            write_f(3u * C + channel, standard[d].scale);
            write_f(4u * C + channel, beta[d]);
        }
    }
    let end = min((place.slice + 1u) * SLICE, ROWS);
    var row = begin_at(place, place.slice * SLICE, end);
    loop {
        var x = array<array<vec4<f32>, DEPTH>, TRIP_ROWS>();
        var added = array<array<vec4<f32>, DEPTH>, TRIP_ROWS>();
        for (var k = 0u; k < TRIP_ROWS; k++) {
            for (var d = 0u; d < DEPTH; d++) {
                let i = min(row + k * LANE_ROWS, ROWS - 1u) * C + column_of(place, d).channel;
                x[k][d] = read_a(i);
                if (ADDED) { added[k][d] = read_e(i); }
            }
        }
        for (var k = 0u; k < TRIP_ROWS; k++) {
            for (var d = 0u; d < DEPTH; d++) {
                let r = row + k * LANE_ROWS;
                let column = column_of(place, d);
                var y = ((x[k][d] - standard[d].origin) - standard[d].mean) * standard[d].scale + beta[d];
                if (ADDED) { y += added[k][d]; }
                let z = select(vec4<f32>(), activate(y), column.inside);
                if (r < end && column.stores) { write_c(r * C + column.channel, z); }
            }
        }
        continuing {
            row += TRIP_ROWS * LANE_ROWS;
            break if row >= end;
        }
    }
}
