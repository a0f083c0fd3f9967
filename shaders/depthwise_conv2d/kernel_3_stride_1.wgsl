// Kernels of 3 x 3. Windows are one cell apart. What a tile of 2 x 4 windows sees: see depthwise_conv2d/tiles.
const KERNEL = 3u;
const STEP = 1u;
const SPACING = 1u;
const CELL_ROWS = 4u;
const CELL_COLUMNS = 6u;
