// Fours of channels of an invocation in norm/columns.
const DEPTH = 3u;
