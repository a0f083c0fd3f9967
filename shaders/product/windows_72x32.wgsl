// The lanes in product/windows: of a subgroup, and those that take other columns.
const LANES = 16u;
const COLUMN_LANES = 8u;
