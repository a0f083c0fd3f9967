// a / b, for a and b below 2^31. Dividing by a number that is no constant is slow in integers, above all on a software
// adapter. The quotient of floats is near; the remainder, which is exact, corrects it.
fn quotient(a: u32, b: u32) -> u32 {
    let near = i32(f32(a) / f32(b));
    let close = near + i32(f32(i32(a) - near * i32(b)) / f32(b));
    let rest = i32(a) - close * i32(b);
    return u32(select(select(close, close + 1, rest >= i32(b)), close - 1, rest < 0));
}
