// Each image is flipped left to right if FLIP and a coin says so, moved by up to CROP pixels each way, and covered by a
// black square of CUTOUT pixels a side around a random pixel (DeVries & Taylor 2017). The source of a pixel
// that is covered, or comes from outside, is -1.
override H: u32;
override W: u32;
override FLIP: bool;
override CROP: u32;
override CUTOUT: u32;

// A number from 0 to count - 1, made from random bits.
fn below(bits: u32, count: u32) -> u32 {
    return ((bits >> 16u) * count) >> 16u;
}

fn source_of(pixel: u32) -> i32 {
    let image = pixel / (H * W);
    let place = vec2(pixel / W % H, pixel % W);
    let bits = random(image, 0u);
    let more = random(image, 1u);
    let moved = vec2(below(bits.x, 2u * CROP + 1u), below(bits.y, 2u * CROP + 1u));
    var source = vec2<i32>(place + moved) - i32(CROP);
    if (FLIP && bits.z >= 0x80000000u) { source.y = i32(W) - 1 - source.y; }
    let centre = vec2(below(more.x, H), below(more.y, W));
    // Rows and columns of the square start CUTOUT / 2 before its centre.
    let covered = all(place + CUTOUT / 2u - centre < vec2(CUTOUT));
    let inside = all(source >= vec2(0)) && source.x < i32(H) && source.y < i32(W);
    return select(-1, i32(image * H * W) + source.x * i32(W) + source.y, inside && !covered);
}
