// Clipping by the global norm (Pascanu et al. 2013): gradients are scaled down together where the norm of all is above
// CLIP_NORM. b = (s, q, 0, 0), and the norm is s sqrt(q).
override CLIP_NORM: f32;

fn clip_factor() -> f32 {
    let norm = read_b(0u);
    return CLIP_NORM / max(norm.x * sqrt(norm.y), CLIP_NORM);
}
