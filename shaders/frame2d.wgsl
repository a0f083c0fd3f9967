// Moves an image in a frame: pixel (y, x) of c [n, TO_H, TO_W, C] is pixel (y + FIRST_Y, x + FIRST_X) of
// a [n, FROM_H, FROM_W, C], and 0 outside. It pads with zeros where FIRST_Y and FIRST_X are negative, and it crops where they
// are positive; each is the gradient of the other.
override FROM_H: u32;
override FROM_W: u32;
override TO_H: u32;
override TO_W: u32;
override C: u32;
override FIRST_Y: i32;
override FIRST_X: i32;

fn element(i: u32) -> vec4<f32> {
    let pixel = i / C;
    // Below zero wraps around and fails the bound.
    let y = u32(i32(pixel / TO_W % TO_H) + FIRST_Y);
    let x = u32(i32(pixel % TO_W) + FIRST_X);
    let exists = y < FROM_H && x < FROM_W;
    let place = ((pixel / (TO_H * TO_W) * FROM_H + y) * FROM_W + x) * C + i % C;
    return select(vec4<f32>(), read_a(select(0u, place, exists)), exists);
}
