// A tensor that is read and written, as a storage buffer. Its name and its binding take the places of `operand` and 0. i
// counts fours of floats.
@group(0) @binding(0) var<storage, read_write> operand: array<vec4<f32>>;

fn read_operand(i: u32) -> vec4<f32> {
    return operand[i];
}

fn write_operand(i: u32, value: vec4<f32>) {
    operand[i] = value;
}
