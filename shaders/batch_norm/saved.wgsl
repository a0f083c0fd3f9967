// The statistics that the forward pass saved, of each of an invocation's columns d. d = origin, mean, inverse, scale, beta
// [5, C].
var<private> standard: array<Standard, DEPTH>;
var<private> beta: array<vec4<f32>, DEPTH>;

fn begin_column(d: u32, channel: u32) {
    standard[d] = Standard(read_d(channel), read_d(C + channel), read_d(2u * C + channel), read_d(3u * C + channel));
    beta[d] = read_d(4u * C + channel);
}

fn normalized(x: vec4<f32>, row: u32, channel: u32, d: u32) -> vec4<f32> {
    return ((x - standard[d].origin) - standard[d].mean) * standard[d].inverse;
}

// The gradient before the activation, which another file defines, of the gradient dy behind it.
fn before_activation(dy: vec4<f32>, x: vec4<f32>, d: u32) -> vec4<f32> {
    return dy * slope(((x - standard[d].origin) - standard[d].mean) * standard[d].scale + beta[d]);
}
