// The geometry of a convolution of x [n, H, W, CIN], CHANNELS of which count, by w [KH, KW, GROUP_IN, COUT] to
// y [n, OH, OW, COUT], FILTERS of which count. Filter o belongs to group o / GROUP_OUT, whose channels begin at
// o / GROUP_OUT * GROUP_IN. Cell (ky, kx) of the window of the pixel (oy, ox) is the pixel
// (oy * STRIDE_Y + ky * APART_Y - BEFORE_Y, ox * STRIDE_X + kx * APART_X - BEFORE_X) of x.
override H: u32;
override W: u32;
override CIN: u32;
override OH: u32;
override OW: u32;
override COUT: u32;
override BEFORE_Y: i32;
override BEFORE_X: i32;
override BIAS_FIRST: u32;
override CHANNELS: u32;
override FILTERS: u32;
override GROUP_IN: u32;
override GROUP_OUT: u32;
override KH: u32;
override KW: u32;
override STRIDE_Y: i32;
override STRIDE_X: i32;
override APART_Y: i32;
override APART_X: i32;
override BIAS: bool;
override SHARED_IN: bool; // whether four channels from a multiple of four on are of one group
override SHARED_OUT: bool; // whether four filters are

fn is_depthwise() -> bool {
    return GROUP_IN == 1u && GROUP_OUT == 1u;
}

// Whether four channels and four filters can be taken at once.
fn takes_fours() -> bool {
    return SHARED_IN && SHARED_OUT;
}

// The first channel of the group of filter o. Past the last filter it is one that exists; what is computed there does not
// count.
fn first_channel(o: u32) -> u32 {
    return min(o, FILTERS - 1u) / GROUP_OUT * GROUP_IN;
}

// For each of four filters from o on, channel c of its group in a pixel of x, which is bound as a.
fn channel_for(pixel: u32, o: u32, c: u32) -> vec4<f32> {
    if (is_depthwise()) { return read_a(pixel * CIN + o); }
    if (SHARED_OUT) {
        let own = first_channel(o) + c;
        return vec4(read_a(pixel * CIN + own / 4u * 4u)[own % 4u]);
    }
    var x = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let own = first_channel(o + j) + c;
        x[j] = read_a(pixel * CIN + own / 4u * 4u)[own % 4u];
    }
    return x;
}
