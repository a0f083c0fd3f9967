// y = gamma normalized(x) + beta: Wu & He 2018, Ba et al. 2016. a = x, b = gamma and beta, c = y,
// f = the statistics for the backward pass: origin, mean, 1 / sqrt(variance + epsilon), 0 [IMAGES, GROUPS, 4].
override CHANNELS: u32;
override BETA: bool;
override BETA_FIRST: u32;
override EPSILON: f32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let bundle = bundle_of(linear_workgroup(workgroup, count), invocation);
    for (var j = 0u; j < BUNDLE; j++) {
        let group = min(bundle.group + j, GROUPS - 1u);
        let channel = group * GROUP;
        let origin = read_a(bundle.image * PIXELS * C + channel / 4u * 4u)[channel % 4u];
        var moments = Moments();
        for (var e = bundle.lane; e < PIXELS * GROUP_QUADS; e += 8u * LANES) {
            var x = array<vec4<f32>, 8>();
            var weights = array<vec4<f32>, 8>();
            for (var k = 0u; k < 8u; k++) {
                let four = four_of(bundle.image, group, e + k * LANES);
                x[k] = select(vec4<f32>(), read_a(four.i) - origin, four.inside);
                weights[k] = select(vec4<f32>(), vec4(1.0), four.inside);
            }
            moments = with_eight(moments, &x, &weights);
        }
        moments = merged_invocations(moments, invocation, bundle.first, 1u, LANES);
        // The four series are one.
        moments = merged(moments, Moments(moments.n.zwxy, moments.mean.zwxy, moments.squares.zwxy));
        moments = merged(moments, Moments(moments.n.yxwz, moments.mean.yxwz, moments.squares.yxwz));
        let variance = moments.squares.x / f32(PIXELS * GROUP);
        let standard = vec4(origin, moments.mean.x, 1.0 / sqrt(variance + EPSILON), 0.0);
        if (bundle.lane == 0u) {
            standards[bundle.first / LANES * 4u + j] = standard;
            if (bundle.exists && bundle.group + j < GROUPS) { write_f((bundle.image * GROUPS + group) * 4u, standard); }
        }
    }
    workgroupBarrier();
    for (var e = bundle.lane; e < PIXELS * SPAN; e += LANES) {
        let channel = (bundle.group * GROUP / 4u + e % SPAN) * 4u;
        let inside = min(channel, C - 4u);
        let i = (bundle.image * PIXELS + e / SPAN) * C + inside;
        let standard = standard_of(bundle, inside);
        var y = ((read_a(i) - standard.origin) - standard.mean) * standard.inverse;
        if (GAMMA) { y *= read_b(inside); }
        if (BETA) { y += read_b(BETA_FIRST + inside); }
        y = select(vec4<f32>(), y, vec4(inside) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS));
        if (bundle.exists && channel < C) { write_c(i, y); }
    }
}
