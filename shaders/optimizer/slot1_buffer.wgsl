// The second slot of the state as a storage buffer.
@group(0) @binding(5) var<storage, read_write> slot1: array<vec4<f32>>;

fn read_slot1(i: u32) -> vec4<f32> {
    return slot1[i];
}

fn write_slot1(i: u32, value: vec4<f32>) {
    slot1[i] = value;
}
