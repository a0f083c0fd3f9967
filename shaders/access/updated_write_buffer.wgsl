// The buffer that shares the memory of an image, which another file reads. The tensor's name and the buffer's binding take the
// places of `operand` and 0. i counts fours of floats.
@group(0) @binding(0) var<storage, read_write> operand_buffer: array<vec4<f32>>;

fn write_operand(i: u32, value: vec4<f32>) {
    operand_buffer[i] = value;
}
