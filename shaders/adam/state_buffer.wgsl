// The state before the update, from the buffers that take it after.
fn read_state(i: u32) -> State {
    return State(w[i], m[i], v[i]);
}
