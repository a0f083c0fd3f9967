// Every pixel goes to its place.
@group(0) @binding(1) var<storage, read> minibatch: array<u32>;

fn source_of(pixel: u32) -> i32 {
    return i32(pixel);
}
