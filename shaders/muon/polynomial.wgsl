// B G + C G G of a symmetric G, the square of X, with the coefficients of Jordan et al. 2024. a = G, c = the result.
const B = -4.7750;
const C = 2.0315;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let group = linear_workgroup(workgroup, count);
    let t = tile_of(group, invocation);
    if (!in_square(t, group)) { return; }
    var product = array<vec4<f32>, 4>();
    for (var k = 0u; k < t.side; k += 4u) {
        let q0 = read_a(square_place(t, t.j, k));
        let q1 = read_a(square_place(t, t.j + 1u, k));
        let q2 = read_a(square_place(t, t.j + 2u, k));
        let q3 = read_a(square_place(t, t.j + 3u, k));
        for (var u = 0u; u < 4u; u++) {
            let p = read_a(square_place(t, t.i + u, k));
            product[u] += vec4(dot(p, q0), dot(p, q1), dot(p, q2), dot(p, q3));
        }
    }
    for (var u = 0u; u < 4u; u++) {
        let place = square_place(t, t.i + u, t.j);
        write_c(place, B * read_a(place) + C * product[u]);
    }
}
