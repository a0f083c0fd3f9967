const ROWS = 128u;
const COLUMNS = 128u;
const HEIGHT = 8u;
const WIDTH = 8u;
