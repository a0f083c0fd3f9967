// The lanes in product/taps.
const LANES = 16u;
