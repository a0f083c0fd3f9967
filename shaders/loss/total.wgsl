// What other workgroups found of the rows, added up. a = four floats for each row.
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var sum = RowLoss();
    // More invocations, if there are any, have nothing to do.
    for (var row = select(ROWS, invocation, invocation < 64u); row < ROWS; row += 64u) {
        let of_row = read_a(row * 4u);
        sum.loss += of_row.x;
        sum.correct += vec2<u32>(of_row.yz);
        sum.wrong += u32(of_row.w);
    }
    add_up(invocation, sum);
}
