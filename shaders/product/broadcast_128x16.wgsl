// The tile in product/broadcast: lanes, rows of a lane, and groups of four columns.
const LANES = 16u;
const ROWS = 8u;
const QUADS = 4u;
