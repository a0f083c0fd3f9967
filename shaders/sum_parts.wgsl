// c[i] = sum over the parts of a[part, i], in their order. The optimizer does the same with gradients
// that only it reads.
override PARTS: u32;
override PART_LEN: u32;

fn element(i: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var part = 0u; part < PARTS; part++) {
        sum += read_a(part * PART_LEN + i);
    }
    return sum;
}
