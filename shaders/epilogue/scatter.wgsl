// The gradient of the cells that max pooling of 2 x 2 cells pooled: a cell whose place in its window is that of the maximum
// gets dy, any other one 0. a = dy [.., POOL_W, POOL_C], b = places of the maxima, c = dx [.., 2 POOL_W, POOL_C], whose
// rows of pixels are two for each row of dy.
override POOL_W: u32;
override POOL_C: u32;

fn element(i: u32) -> vec4<f32> {
    let y = i / POOL_C / (2u * POOL_W);
    let x = i / POOL_C % (2u * POOL_W);
    let window = (y / 2u * POOL_W + x / 2u) * POOL_C + i % POOL_C;
    let chosen = read_b(window) == vec4(f32(y % 2u * 2u + x % 2u));
    return select(vec4<f32>(), read_a(window), chosen);
}
