// The lanes in product/taps, and rows of a lane.
const LANES = 8u;
const PIXELS = 4u;
