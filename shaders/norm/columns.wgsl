// x [ROWS, C]: a row is a pixel; channels are those in memory, a multiple of four, of which CHANNELS are real. A workgroup
// takes DEPTH times QUADS fours of channels side by side, of a slice of SLICE rows. Its LANES invocations take LANE_ROWS rows at
// once, and each of them DEPTH fours of a row, QUADS apart. What they find is APART parts of a slice: one if they add it up,
// else that of each of the LANE_ROWS rows. Another file defines DEPTH. Loops have their condition at the end: llvmpipe would run the
// body of others once more, for nothing. Where an invocation has no row, its results are not used.
override LANES: u32;
override ROWS: u32;
override C: u32;
override CHANNELS: u32;
override QUADS: u32;
override LANE_ROWS: u32;
override SLICE: u32;
override SLICES: u32;
override APART: u32;

struct Place {
    slice: u32,
    first_column: bool, // whether the workgroup has the first channels
    column: u32, // first invocation with these channels
    quad: u32, // the first of its fours of channels
    row: u32, // among the rows that are taken at once; at least LANE_ROWS where the invocation has none
}

// Four of the channels of an invocation.
struct Column {
    channel: u32, // first of four
    inside: vec4<bool>, // which of the four are real
    stores: bool, // false where another invocation has these channels
}

fn place_of(group: u32, invocation: u32) -> Place {
    let column = invocation % QUADS;
    return Place(group % SLICES, group < SLICES, column, group / SLICES * (DEPTH * QUADS) + column, invocation / QUADS);
}

fn column_of(place: Place, d: u32) -> Column {
    let quad = place.quad + d * QUADS;
    let channel = min(quad * 4u, C - 4u);
    let inside = vec4(channel) + vec4(0u, 1u, 2u, 3u) < vec4(CHANNELS);
    return Column(channel, inside, quad * 4u < C && place.row < LANE_ROWS);
}

// The part that an invocation has.
fn part_of(place: Place) -> u32 {
    return place.slice * APART + place.row;
}

// First number of an invocation of those from `first` to `end`, of which LANE_ROWS are taken at once.
fn begin_at(place: Place, first: u32, end: u32) -> u32 {
    return select(end, first + place.row, place.row < LANE_ROWS);
}
