// A X + X P where X has more rows than columns, else A X + P X, with the coefficient of Jordan et al. 2024. a = X, b = P, which is
// as large as the square of X; c = the result.
const A = 3.4445;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = linear_workgroup(workgroup, count);
    let t = tile_of(group, invocation);
    if (!in_x(t, group)) { return; }
    var product = array<vec4<f32>, 4>();
    let tall = t.rows > t.columns;
    for (var k = 0u; k < t.side; k += 4u) {
        var q = array<vec4<f32>, 4>();
        for (var v = 0u; v < 4u; v++) {
            if (tall) { q[v] = read_b(square_place(t, k + v, t.j)); } else { q[v] = read_a(x_place(t, k + v, t.j)); }
        }
        for (var u = 0u; u < 4u; u++) {
            var p: vec4<f32>;
            if (tall) { p = read_a(x_place(t, t.i + u, k)); } else { p = read_b(square_place(t, t.i + u, k)); }
            product[u] += p.x * q[0] + p.y * q[1] + p.z * q[2] + p.w * q[3];
        }
    }
    for (var u = 0u; u < 4u; u++) {
        let place = x_place(t, t.i + u, t.j);
        write_c(place, A * read_a(place) + product[u]);
    }
}
