// c[i] = sum over the parts of a[part, i], in their order.
override PARTS: u32;
override PART_LEN: u32; // a multiple of four

fn element(i: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var part = 0u; part < PARTS; part++) {
        sum += read_a4(part * PART_LEN + i);
    }
    return sum;
}
