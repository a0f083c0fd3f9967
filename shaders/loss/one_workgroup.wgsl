// One workgroup takes the whole batch.
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var sum = RowLoss();
    for (var row = invocation; row < ROWS; row += 64u) {
        let of_row = loss_of(row);
        sum.loss += of_row.loss;
        sum.correct += of_row.correct;
        sum.wrong += of_row.wrong;
    }
    add_up(invocation, sum);
}
