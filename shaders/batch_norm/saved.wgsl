// The statistics that the forward pass saved. d = origin, mean, inverse, scale, beta [5, C].
var<private> standard: Standard;
var<private> beta: vec4<f32>;

fn begin_column(channel: u32) {
    standard = Standard(read_d(channel), read_d(C + channel), read_d(2u * C + channel), read_d(3u * C + channel));
    beta = read_d(4u * C + channel);
}

fn normalized(x: vec4<f32>, row: u32, channel: u32) -> vec4<f32> {
    return ((x - standard.origin) - standard.mean) * standard.inverse;
}

// The gradient before the activation, which another file defines, of the gradient dy behind it.
fn before_activation(dy: vec4<f32>, x: vec4<f32>) -> vec4<f32> {
    return dy * slope(((x - standard.origin) - standard.mean) * standard.scale + beta);
}
