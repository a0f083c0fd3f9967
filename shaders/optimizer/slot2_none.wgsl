// No third slot of the state.
fn read_slot2(i: u32) -> vec4<f32> {
    return vec4<f32>();
}

fn write_slot2(i: u32, value: vec4<f32>) {}
