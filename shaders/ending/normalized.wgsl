// What four channels of a pixel of y, floats i to i + 3, go through before they are stored: gamma normalized(y) + beta by
// the moving statistics, plus h if ADDED, and an activation. d = moving statistics, e = gamma and beta. NORMALIZED channels
// are real, the others become 0.
override GAMMA: bool;
override BETA: bool;
override BETA_FIRST: u32;
override ADDED: bool;
override NORMALIZED: u32;

var<private> standard: Standard;
var<private> beta: vec4<f32>;

fn is_real(channel: u32) -> vec4<bool> {
    return vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(NORMALIZED);
}

fn begin_ending(channel: u32) {
    let inside = is_real(channel);
    var gamma = vec4(1.0);
    beta = vec4<f32>();
    if (GAMMA) { gamma = read_e(channel); }
    if (BETA) { beta = select(beta, read_e(BETA_FIRST + channel), inside); }
    standard = moving_standard(channel, inside, gamma);
}

fn ended(y: vec4<f32>, channel: u32, i: u32) -> vec4<f32> {
    var z = (y - standard.mean) * standard.scale + beta;
    if (ADDED) { z += read_h(i); }
    return select(vec4<f32>(), activate(z), is_real(channel));
}
