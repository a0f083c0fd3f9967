// Weights of a kernel of three columns in the order in which product/taps reads them: for each 16 columns n of the product,
// each ky, each four k and each kx, four rows of those columns, with zeros past the last column. What the sum runs over, k,
// are the channels of x and n those of y; in the gradient of x, where TURNED, it is the other way round.
// a = w [KH, 3, CIN, COUT], and the bias from float BIAS_FIRST on; c = the order, PACKED floats, and the bias if it has one.
override KH: u32;
override CIN: u32;
override COUT: u32;
override TURNED: bool;
override BIAS_FIRST: u32;
override PACKED: u32;

fn element(i: u32) -> vec4<f32> {
    if (i >= PACKED) { return read_a(BIAS_FIRST + i - PACKED); }
    let channels = select(CIN, COUT, TURNED);
    let place = i / 4u;
    let n = place / (12u * KH * channels) * 16u + place % 4u * 4u;
    let ky = place / (12u * channels) % KH;
    let k = place / 48u % (channels / 4u) * 4u + place / 4u % 4u;
    let cell = ky * 3u + place / 16u % 3u;
    if (!TURNED) {
        let weights = read_a((cell * CIN + k) * COUT + min(n, COUT - 4u));
        return select(vec4<f32>(), weights, n < COUT);
    }
    var weights = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let four = read_a((cell * CIN + min(n + j, CIN - 1u)) * COUT + k / 4u * 4u);
        weights[j] = four[k % 4u];
    }
    return select(vec4<f32>(), weights, n < CIN);
}
