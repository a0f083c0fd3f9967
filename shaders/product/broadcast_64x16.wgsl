// The tile of product/broadcast: rows of a lane, groups of four columns.
const ROWS = 8u;
const QUADS = 4u;
