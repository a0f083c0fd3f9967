// The size of the tile in product/broadcast: rows of a lane, and groups of four columns.
const ROWS = 4u;
const QUADS = 8u;

// Written out, because Mesa 25's driver does not unroll a loop of this length, and then keeps the sums in memory.
fn add_products(
    a: ptr<function, array<mat4x4<f32>, ROWS / 4u>>,
    b: ptr<function, array<vec4<f32>, QUADS / 2u>>,
    s: ptr<function, array<array<vec4<f32>, ROWS>, QUADS>>,
) {
    add_quad(0u, a, b, s);
    add_quad(1u, a, b, s);
    add_quad(2u, a, b, s);
    add_quad(3u, a, b, s);
    add_quad(4u, a, b, s);
    add_quad(5u, a, b, s);
    add_quad(6u, a, b, s);
    add_quad(7u, a, b, s);
}
