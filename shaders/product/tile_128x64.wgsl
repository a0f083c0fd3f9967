const ROWS = 128u;
const COLUMNS = 64u;
const HEIGHT = 8u;
const WIDTH = 4u;
