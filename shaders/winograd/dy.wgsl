// The transformed tiles of the gradient of the result of a convolution by a kernel of 3 x 3 with a stride of 1: e = A dy A^T,
// where dy is a tile of 4 x 4 pixels. See winograd/dw.wgsl.
// a = dy [n, H, W, CHANNELS], zero outside of the image, c = e as in winograd/tiles.wgsl. Only the tiles of IMAGES images from
// FIRST_IMAGE on are made. The tiles and channels behind them, which fill up the memory, are zero.
override H: u32;
override W: u32;
override TILES_Y: u32;
override TILES_X: u32;
override FIRST_IMAGE: u32;
override IMAGES: u32;

// Four channels of the first pixel of a tile: (y, x, offset in dy).
var<private> corner: vec3<u32>;
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
    let image = FIRST_IMAGE + known / (TILES_Y * TILES_X);
    let y = known / TILES_X % TILES_Y * 4u;
    let x = known % TILES_X * 4u;
    corner = vec3(y, x, ((image * H + y) * W + x) * CHANNELS + select(0u, quad * 4u, exists));
    let c0 = transformed_column(0u);
    let c1 = transformed_column(1u);
    let c2 = transformed_column(2u);
    let c3 = transformed_column(3u);
    if (quad < quads()) {
        let first = place_of(tile, quad);
        store_row(0u, first, transformed(c0[0], c1[0], c2[0], c3[0]));
        store_row(1u, first, transformed(c0[1], c1[1], c2[1], c3[1]));
        store_row(2u, first, transformed(c0[2], c1[2], c2[2], c3[2]));
        store_row(3u, first, transformed(c0[3], c1[3], c2[3], c3[3]));
        store_row(4u, first, transformed(c0[4], c1[4], c2[4], c3[4]));
        store_row(5u, first, transformed(c0[5], c1[5], c2[5], c3[5]));
    }
}

fn pixel(y: u32, x: u32) -> vec4<f32> {
    let inside = exists && corner.x + y < H && corner.y + x < W;
    let i = corner.z + (y * W + x) * CHANNELS;
    return select(vec4<f32>(), read_a(select(0u, i, inside)), inside);
}

fn transformed_column(x: u32) -> array<vec4<f32>, 6> {
    return transformed(pixel(0u, x), pixel(1u, x), pixel(2u, x), pixel(3u, x));
}

// A d
fn transformed(d0: vec4<f32>, d1: vec4<f32>, d2: vec4<f32>, d3: vec4<f32>) -> array<vec4<f32>, 6> {
    let even_a = d0 + 0.5625 * d2;
    let odd_a = 0.75 * d1 + 0.421875 * d3;
    let even_b = d0 + 2.25 * d2;
    let odd_b = 1.5 * d1 + 3.375 * d3;
    return array(d0, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, d3);
}
