// c [.., COLUMNS] = the columns of a from FIRST on. A row of a takes FROM_STRIDE floats, one of c STRIDE; its padding is 0.
override FIRST: u32;
override FROM_STRIDE: u32;
override COLUMNS: u32;
override STRIDE: u32;

fn element(i: u32) -> vec4<f32> {
    let row = i / STRIDE * FROM_STRIDE;
    let first = i % STRIDE;
    let inside = vec4(first) + vec4(0u, 1u, 2u, 3u) < vec4(COLUMNS);
    if (FIRST % 4u == 0u) { return select(vec4<f32>(), read_a(row + FIRST + first), inside); }
    var v = vec4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let column = FIRST + min(first + j, COLUMNS - 1u);
        v[j] = read_a(row + column / 4u * 4u)[column % 4u];
    }
    return select(vec4<f32>(), v, inside);
}
