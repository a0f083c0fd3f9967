// c = (a - CENTER) SCALE + OFFSET, where the tables have numbers for PERIOD channels. a, c = [.., CHANNELS] with STRIDE floats
// of a row in memory; c is zero past the channels.
override CHANNELS: u32;
override STRIDE: u32;
override PERIOD: u32;
const CENTER = array<vec4<f32>, 1>();
const SCALE = array<vec4<f32>, 1>();
const OFFSET = array<vec4<f32>, 1>();

fn element(i: u32) -> vec4<f32> {
    let channel = i % STRIDE;
    let quad = channel % PERIOD / 4u;
    let y = (read_a(i) - CENTER[quad]) * SCALE[quad] + OFFSET[quad];
    return select(vec4<f32>(), y, vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS));
}
