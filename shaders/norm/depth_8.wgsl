// Fours of channels of an invocation in norm/columns; rows that it loads before it writes, and parts that it loads before it
// adds them up.
const DEPTH = 8u;
const TRIP_ROWS = 1u;
const TRIP_PARTS = 1u;
