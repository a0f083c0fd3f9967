// Weights and both moments as images of 1024 texels a row.
@group(0) @binding(2) var w: texture_storage_2d<rgba32float, read_write>;
@group(0) @binding(4) var m: texture_storage_2d<rgba32float, read_write>;
@group(0) @binding(5) var v: texture_storage_2d<rgba32float, read_write>;

fn read_state(i: u32) -> State {
    let texel = vec2(i % 1024u, i / 1024u);
    return State(textureLoad(w, texel), textureLoad(m, texel), textureLoad(v, texel));
}

fn write_state(i: u32, state: State) {
    let texel = vec2(i % 1024u, i / 1024u);
    textureStore(w, texel, state.w);
    textureStore(m, texel, state.m);
    textureStore(v, texel, state.v);
}
