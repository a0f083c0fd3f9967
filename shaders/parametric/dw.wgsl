// dw = sum of dy slope_of_w(x) over the REPEATS places of each weight, PERIOD floats from one to the next. Another file
// defines slope_of_w. a = dy, c = dw, PERIOD floats for each of PARTS parts of the sum, d = x where the slope depends on it.
override PERIOD: u32;
override REPEATS: u32;
override REPEATS_OF_PART: u32;
override PARTS: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let place = min(i, PARTS * PERIOD / 4u - 1u);
    let part = quotient(place, PERIOD / 4u);
    let weight = place * 4u - part * PERIOD;
    var sum = vec4<f32>();
    for (var repeat = part * REPEATS_OF_PART; repeat < min((part + 1u) * REPEATS_OF_PART, REPEATS); repeat++) {
        let k = repeat * PERIOD + weight;
        sum += read_a(k) * slope_of_w(read_d(k));
    }
    if (i == place) { write_c(part * PERIOD + weight, sum); }
}
