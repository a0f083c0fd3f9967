// The gradient of all variables, which may be in parts. a = gradients, of GRADIENTS floats. d says, for each BLOCK floats of
// the weights, where they are and what the update does with them, as a Block.
override COUNT: u32; // floats of the weights
override BLOCK: u32;
override GRADIENTS: u32;

struct Block {
    first: u32, // first float of the first part / BLOCK
    parts: u32, // parts, whose sum is the gradient
    stride: u32, // floats from part to part / 4
    length: u32, // floats of the block that belong to the variable
    role: u32,
    rate: f32, // factor of the learning rate
    decay: f32, // factor of the decay
    share: f32, // of an averaged variable: the share of the statistic that the average takes over; 1 of a trained kernel
}

const TRAINED = 1u;
const AVERAGED = 2u;

// The block of the weights from float i on; past the end, the last one.
fn block_of(i: u32) -> Block {
    let row = min(i, COUNT - 4u) / BLOCK * 8u;
    let place = vec4<u32>(read_d(row));
    let change = read_d(row + 4u);
    return Block(place.x, place.y, place.z, place.w, u32(change.x), change.y, change.z, change.w);
}

// Whether the weights from float i on belong to a variable in this role.
fn has_role(i: u32, block: Block, role: u32) -> bool {
    return block.role == role && i % BLOCK < block.length;
}

// The gradient of the weights from float i on: the sum of the parts, in their order. Whatever d holds, the index stays
// inside a.
fn gradient_at(i: u32, block: Block) -> vec4<f32> {
    let first = block.first * BLOCK + i % BLOCK;
    let stride = block.stride * 4u;
    var sum = read_a(min(first, GRADIENTS - 4u));
    var part = 1u;
    // A GPU waits for memory, so eight parts are on their way before the first of them is added.
    for (; part + 7u < block.parts; part += 8u) {
        let four = fours_at(first + part * stride, stride);
        let next = fours_at(first + (part + 4u) * stride, stride);
        sum = sum + four[0] + four[1] + four[2] + four[3] + next[0] + next[1] + next[2] + next[3];
    }
    for (; part < block.parts; part++) {
        sum += read_a(min(first + part * stride, GRADIENTS - 4u));
    }
    return sum;
}

// Four parts of the gradient, of which the first is at float i.
fn fours_at(i: u32, stride: u32) -> mat4x4<f32> {
    let last = GRADIENTS - 4u;
    return mat4x4(read_a(min(i, last)), read_a(min(i + stride, last)), read_a(min(i + 2u * stride, last)), read_a(min(i + 3u * stride, last)));
}
