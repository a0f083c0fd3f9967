// One workgroup takes the whole batch, and each of its invocations whole rows.
fn stores(four: u32) -> bool {
    return true;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var sum = vec4<f32>();
    for (var row = invocation; row < ROWS; row += 64u) {
        sum += as_floats(loss_of(row));
    }
    add_up(invocation, sum);
}
