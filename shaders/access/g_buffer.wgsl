// Third result `g` as a storage buffer. i counts floats and is a multiple of four.
@group(0) @binding(8) var<storage, read_write> g: array<vec4<f32>>;

fn write_g(i: u32, v: vec4<f32>) {
    g[i / 4u] = v;
}
