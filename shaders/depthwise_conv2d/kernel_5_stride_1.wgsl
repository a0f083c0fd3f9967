// Kernels of 5 x 5. Windows are one cell apart. What a tile of 2 x 4 windows sees: see depthwise_conv2d/tiles.
const KERNEL = 5u;
const STEP = 1u;
const SPACING = 1u;
const CELL_ROWS = 6u;
const CELL_COLUMNS = 8u;
