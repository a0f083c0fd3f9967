// Convolution by a kernel of 3 x 3 with a stride of 1 by Winograd's algorithm F(4 x 4, 3 x 3): A. Lavin and S. Gray, Fast
// algorithms for convolutional neural networks, 2016. A tile of 4 x 4 pixels of the result is
// y = A^T ((G w G^T) * (B^T x B)) A, where the product of 36 elements is summed over the channels of x. The transformations
// evaluate polynomials at the points 0, 3/4, -3/4, 3/2, -3/2 and infinity. With these, rounding costs a quarter of what it
// does with the usual 0, 1, -1, 2, -2 and infinity.
// This is the last step. a = m as in winograd/tiles.wgsl. Another file stores the pixels of y by its function store_cells,
// which gets 2 x 2 pixels in row-major order. The tiles are those of IMAGES images from FIRST_IMAGE on.
override TILES_Y: u32;
override TILES_X: u32;
override FIRST_IMAGE: u32;
override IMAGES: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let at = tile_and_quad(linear_workgroup(workgroup, count), invocation);
    let tile = at.x;
    let quad = min(at.y, CHANNELS / 4u - 1u);
    let first = place_of(tile, quad);
    let c0 = transformed_column(0u, first);
    let c1 = transformed_column(1u, first);
    let c2 = transformed_column(2u, first);
    let c3 = transformed_column(3u, first);
    let c4 = transformed_column(4u, first);
    let c5 = transformed_column(5u, first);
    let r0 = transformed(c0[0], c1[0], c2[0], c3[0], c4[0], c5[0]);
    let r1 = transformed(c0[1], c1[1], c2[1], c3[1], c4[1], c5[1]);
    let r2 = transformed(c0[2], c1[2], c2[2], c3[2], c4[2], c5[2]);
    let r3 = transformed(c0[3], c1[3], c2[3], c3[3], c4[3], c5[3]);
    let image = FIRST_IMAGE + tile / (TILES_Y * TILES_X);
    let y = tile / TILES_X % TILES_Y * 4u;
    let x = tile % TILES_X * 4u;
    if (tile < IMAGES * TILES_Y * TILES_X && quad == at.y) {
        begin_cells(quad * 4u);
        store_cells(image, y, x, quad * 4u, array(r0[0], r0[1], r1[0], r1[1]));
        store_cells(image, y, x + 2u, quad * 4u, array(r0[2], r0[3], r1[2], r1[3]));
        store_cells(image, y + 2u, x, quad * 4u, array(r2[0], r2[1], r3[0], r3[1]));
        store_cells(image, y + 2u, x + 2u, quad * 4u, array(r2[2], r2[3], r3[2], r3[3]));
    }
}

fn load(place: u32, first: u32) -> vec4<f32> {
    return read_a(place * place_step() + first);
}

fn transformed_column(x: u32, first: u32) -> array<vec4<f32>, 4> {
    return transformed(
        load(x, first),
        load(6u + x, first),
        load(12u + x, first),
        load(18u + x, first),
        load(24u + x, first),
        load(30u + x, first),
    );
}

// A^T m
fn transformed(
    m0: vec4<f32>,
    m1: vec4<f32>,
    m2: vec4<f32>,
    m3: vec4<f32>,
    m4: vec4<f32>,
    m5: vec4<f32>,
) -> array<vec4<f32>, 4> {
    let even_a = m1 + m2;
    let odd_a = m1 - m2;
    let even_b = m3 + m4;
    let odd_b = m3 - m4;
    return array(
        m0 + even_a + even_b,
        0.75 * odd_a + 1.5 * odd_b,
        0.5625 * even_a + 2.25 * even_b,
        0.421875 * odd_a + 3.375 * odd_b + m5,
    );
}
