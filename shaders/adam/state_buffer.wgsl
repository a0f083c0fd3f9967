// Weights and both moments as storage buffers.
@group(0) @binding(2) var<storage, read_write> w: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4<f32>>;

fn read_state(i: u32) -> State {
    return State(w[i], m[i], v[i]);
}

fn write_state(i: u32, state: State) {
    w[i] = state.w;
    m[i] = state.m;
    v[i] = state.v;
}
