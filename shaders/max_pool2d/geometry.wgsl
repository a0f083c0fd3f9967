// x [n, H, W, C], y [n, OH, OW, C]; the window of pixel (oy, ox) starts at (oy * STRIDE_Y, ox * STRIDE_X).
// Channels go in groups of four; argmax [n, OH, OW, groups] packs the place in its window of each channel's maximum into
// 7 bits a channel. It is read as a float, and ARGMAX_TAG makes every pattern a normal one, whose bits survive that.
const ARGMAX_TAG = 0x40000000u;
const ARGMAX_SHIFT = vec4(0u, 7u, 14u, 21u);
const NO_PLACE = 127u;

override H: u32;
override W: u32;
override C: u32;
override OH: u32;
override OW: u32;
override WINDOW_H: u32;
override WINDOW_W: u32;
override STRIDE_Y: u32;
override STRIDE_X: u32;
override PIXELS: u32; // of the result, over the batch
override GROUPS: u32;

// Channels first..first+3 of a pixel of a; past C they repeat the last channel.
fn read_channels(pixel: u32, first: u32) -> vec4<f32> {
    let i = pixel * C;
    if (C % 4u == 0u) { return read_a4(i + first); }
    let last = C - 1u;
    return vec4(read_a1(i + first), read_a1(i + min(first + 1u, last)), read_a1(i + min(first + 2u, last)), read_a1(i + min(first + 3u, last)));
}
