// Second result `f` as a storage buffer. i counts floats and is a multiple of four.
@group(0) @binding(5) var<storage, read_write> f: array<vec4<f32>>;

fn write_f(i: u32, v: vec4<f32>) {
    f[i / 4u] = v;
}
