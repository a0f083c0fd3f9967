// The lanes in winograd/lanes.
const LANES = 8u;
