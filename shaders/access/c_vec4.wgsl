// Result `c` [rows, columns] where columns is a multiple of four.
@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;

fn write_c(row: u32, column: u32, columns: u32, v: vec4<f32>) {
    c[(row * columns + column) / 4u] = v;
}
