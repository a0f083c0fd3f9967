// Weights of a kernel of three columns in the order in which product/taps reads them: for each 16 columns n of the product,
// each ky, each four k and each of POINTS points, four rows of those columns, with zeros past the last column. What the sum runs
// over, k, are the channels of x and n those of y; in the gradient of x, where TURNED, it is the other way round, and the
// columns of the kernel are taken from the last one on. product/taps says what the points are made from.
// a = w [KH, 3, CIN, COUT], and the bias from float BIAS_FIRST on; c = the order, PACKED floats, and the bias, BIAS floats.
override POINTS: u32;
override KH: u32;
override CIN: u32;
override COUT: u32;
override TURNED: bool;
override BIAS_FIRST: u32;
override PACKED: u32;
override BIAS: u32;

// An invocation makes the points of four columns and four k, or copies four floats of the bias.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    let blocks = PACKED / (16u * POINTS);
    let block = min(i, blocks - 1u);
    let quads = select(CIN, COUT, TURNED) / 4u;
    let n = block / (4u * quads * KH) * 16u + block % 4u * 4u;
    let k = block / 4u % quads * 4u;
    let ky = block / (4u * quads) % KH;
    let g0 = weights_of(ky, 0u, n, k);
    let g1 = weights_of(ky, 1u, n, k);
    let g2 = weights_of(ky, 2u, n, k);
    if (i < blocks) {
        let first = block / 4u * (64u * POINTS) + block % 4u * 4u;
        for (var j = 0u; j < 4u; j++) {
            if (POINTS == 4u) {
                write_c(first + j * 16u, g0[j]);
                write_c(first + 64u + j * 16u, (g0[j] + g1[j] + g2[j]) * 0.5);
                write_c(first + 128u + j * 16u, (g0[j] - g1[j] + g2[j]) * 0.5);
                write_c(first + 192u + j * 16u, g2[j]);
            } else {
                let even_a = g0[j] + 0.5625 * g2[j];
                let odd_a = 0.75 * g1[j];
                let even_b = g0[j] + 2.25 * g2[j];
                let odd_b = 1.5 * g1[j];
                write_c(first + j * 16u, 64.0 / 81.0 * g0[j]);
                write_c(first + 64u + j * 16u, -128.0 / 243.0 * (even_a + odd_a));
                write_c(first + 128u + j * 16u, -128.0 / 243.0 * (even_a - odd_a));
                write_c(first + 192u + j * 16u, 32.0 / 243.0 * (even_b + odd_b));
                write_c(first + 256u + j * 16u, 32.0 / 243.0 * (even_b - odd_b));
                write_c(first + 320u + j * 16u, g2[j]);
            }
        }
    } else if (i - blocks < BIAS / 4u) {
        write_c(PACKED + (i - blocks) * 4u, read_a(BIAS_FIRST + (i - blocks) * 4u));
    }
}

// What four columns from n on do to four k at pixel p of the three that a row sees: a vector of columns for each k.
fn weights_of(ky: u32, p: u32, n: u32, k: u32) -> mat4x4<f32> {
    let cell = ky * 3u + select(p, 2u - p, TURNED);
    var g = mat4x4<f32>();
    for (var j = 0u; j < 4u; j++) {
        if (TURNED) {
            g[j] = select(vec4<f32>(), read_a((cell * CIN + min(n + j, CIN - 1u)) * COUT + k), n < CIN);
        } else {
            g[j] = select(vec4<f32>(), read_a((cell * CIN + k + j) * COUT + min(n, COUT - 4u)), n < COUT);
        }
    }
    if (TURNED) { return transpose(g); }
    return g;
}
