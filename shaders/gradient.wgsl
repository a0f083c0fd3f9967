// The gradient of all parameters, which may be in parts. a = gradients, of GRADIENTS floats. d says where they are, for
// each BLOCK floats of the weights: (first part / BLOCK, number of parts, floats from part to part / 4, floats of
// the block that belong to a parameter). Weights whose number of parts is 0 have no gradient.
override COUNT: u32; // floats of the weights
override BLOCK: u32;
override GRADIENTS: u32;

// The entry of d for the weights from float i on; past the end, the last one.
fn block_of(i: u32) -> vec4<u32> {
    return vec4<u32>(read_d(min(i, COUNT - 4u) / BLOCK * 4u));
}

// Whether the weights from float i on have a gradient.
fn has_gradient(i: u32, block: vec4<u32>) -> bool {
    return block.y > 0u && i % BLOCK < block.w;
}

// The gradient of the weights from float i on: the sum of the parts, in their order. Whatever d holds, the index stays
// inside a.
fn gradient_at(i: u32, block: vec4<u32>) -> vec4<f32> {
    let first = block.x * BLOCK + i % BLOCK;
    var sum = read_a(min(first, GRADIENTS - 4u));
    for (var part = 1u; part < block.y; part++) {
        sum += read_a(min(first + part * block.z * 4u, GRADIENTS - 4u));
    }
    return sum;
}
