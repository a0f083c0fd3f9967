// The tile of product/broadcast: rows of a lane, groups of four columns.
const ROWS = 4u;
const QUADS = 8u;
