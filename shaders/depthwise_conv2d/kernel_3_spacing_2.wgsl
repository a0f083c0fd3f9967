// Kernels of 3 x 3. Windows are one cell apart, and every second cell is a pixel, of rows and of columns. What a tile of 2 x 4 windows sees: see depthwise_conv2d/tiles.
const KERNEL = 3u;
const STEP = 1u;
const SPACING = 2u;
const CELL_ROWS = 2u;
const CELL_COLUMNS = 3u;
