// x [n, H, W, C], y [n, OH, OW, C]; the window of pixel (oy, ox) starts at (oy * STRIDE_Y, ox * STRIDE_X).
// An invocation takes four channels of a pixel of the result, which has PIXELS of them over the batch.
override H: u32;
override W: u32;
override C: u32;
override OH: u32;
override OW: u32;
override WINDOW_H: u32;
override WINDOW_W: u32;
override STRIDE_Y: u32;
override STRIDE_X: u32;
override PIXELS: u32;

// First of the four channels as a float of the result; those past the end repeat the last.
fn channels_of(i: u32) -> u32 {
    return min(i, PIXELS * C / 4u - 1u) * 4u;
}
