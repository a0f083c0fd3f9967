// Every pixel stays in its place.
fn source_of(pixel: u32) -> i32 {
    return i32(pixel);
}
