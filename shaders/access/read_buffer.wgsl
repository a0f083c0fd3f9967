// A tensor that is read, as a storage buffer. Its name and its binding take the places of `operand` and 0. i counts floats
// and is a multiple of four.
@group(0) @binding(0) var<storage, read> operand: array<vec4<f32>>;

fn read_operand(i: u32) -> vec4<f32> {
    return operand[i / 4u];
}
