const COLUMNS = 64u;
