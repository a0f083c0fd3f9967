// A tensor that is written, as a storage buffer. Its name and its binding take the places of `operand` and 0. i counts floats
// and is a multiple of four.
@group(0) @binding(0) var<storage, read_write> operand: array<vec4<f32>>;

fn write_operand(i: u32, v: vec4<f32>) {
    operand[i / 4u] = v;
}
