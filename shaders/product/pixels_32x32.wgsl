// The lanes in product/pixels.
const LANES = 8u;
