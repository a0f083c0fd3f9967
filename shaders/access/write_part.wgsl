// A part of a tensor that is larger than a binding and is written: BINDING_FLOATS floats. Its name and its binding take the
// places of `operand` and 0, and the name of the next part that of `following`. i counts floats from this part on and is a
// multiple of four.
@group(0) @binding(0) var<storage, read_write> operand: array<vec4<f32>>;

fn write_operand(i: u32, v: vec4<f32>) {
    if (i < BINDING_FLOATS) {
        operand[i / 4u] = v;
    } else {
        write_following(i - BINDING_FLOATS, v);
    }
}
