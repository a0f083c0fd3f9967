// Kernels of 5 x 5. Windows are one cell apart, and every second cell is a pixel, of rows and of columns. What a tile of 2 x 4 windows sees: see depthwise_conv2d/tiles.
const KERNEL = 5u;
const STEP = 1u;
const SPACING = 2u;
const CELL_ROWS = 3u;
const CELL_COLUMNS = 4u;
