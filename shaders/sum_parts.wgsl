// c[i] = sum over the parts of a[part, i], in their order. The optimizer does the same with gradients
// that only it reads.
override PARTS: u32;
override PART_LEN: u32;

fn element(i: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    var part = 0u;
    // A GPU waits for memory, so four parts are on their way before the first of them is added.
    for (; part + 3u < PARTS; part += 4u) {
        let at = part * PART_LEN + i;
        let four = mat4x4(read_a(at), read_a(at + PART_LEN), read_a(at + 2u * PART_LEN), read_a(at + 3u * PART_LEN));
        sum = sum + four[0] + four[1] + four[2] + four[3];
    }
    for (; part < PARTS; part++) {
        sum += read_a(part * PART_LEN + i);
    }
    return sum;
}
