// What winograd/input and winograd/dy share: the tile of an invocation, and the places of a transformed tile in memory:
// [36, CHANNELS / 4, TILES, 4].
override CHANNELS: u32;
override TILES: u32;

// The tile and the four channels of an invocation. A workgroup takes 16 neighbouring tiles of 16 channels: it reads whole
// lines of the cache.
fn tile_and_quad(group: u32, quads: u32, invocation: u32) -> vec2<u32> {
    let groups = (quads + 3u) / 4u;
    return vec2(group / groups * 16u + invocation % 16u, group % groups * 4u + invocation / 16u);
}

fn store_row(row: u32, quad: u32, tile: u32, e: array<vec4<f32>, 6>) {
    store(row * 6u, quad, tile, e[0]);
    store(row * 6u + 1u, quad, tile, e[1]);
    store(row * 6u + 2u, quad, tile, e[2]);
    store(row * 6u + 3u, quad, tile, e[3]);
    store(row * 6u + 4u, quad, tile, e[4]);
    store(row * 6u + 5u, quad, tile, e[5]);
}

fn store(place: u32, quad: u32, tile: u32, e: vec4<f32>) {
    write_c(((place * (CHANNELS / 4u) + quad) * TILES + tile) * 4u, e);
}
