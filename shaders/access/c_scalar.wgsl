// Result `c` [rows, columns] where a row may end inside a group of four.
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

fn write_c(row: u32, column: u32, columns: u32, v: vec4<f32>) {
    let i = row * columns + column;
    c[i] = v.x;
    if (column + 1u < columns) { c[i + 1u] = v.y; }
    if (column + 2u < columns) { c[i + 2u] = v.z; }
    if (column + 3u < columns) { c[i + 3u] = v.w; }
}
