// dx = sum over (ky, kx) of dy w, by the kernel turned around. Channel c of x made channels c MULTIPLIER + part of y, of
// each part. a = dy, b = w [KH, KW, channels of y], c = dx.
// The channel of y. Past the last channel of x it is one that exists; what is computed there does not count.
fn channel_of_y(channel: u32, part: u32) -> u32 {
    return min(channel * MULTIPLIER + part, FROM_C - 1u);
}

fn source(pixel: u32, channel: u32, part: u32) -> vec4<f32> {
    if (MULTIPLIER == 1u) { return read_a(pixel * FROM_C + channel); }
    var dy = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let o = channel_of_y(channel + j, part);
        dy[j] = read_a(pixel * FROM_C + o / 4u * 4u)[o % 4u];
    }
    return dy;
}

fn weight(tap: u32, channel: u32, part: u32) -> vec4<f32> {
    let row = (KH * KW - 1u - tap) * FROM_C;
    if (MULTIPLIER == 1u) { return read_b(row + channel); }
    var w = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let o = channel_of_y(channel + j, part);
        w[j] = read_b(row + o / 4u * 4u)[o % 4u];
    }
    return w;
}
