// Fours of channels of an invocation in norm/columns.
const DEPTH = 2u;
