// How four channels are normalized: normalized x = ((x - origin) - mean) inverse; z = scale ((x - origin) - mean) + beta
// is what goes through the activation.
struct Standard {
    origin: vec4<f32>,
    mean: vec4<f32>,
    inverse: vec4<f32>, // 1 / sqrt(variance + epsilon)
    scale: vec4<f32>, // gamma times inverse
}
