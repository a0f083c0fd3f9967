// The square of X: transposed(X) X where X has more rows than columns, else X transposed(X). a = X, c = the square.
// Elements (i, j) and (j, i) are sums of the same products in the same order, so that it is symmetric to the bit.

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = linear_workgroup(workgroup, count);
    let t = tile_of(group, invocation);
    if (!in_square(t, group)) { return; }
    var square = array<vec4<f32>, 4>();
    if (t.rows > t.columns) {
        for (var k = 0u; k < t.rows; k++) {
            let p = read_a(x_place(t, k, t.i));
            let q = read_a(x_place(t, k, t.j));
            square[0] += p.x * q;
            square[1] += p.y * q;
            square[2] += p.z * q;
            square[3] += p.w * q;
        }
    } else {
        for (var k = 0u; k < t.columns; k += 4u) {
            let q0 = read_a(x_place(t, t.j, k));
            let q1 = read_a(x_place(t, t.j + 1u, k));
            let q2 = read_a(x_place(t, t.j + 2u, k));
            let q3 = read_a(x_place(t, t.j + 3u, k));
            for (var u = 0u; u < 4u; u++) {
                let p = read_a(x_place(t, t.i + u, k));
                square[u] += vec4(dot(p, q0), dot(p, q1), dot(p, q2), dot(p, q3));
            }
        }
    }
    for (var u = 0u; u < 4u; u++) { write_c(square_place(t, t.i + u, t.j), square[u]); }
}
