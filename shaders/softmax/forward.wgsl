// y = exp(x - largest x) / sum of the same. a = x, c = y.
const LOWEST = -3.4028234e38;

fn make(first: u32, store: bool) {
    var largest = vec4(LOWEST);
    for (var j = 0u; j < STRIDE; j += 4u) {
        largest = max(largest, select(vec4(LOWEST), read_a(first + j), there_are(j)));
    }
    let shift = vec4(max(max(largest.x, largest.y), max(largest.z, largest.w)));
    var sums = vec4<f32>();
    for (var j = 0u; j < STRIDE; j += 4u) {
        sums += select(vec4<f32>(), exp(read_a(first + j) - shift), there_are(j));
    }
    let sum = dot(sums, vec4(1.0));
    for (var j = 0u; j < STRIDE; j += 4u) {
        let y = select(vec4<f32>(), exp(read_a(first + j) - shift) / sum, there_are(j));
        if (store) { write_c(first + j, y); }
    }
}
