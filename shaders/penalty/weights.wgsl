// Penalties of weights, as Keras's L1L2 has them: l1 sum(|w|) + l2 sum(w^2). Their gradient, l1 sign(w) + 2 l2 w, is added
// to that of the loss; of a gradient in parts, to the first part.
// a = weights, of WEIGHTS floats. d has a row for each of BLOCKS blocks of BLOCK floats that have a penalty: the block's place
// among the weights, its place among the gradients, its floats that count, 0, l1, l2, 0, 0.
// c = (the penalties of the workgroup's blocks, 0, 0, 0) for each workgroup, which takes TRIPS times 64 fours of floats.
override WEIGHTS: u32;
override GRADIENTS: u32;
override BLOCK: u32;
override BLOCKS: u32;
override TRIPS: u32;
override FIRST_GROUP: u32; // the groups before it are of other chunks of the weights

var<workgroup> penalties: array<f32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = linear_workgroup(workgroup, count);
    var penalty = 0.0;
    for (var trip = 0u; trip < TRIPS; trip++) {
        let i = ((group * TRIPS + trip) * 64u + invocation) * 4u;
        let row = i / BLOCK;
        let place = i % BLOCK;
        let block = vec4<u32>(read_d(min(row, BLOCKS - 1u) * 8u));
        if (row < BLOCKS && place < block.z) {
            let factors = read_d(row * 8u + 4u);
            let w = read_a(min(block.x * BLOCK + place, WEIGHTS - 4u));
            penalty += dot(factors.x * abs(w) + factors.y * w * w, vec4(1.0));
            let scaled = gradient_scale() * factors;
            let of_gradient = min(block.y * BLOCK + place, GRADIENTS - 4u) / 4u;
            write_dw(of_gradient, read_dw(of_gradient) + scaled.x * sign(w) + 2.0 * scaled.y * w);
        }
    }
    penalties[invocation] = penalty;
    workgroupBarrier();
    if (invocation == 0u && group * TRIPS * 256u < BLOCKS * BLOCK) {
        for (var k = 1u; k < 64u; k++) { penalty += penalties[k]; }
        write_c((FIRST_GROUP + group) * 4u, vec4(penalty, 0.0, 0.0, 0.0));
    }
}
