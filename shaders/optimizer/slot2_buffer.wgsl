// The third slot of the state as a storage buffer.
@group(0) @binding(7) var<storage, read_write> slot2: array<vec4<f32>>;

fn read_slot2(i: u32) -> vec4<f32> {
    return slot2[i];
}

fn write_slot2(i: u32, value: vec4<f32>) {
    slot2[i] = value;
}
