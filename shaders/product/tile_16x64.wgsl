const ROWS = 16u;
const COLUMNS = 64u;
const HEIGHT = 4u;
const WIDTH = 4u;
