// Result `c` as a storage buffer. i counts floats and is a multiple of four.
@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;

fn write_c(i: u32, v: vec4<f32>) {
    c[i / 4u] = v;
}
