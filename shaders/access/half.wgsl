// Floats of 16 bits (IEEE 754's binary16) in memory. Shaders compute with 32 bits.

// Four floats of two words.
fn floats_of(halves: vec2<u32>) -> vec4<f32> {
    return vec4(unpack2x16float(halves.x), unpack2x16float(halves.y));
}

// The bits of the nearest float of 16 bits, of two the even one, and of infinity where a number is too large. WGSL's
// pack2x16float leaves the rounding and the overflow to the driver, and a loss scale depends on infinity.
fn halves_of(v: vec4<f32>) -> vec2<u32> {
    let bits = bitcast<vec4<u32>>(v);
    let size = bits & vec4(0x7fffffffu);
    // Half of the last place that stays is added, and a carry goes into the exponent.
    let normal = (max(size, vec4(0x38800000u)) - 0x38000000u + 0xfffu + ((size >> vec4(13u)) & vec4(1u))) >> vec4(13u);
    // Below 2^-14 the places are those of numbers from 0.5 on.
    let subnormal = bitcast<vec4<u32>>(bitcast<vec4<f32>>(min(size, vec4(0x38800000u))) + 0.5) - 0x3f000000u;
    let finite = min(select(normal, subnormal, size < vec4(0x38800000u)), vec4(0x7c00u));
    let half = select(finite, vec4(0x7e00u), size > vec4(0x7f800000u)) | ((bits >> vec4(16u)) & vec4(0x8000u));
    return half.xz | (half.yw << vec2(16u));
}
