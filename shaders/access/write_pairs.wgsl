// A tensor that is written, as a storage buffer: see write_buffer.wgsl. Two floats are stored as a number of 64 bits, because
// llvmpipe stores one component for each lane after the other.
@group(0) @binding(0) var<storage, read_write> operand: array<vec2<u64>>;

fn write_operand(i: u32, v: vec4<f32>) {
    let bits = bitcast<vec4<u32>>(v);
    operand[i / 4u] = vec2((u64(bits.y) << 32u) | u64(bits.x), (u64(bits.w) << 32u) | u64(bits.z));
}
