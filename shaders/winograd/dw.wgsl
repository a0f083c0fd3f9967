// The gradient of the weights of a convolution by a kernel of 3 x 3 with a stride of 1 by Winograd's algorithm, turned around:
// dw = G^T (sum over the tiles of (A dy A^T) * (B^T x B)) G, with the matrices of winograd/output.wgsl. This is the last step.
// a = s [PARTS, 36, CIN, COUT], whose parts are added in their order, c = dw [3, 3, CIN, COUT].
override CIN: u32;
override COUT: u32;
override PARTS: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = (linear_workgroup(workgroup, count) * 64u + invocation) * 4u;
    let known = min(i, CIN * COUT - 4u);
    let c0 = transformed_column(0u, known);
    let c1 = transformed_column(1u, known);
    let c2 = transformed_column(2u, known);
    let c3 = transformed_column(3u, known);
    let c4 = transformed_column(4u, known);
    let c5 = transformed_column(5u, known);
    if (i < CIN * COUT) {
        store_row(0u, i, transformed(c0[0], c1[0], c2[0], c3[0], c4[0], c5[0]));
        store_row(1u, i, transformed(c0[1], c1[1], c2[1], c3[1], c4[1], c5[1]));
        store_row(2u, i, transformed(c0[2], c1[2], c2[2], c3[2], c4[2], c5[2]));
    }
}

fn transformed_column(x: u32, i: u32) -> array<vec4<f32>, 3> {
    let step = 6u * (CIN * COUT);
    var s = array<vec4<f32>, 6>();
    var part = 0u;
    // With its condition at the end: a loop that breaks at its beginning runs once more on llvmpipe, with all lanes off.
    loop {
        let first = (part * 36u + x) * (CIN * COUT) + i;
        let of_part = array(
            read_a(first),
            read_a(first + step),
            read_a(first + 2u * step),
            read_a(first + 3u * step),
            read_a(first + 4u * step),
            read_a(first + 5u * step),
        );
        for (var y = 0u; y < 6u; y++) { s[y] += of_part[y]; }
        continuing {
            part++;
            break if part >= PARTS;
        }
    }
    return transformed(s[0], s[1], s[2], s[3], s[4], s[5]);
}

// G^T s
fn transformed(
    s0: vec4<f32>,
    s1: vec4<f32>,
    s2: vec4<f32>,
    s3: vec4<f32>,
    s4: vec4<f32>,
    s5: vec4<f32>,
) -> array<vec4<f32>, 3> {
    let even_a = -128.0 / 243.0 * (s1 + s2);
    let odd_a = -128.0 / 243.0 * (s1 - s2);
    let even_b = 32.0 / 243.0 * (s3 + s4);
    let odd_b = 32.0 / 243.0 * (s3 - s4);
    return array(
        64.0 / 81.0 * s0 + even_a + even_b,
        0.75 * odd_a + 1.5 * odd_b,
        0.5625 * even_a + 2.25 * even_b + s5,
    );
}

fn store_row(row: u32, i: u32, dw: array<vec4<f32>, 3>) {
    let first = row * 3u * (CIN * COUT) + i;
    write_c(first, dw[0]);
    write_c(first + CIN * COUT, dw[1]);
    write_c(first + 2u * (CIN * COUT), dw[2]);
}
