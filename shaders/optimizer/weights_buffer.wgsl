// The weights as a storage buffer.
@group(0) @binding(2) var<storage, read_write> weights: array<vec4<f32>>;

fn read_weights(i: u32) -> vec4<f32> {
    return weights[i];
}

fn write_weights(i: u32, value: vec4<f32>) {
    weights[i] = value;
}
