// Sums of dy and of dy times the normalized x, of four channels at a time.
struct Sums {
    dy: vec4<f32>,
    product: vec4<f32>,
}
