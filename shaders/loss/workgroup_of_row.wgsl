// A workgroup for each row, all of whose invocations call loss_of: the first 64 share its work. g = what they find, four floats a
// row.
var<private> own_invocation: u32;

// Whether this invocation stores what belongs to a four of logits.
fn stores(four: u32) -> bool {
    return own_invocation == four % 64u;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    own_invocation = invocation;
    let row = linear_workgroup(workgroup, count);
    // A grid of two dimensions may have more workgroups than rows.
    if (row < ROWS) {
        let of_row = loss_of(row);
        if (invocation == 0u) { write_g(row * 4u, as_floats(of_row)); }
    }
}
