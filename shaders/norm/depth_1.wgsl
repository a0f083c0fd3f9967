// Fours of channels of an invocation in norm/columns, and rows that it loads before it writes.
const DEPTH = 1u;
const TRIP_ROWS = 4u;
