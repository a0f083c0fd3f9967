// db[image, channel] = sum over the pixels of the image of a dy. a = a [n, PIXELS, C], b = dy, c = db, COUNT floats for each
// of PARTS parts of the sum. An invocation adds up PIXELS_OF_PART pixels, for four channels.
override PIXELS: u32;
override PIXELS_OF_PART: u32;
override PARTS: u32;
override C: u32;
override COUNT: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let place = min(i, PARTS * COUNT / 4u - 1u);
    let part = place / (COUNT / 4u);
    let factor = place % (COUNT / 4u) * 4u;
    let first = factor / C * PIXELS;
    var sum = vec4<f32>();
    for (var pixel = part * PIXELS_OF_PART; pixel < min((part + 1u) * PIXELS_OF_PART, PIXELS); pixel++) {
        let k = (first + pixel) * C + factor % C;
        sum += read_a(k) * read_b(k);
    }
    if (i == place) { write_c(part * COUNT + factor, sum); }
}
