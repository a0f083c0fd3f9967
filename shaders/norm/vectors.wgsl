// Two vectors of CHANNELS floats in one tensor of LEN floats, STRIDE floats apart, or one of them alone. What they do not
// fill is 0.
override STRIDE: u32;
override VECTORS: u32;
override LEN: u32;

// Whether the floats from i on are part of no vector.
fn is_gap(i: u32) -> bool {
    return i / STRIDE >= VECTORS || i % STRIDE >= C;
}
