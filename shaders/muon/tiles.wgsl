// A workgroup takes 32 x 32 elements of a matrix X, or of a square matrix that goes with it, and each invocation 4 x 4 of
// them. d says which: a row of 8 floats for each of TILES workgroups. Sizes are multiples of four, as in memory. X lies
// among the LEN floats of a chunk of the weights, its square among SQUARES floats. Whatever d holds, indices stay inside.
override TILES: u32;
override LEN: u32;
override SQUARES: u32;

struct Tile {
    first: u32, // first float of X
    rows: u32,
    columns: u32,
    square: u32, // first float of the square, whose side is the smaller one of X
    side: u32,
    i: u32, // the invocation's first row
    j: u32, // and first column
    rate: f32, // factor of the learning rate
    matrix: u32, // number of the matrix
}

fn tile_of(group: u32, invocation: u32) -> Tile {
    let row = min(group, TILES - 1u) * 8u;
    let sizes = vec4<u32>(read_d(row));
    let place = read_d(row + 4u);
    let corner = vec2<u32>(place.xy) * 32u;
    let i = corner.x + invocation / 8u * 4u;
    let j = corner.y + invocation % 8u * 4u;
    let side = min(sizes.y, sizes.z);
    return Tile(sizes.x * 4u, sizes.y, sizes.z, sizes.w * 4u, side, i, j, place.z, u32(place.w));
}

// Four elements of X.
fn x_place(t: Tile, row: u32, column: u32) -> u32 {
    return min(t.first + row * t.columns + column, LEN - 4u);
}

// Four elements of the square.
fn square_place(t: Tile, row: u32, column: u32) -> u32 {
    return min(t.square + row * t.side + column, SQUARES - 4u);
}

fn in_x(t: Tile, group: u32) -> bool {
    return group < TILES && t.i < t.rows && t.j < t.columns;
}

fn in_square(t: Tile, group: u32) -> bool {
    return group < TILES && t.i < t.side && t.j < t.side;
}
