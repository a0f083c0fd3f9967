// Four channels of a pixel of x [.., CIN] for the channels of y from `channel` on: channel o of y comes from channel
// o / MULTIPLIER of x. a = x.
fn x_for(pixel: u32, cin: u32, channel: u32) -> vec4<f32> {
    if (MULTIPLIER == 1u) { return read_a(pixel * cin + channel); }
    var x = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let own = min((channel + j) / MULTIPLIER, cin - 1u);
        x[j] = read_a(pixel * cin + own / 4u * 4u)[own % 4u];
    }
    return x;
}
