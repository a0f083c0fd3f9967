// dx = y (dy - sum over the row of y dy). a = dy, b = y, c = dx. The padding of y is 0, so that of dx is.
fn make(first: u32, store: bool) {
    var sum = 0.0;
    for (var j = 0u; j < STRIDE; j += 4u) {
        sum += dot(read_a(first + j), read_b(first + j));
    }
    for (var j = 0u; j < STRIDE; j += 4u) {
        let dx = read_b(first + j) * (read_a(first + j) - sum);
        if (store) { write_c(first + j, dx); }
    }
}
