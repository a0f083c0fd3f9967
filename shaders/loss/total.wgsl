// What other workgroups found of the rows, added up. a = four floats for each row.
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) invocation: u32) {
    var sum = vec4<f32>();
    // More invocations, if there are any, have nothing to do.
    for (var row = select(ROWS, invocation, invocation < 64u); row < ROWS; row += 64u) {
        sum += read_a(row * 4u);
    }
    add_up(invocation, sum);
}
