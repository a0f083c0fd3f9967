// dx = scale (dz - (sum of dz) / n - normalized(x) (sum of dz normalized(x)) / n), over the n rows that count; 0 in others:
// Ioffe & Szegedy 2015. dz is the gradient before the activation. If GATED, x is a relu's output, and dx is the gradient
// before that relu. a = x, b = dy, the gradient behind the activation, c = dx.
override GATED: bool;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let place = place_of(linear_workgroup(workgroup, count), invocation);
    let counted = counted_rows();
    var mean = summed_parts(place, invocation);
    for (var d = 0u; d < DEPTH; d++) {
        begin_column(d, column_of(place, d).channel);
        mean[d] = Sums(mean[d].dy / f32(counted), mean[d].product / f32(counted));
    }
    let end = min((place.slice + 1u) * SLICE, ROWS);
    var row = begin_at(place, place.slice * SLICE, end);
    loop {
        var dx = array<array<vec4<f32>, DEPTH>, TRIP_ROWS>();
        for (var k = 0u; k < TRIP_ROWS; k++) {
            for (var d = 0u; d < DEPTH; d++) {
                let r = row + k * LANE_ROWS;
                let column = column_of(place, d);
                let i = min(r, ROWS - 1u) * C + column.channel;
                let x = read_a(i);
                let product = normalized(x, r, column.channel, d) * mean[d].product;
                let of_row = standard[d].scale * (before_activation(read_b(i), x, d) - mean[d].dy - product);
                let passes = vec4(r < counted) & column.inside & (vec4(!GATED) | (x > vec4<f32>()));
                dx[k][d] = select(vec4<f32>(), of_row, passes);
            }
        }
        for (var k = 0u; k < TRIP_ROWS; k++) {
            for (var d = 0u; d < DEPTH; d++) {
                let r = row + k * LANE_ROWS;
                let column = column_of(place, d);
                if (r < end && column.stores) { write_c(r * C + column.channel, dx[k][d]); }
            }
        }
        continuing {
            row += TRIP_ROWS * LANE_ROWS;
            break if row >= end;
        }
    }
}
