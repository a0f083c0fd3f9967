// dx = inverse (gamma dy - mean of (gamma dy) - normalized(x) mean of (gamma dy normalized(x))), where the means are over the
// set. If GATED, x is a relu's output, and dx is the gradient before that relu.
// a = x, b = dy, d = the saved statistics, e = gamma, c = dx.
override GATED: bool;
override CHANNELS: u32;

// For each group of each bundle: mean of gamma dy, and of gamma dy normalized(x).
var<workgroup> means: array<vec4<f32>, 256>;

fn means_of(bundle: Bundle, channel: u32) -> Sums {
    let place = place_in_table(bundle, channel);
    let first = means[place.x];
    if (BUNDLE == 1u) { return Sums(vec4(first.x), vec4(first.y)); }
    let m = transpose(mat4x4(first, means[place.y], means[place.z], means[place.w]));
    return Sums(m[0], m[1]);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let bundle = bundle_of(linear_workgroup(workgroup, count), invocation);
    let place = bundle.first / LANES * 4u;
    for (var j = 0u; j < BUNDLE; j++) {
        let group = min(bundle.group + j, GROUPS - 1u);
        let standard = read_d((bundle.image * GROUPS + group) * 4u);
        var sums = Sums();
        for (var e = bundle.lane; e < PIXELS * GROUP_QUADS; e += 4u * LANES) {
            for (var k = 0u; k < 4u; k++) {
                let four = four_of(bundle.image, group, e + k * LANES);
                var dy = select(vec4<f32>(), read_b(four.i), four.inside);
                if (GAMMA) { dy *= read_e(four.channel); }
                sums.dy += dy;
                sums.product += dy * (((read_a(four.i) - standard.x) - standard.y) * standard.z);
            }
        }
        sums = added_invocations(sums, invocation, bundle.first, 1u, LANES);
        if (bundle.lane == 0u) {
            standards[place + j] = standard;
            means[place + j] = vec4(dot(sums.dy, vec4(1.0)), dot(sums.product, vec4(1.0)), 0.0, 0.0) / f32(PIXELS * GROUP);
        }
    }
    workgroupBarrier();
    for (var e = bundle.lane; e < PIXELS * SPAN; e += LANES) {
        let channel = (bundle.group * GROUP / 4u + e % SPAN) * 4u;
        let inside = min(channel, C - 4u);
        let i = (bundle.image * PIXELS + e / SPAN) * C + inside;
        let standard = standard_of(bundle, inside);
        let mean = means_of(bundle, inside);
        var dy = read_b(i);
        if (GAMMA) { dy *= read_e(inside); }
        let x = read_a(i);
        let normalized = ((x - standard.origin) - standard.mean) * standard.inverse;
        let dx = standard.inverse * (dy - mean.dy - normalized * mean.product);
        let real = vec4(inside) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS);
        let passes = real & (vec4(!GATED) | (x > vec4<f32>()));
        if (bundle.exists && channel < C) { write_c(i, select(vec4<f32>(), dx, passes)); }
    }
}
