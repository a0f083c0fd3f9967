// The transformed tiles of the input of a convolution by a kernel of 3 x 3 with a stride of 1: v = B^T x B, where x is a tile
// of 6 x 6 pixels that makes 4 x 4 pixels of the result. See winograd/output.wgsl.
// a = x [n, H, W, CHANNELS], zero outside of the image, c = v as in winograd/tiles.wgsl. Pixel (0, 0) of the first tile of an
// image is (-BEFORE_Y, -BEFORE_X). Only the tiles of IMAGES images from FIRST_IMAGE on are made. The tiles and channels behind
// them, which fill up the memory, are zero.
override H: u32;
override W: u32;
override TILES_Y: u32;
override TILES_X: u32;
override FIRST_IMAGE: u32;
override IMAGES: u32;
override BEFORE_Y: u32;
override BEFORE_X: u32;

// Four channels of the first pixel of a tile: (y, x, offset in x).
var<private> corner: vec3<i32>;
var<private> exists: bool;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let at = tile_and_quad(linear_workgroup(workgroup, count), invocation);
    let tile = at.x;
    let quad = at.y;
    exists = tile < IMAGES * TILES_Y * TILES_X && quad < CHANNELS / 4u;
    let known = select(0u, tile, exists);
    let image = i32(FIRST_IMAGE + known / (TILES_Y * TILES_X));
    let y = i32(known / TILES_X % TILES_Y * 4u) - i32(BEFORE_Y);
    let x = i32(known % TILES_X * 4u) - i32(BEFORE_X);
    let channel = i32(select(0u, quad * 4u, exists));
    corner = vec3(y, x, ((image * i32(H) + y) * i32(W) + x) * i32(CHANNELS) + channel);
    let c0 = transformed_column(0);
    let c1 = transformed_column(1);
    let c2 = transformed_column(2);
    let c3 = transformed_column(3);
    let c4 = transformed_column(4);
    let c5 = transformed_column(5);
    if (quad < quads()) {
        let first = place_of(tile, quad);
        store_row(0u, first, transformed(c0[0], c1[0], c2[0], c3[0], c4[0], c5[0]));
        store_row(1u, first, transformed(c0[1], c1[1], c2[1], c3[1], c4[1], c5[1]));
        store_row(2u, first, transformed(c0[2], c1[2], c2[2], c3[2], c4[2], c5[2]));
        store_row(3u, first, transformed(c0[3], c1[3], c2[3], c3[3], c4[3], c5[3]));
        store_row(4u, first, transformed(c0[4], c1[4], c2[4], c3[4], c4[4], c5[4]));
        store_row(5u, first, transformed(c0[5], c1[5], c2[5], c3[5], c4[5], c5[5]));
    }
}

fn pixel(dy: i32, dx: i32) -> vec4<f32> {
    let y = corner.x + dy;
    let x = corner.y + dx;
    let inside = exists && y >= 0 && y < i32(H) && x >= 0 && x < i32(W);
    let i = corner.z + (dy * i32(W) + dx) * i32(CHANNELS);
    return select(vec4<f32>(), read_a(u32(select(0, i, inside))), inside);
}

fn transformed_column(x: i32) -> array<vec4<f32>, 6> {
    return transformed(pixel(0, x), pixel(1, x), pixel(2, x), pixel(3, x), pixel(4, x), pixel(5, x));
}

// B^T d
fn transformed(
    d0: vec4<f32>,
    d1: vec4<f32>,
    d2: vec4<f32>,
    d3: vec4<f32>,
    d4: vec4<f32>,
    d5: vec4<f32>,
) -> array<vec4<f32>, 6> {
    let even_a = d4 - 2.25 * d2;
    let odd_a = 0.75 * (d3 - 2.25 * d1);
    let even_b = d4 - 0.5625 * d2;
    let odd_b = 1.5 * (d3 - 0.5625 * d1);
    return array(
        1.265625 * d0 - 2.8125 * d2 + d4,
        even_a + odd_a,
        even_a - odd_a,
        even_b + odd_b,
        even_b - odd_b,
        1.265625 * d1 - 2.8125 * d3 + d5,
    );
}
