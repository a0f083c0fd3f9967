// Decides on the update under a loss scale. a = (s, q, 0, 0): the norm of the scaled gradient is s sqrt(q), and q is NaN where
// the gradient is not finite. The state is (scale, good updates in a row, skipped updates, 0) and (beta1^t, beta2^t, scale of
// the gradients, 0) for t updates that were taken.
// c = (factor of the gradient, factor of the rate, factor of epsilon, 1 if the update is taken, else 0).
// A skipped update halves the scale; GROWTH_INTERVAL good ones in a row double it.
override CLIP_NORM: f32; // 0 if gradients are not clipped
override BETA1: f32; // of Adam; 0 for rules without a correction
override BETA2: f32;
// The factors: 0 for 1, 1 for sqrt(1 - beta2^t), 2 for sqrt(1 - beta2^t) / (1 - beta1^t).
override OF_RATE: u32;
override OF_EPSILON: u32;
override GROWTH_INTERVAL: u32;

const LARGEST_SCALE = 16777216.0;
const SMALLEST_SCALE = 1.0;

fn factor(kind: u32, powers: vec4<f32>) -> f32 {
    let root = sqrt(1.0 - powers.y);
    return select(select(root / (1.0 - powers.x), root, kind == 1u), 1.0, kind == 0u);
}

// Compilers may take a comparison with NaN for granted, so this looks at the bits.
fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(1)
fn main() {
    let norm = read_a(0u);
    var counts = read_state(0u);
    var powers = read_state(1u);
    let scale = counts.x;
    powers.z = scale;
    var factors = vec4<f32>();
    if (is_finite(norm.x) && is_finite(norm.y)) {
        counts.y += 1.0;
        if (counts.y >= f32(GROWTH_INTERVAL)) {
            counts.x = max(scale, min(2.0 * scale, LARGEST_SCALE));
            counts.y = 0.0;
        }
        powers.x *= BETA1;
        powers.y *= BETA2;
        factors = vec4(1.0 / scale, factor(OF_RATE, powers), factor(OF_EPSILON, powers), 1.0);
        if (CLIP_NORM > 0.0) { factors.x *= CLIP_NORM / max(norm.x / scale * sqrt(norm.y), CLIP_NORM); }
    } else {
        counts.x = min(scale, max(0.5 * scale, SMALLEST_SCALE));
        counts.y = 0.0;
        counts.z += 1.0;
    }
    write_state(0u, counts);
    write_state(1u, powers);
    write_c(0u, factors);
}
