const COLUMNS = 16u;
