const ROWS = 32u;
const COLUMNS = 32u;
const HEIGHT = 4u;
const WIDTH = 4u;
