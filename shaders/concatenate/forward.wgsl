// c [.., COLUMNS] = the columns of a, b, d, e, one behind the other; END_A is the first column past a. A row of c takes
// STRIDE floats, of a STRIDE_A, and so on; its padding is 0. If ALIGNED, all operands begin at a multiple of four columns.
override COLUMNS: u32;
override STRIDE: u32;
override ALIGNED: bool;
override END_A: u32;
override END_B: u32;
override END_D: u32;
override STRIDE_A: u32;
override STRIDE_B: u32;
override STRIDE_D: u32;
override STRIDE_E: u32;

// First column of the operand that a column comes from.
fn start_of(column: u32) -> u32 {
    if (column < END_A) { return 0u; }
    if (column < END_B) { return END_A; }
    return select(END_D, END_B, column < END_D);
}

// Four columns of that operand, from the one `within` columns after its start on.
fn four(row: u32, start: u32, within: u32) -> vec4<f32> {
    if (start + within < END_A) { return read_a(row * STRIDE_A + within); }
    if (start + within < END_B) { return read_b(row * STRIDE_B + within); }
    if (start + within < END_D) { return read_d(row * STRIDE_D + within); }
    return read_e(row * STRIDE_E + within);
}

fn element(i: u32) -> vec4<f32> {
    let row = i / STRIDE;
    let first = i % STRIDE;
    let inside = vec4(first) + vec4(0u, 1u, 2u, 3u) < vec4(COLUMNS);
    if (ALIGNED) {
        let start = start_of(first);
        return select(vec4<f32>(), four(row, start, first - start), inside);
    }
    var v = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let column = min(first + j, COLUMNS - 1u);
        let start = start_of(column);
        let within = column - start;
        v[j] = four(row, start, within / 4u * 4u)[within % 4u];
    }
    return select(vec4<f32>(), v, inside);
}
