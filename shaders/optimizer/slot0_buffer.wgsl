// The first slot of the state as a storage buffer.
@group(0) @binding(4) var<storage, read_write> slot0: array<vec4<f32>>;

fn read_slot0(i: u32) -> vec4<f32> {
    return slot0[i];
}

fn write_slot0(i: u32, value: vec4<f32>) {
    slot0[i] = value;
}
