// Windows are two cells apart. What a tile of 2 x 4 windows of 3 x 3 cells sees: see depthwise_conv2d/tiles.
const STEP = 2u;
const SPACING = 1u;
const CELL_ROWS = 5u;
const CELL_COLUMNS = 9u;
