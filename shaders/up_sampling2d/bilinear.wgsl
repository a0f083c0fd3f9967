// A new pixel lies at (place + 1/2) / factor - 1/2 among the pixels, which are FACTOR new ones wide. It is a mean of the two
// beside it, weighted by how near they are; past the outermost ones, it is these.
const BLENDS = true;

fn taps_of(place: u32, factor: u32, size: u32) -> Taps {
    // In units of 1 / (2 factor), and one pixel to the right, so that nothing is negative.
    let unit = 2u * factor;
    let at = 2u * place + 1u + factor;
    let above = at / unit;
    let share = f32(at - above * unit) / f32(unit);
    return Taps(min(max(above, 1u) - 1u, size - 1u), min(above, size - 1u), share);
}

// The first new pixel that may be made of a pixel, and how many there are.
fn window_of(place: u32, factor: u32) -> vec2<i32> {
    return vec2(i32(place * factor + factor / 2u) - i32(factor), i32(2u * factor + 1u));
}
