// Kernels of 5 x 5. Windows are two cells apart. What a tile of 2 x 4 windows sees: see depthwise_conv2d/tiles.
const KERNEL = 5u;
const STEP = 2u;
const SPACING = 1u;
const CELL_ROWS = 7u;
const CELL_COLUMNS = 11u;
