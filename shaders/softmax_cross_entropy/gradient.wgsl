// The loss with its gradient, for training.
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

const GRADIENT = true;

fn write_c1(i: u32, v: f32) {
    c[i] = v;
}
