// A result is stored as it is.
fn begin_ending(channel: u32) {}

fn ended(y: vec4<f32>, channel: u32, i: u32) -> vec4<f32> {
    return y;
}
