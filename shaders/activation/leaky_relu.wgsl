// x where it is positive, else x NEGATIVE_SLOPE (Maas et al. 2013).
override NEGATIVE_SLOPE: f32;

fn activate(x: vec4<f32>) -> vec4<f32> {
    return x * slope(x);
}

fn slope(x: vec4<f32>) -> vec4<f32> {
    return select(vec4(NEGATIVE_SLOPE), vec4(1.0), x > vec4<f32>());
}
