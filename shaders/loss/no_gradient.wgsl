// The loss without its gradient, for inference.
const GRADIENT = false;

fn write_c(i: u32, v: vec4<f32>) {}
