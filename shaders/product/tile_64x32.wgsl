const COLUMNS = 32u;
