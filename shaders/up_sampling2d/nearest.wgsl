// A new pixel is the nearest one, in whose middle or beside whose middle it is.
const BLENDS = false;

fn taps_of(place: u32, factor: u32, size: u32) -> Taps {
    return Taps(min(place / factor, size - 1u), min(place / factor, size - 1u), 0.0);
}

// The first new pixel that may be made of a pixel, and how many there are.
fn window_of(place: u32, factor: u32) -> vec2<i32> {
    return vec2(i32(place * factor), i32(factor));
}
