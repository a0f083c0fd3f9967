// Kernels of 3 x 3. Windows are two cells apart. What a tile of 2 x 4 windows sees: see depthwise_conv2d/tiles.
const KERNEL = 3u;
const STEP = 2u;
const SPACING = 1u;
const CELL_ROWS = 5u;
const CELL_COLUMNS = 9u;
