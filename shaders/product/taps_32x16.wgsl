// The lanes in product/taps.
const LANES = 8u;
