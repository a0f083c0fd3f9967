// Every row is normalized by the moving statistics.
fn standards_of(place: Place, invocation: u32) -> array<Standard, DEPTH> {
    var standards = array<Standard, DEPTH>();
    for (var d = 0u; d < DEPTH; d++) {
        let column = column_of(place, d);
        standards[d] = moving_standard(column.channel, column.inside, gamma_of(column));
    }
    return standards;
}
