// The state before the update, from images: see access/a_image.wgsl.
@group(0) @binding(5) var w_image: texture_storage_2d<rgba32float, read>;
@group(0) @binding(6) var m_image: texture_storage_2d<rgba32float, read>;
@group(0) @binding(7) var v_image: texture_storage_2d<rgba32float, read>;

fn read_state(i: u32) -> State {
    let texel = vec2(i % 1024u, i / 1024u);
    return State(textureLoad(w_image, texel), textureLoad(m_image, texel), textureLoad(v_image, texel));
}
