// What the transformations of tiles share: the tile of an invocation, and the places of transformed tiles in memory:
// [36, TILES / 32, QUADS, 32, 4]. Blocks of 32 tiles lie together, so that a product reads them in a row.
override CHANNELS: u32;
override TILES: u32;

const BLOCK = 32u;

// Fours of channels in memory: an even number, since products take eight channels at once.
fn quads() -> u32 {
    return (CHANNELS + 7u) / 8u * 2u;
}

// The tile and the four channels of an invocation. A workgroup takes 16 neighbouring tiles of 16 channels: it reads whole
// lines of the cache.
fn tile_and_quad(group: u32, invocation: u32) -> vec2<u32> {
    let groups = (quads() + 3u) / 4u;
    return vec2(group / groups * 16u + invocation % 16u, group % groups * 4u + invocation / 16u);
}

// The first float of four channels of a transformed tile at place 0, and the floats from a place to the next.
fn place_of(tile: u32, quad: u32) -> u32 {
    return ((tile / BLOCK * quads() + quad) * BLOCK + tile % BLOCK) * 4u;
}

fn place_step() -> u32 {
    return TILES * quads() * 4u;
}

fn store_row(row: u32, first: u32, e: array<vec4<f32>, 6>) {
    let step = place_step();
    let i = first + row * 6u * step;
    write_c(i, e[0]);
    write_c(i + step, e[1]);
    write_c(i + 2u * step, e[2]);
    write_c(i + 3u * step, e[3]);
    write_c(i + 4u * step, e[4]);
    write_c(i + 5u * step, e[5]);
}
