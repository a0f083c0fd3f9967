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
    begin_column(place.channel);
    let sums = summed_parts(place, invocation);
    let counted = counted_rows();
    let mean = Sums(sums.dy / f32(counted), sums.product / f32(counted));
    let end = min((place.slice + 1u) * SLICE, ROWS);
    for (var row = begin_at(place, place.slice * SLICE, end); row < end; row += 4u * LANE_ROWS) {
        for (var k = 0u; k < 4u; k++) {
            let r = row + k * LANE_ROWS;
            let i = min(r, ROWS - 1u) * C + place.channel;
            let x = read_a(i);
            let product = normalized(x, r, place.channel) * mean.product;
            let dx = standard.scale * (before_activation(read_b(i), x) - mean.dy - product);
            let passes = vec4(r < counted) & place.inside & (vec4(!GATED) | (x > vec4<f32>()));
            if (r < end && place.stores) { write_c(i, select(vec4<f32>(), dx, passes)); }
        }
    }
}
