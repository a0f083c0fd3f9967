// The lanes in winograd/lanes.
const LANES = 16u;
