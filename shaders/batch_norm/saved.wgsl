// The statistics that the forward pass saved. d = origin, mean, inverse, scale [4, C].
var<private> standard: Standard;

fn begin_column(channel: u32) {
    standard = Standard(read_d(channel), read_d(C + channel), read_d(2u * C + channel), read_d(3u * C + channel));
}

fn normalized(x: vec4<f32>, row: u32, channel: u32) -> vec4<f32> {
    return ((x - standard.origin) - standard.mean) * standard.inverse;
}
