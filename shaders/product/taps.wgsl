// Convolution by a kernel of three columns with a stride of 1, for adapters whose subgroup is LANES lanes, 8 or 16. A lane
// makes four pixels that are neighbours in a row, and 16 columns. For a row of the kernel it loads six pixels, where
// product/broadcast loads twelve, and a trip of the loop takes 12 k, so that less of it goes into the execution mask.
override TILES_N: u32;

// Loads of a lane for four k of three columns of the kernel.
const LOADS = 48u / LANES;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let m = (tile / TILES_N * LANES + lane) * 4u;
    let n = tile % TILES_N * 16u;
    // M is a multiple of four.
    let row = a_row(min(m, M - 4u));
    // s[q][r] is pixel r, columns 4q..4q+3.
    var s = array<array<vec4<f32>, 4>, 4>();
    for (var ky = 0u; ky < KH; ky++) {
        for (var c = 0u; c < tap_channels(); c += 4u) {
            var a = array<vec4<f32>, 6>();
            for (var p = 0u; p < 6u; p++) { a[p] = load_a(row, tap_pixel(ky, p, c)); }
            // Of each kx 16 vectors: four columns of each of four k, or four k of each of 16 columns.
            var b = array<vec4<f32>, LOADS>();
            for (var l = 0u; l < LOADS; l++) {
                let i = l * LANES + lane;
                if (B_ALONG_K) {
                    b[l] = load_tap(ky, i / 16u, c, n + i % 16u);
                } else {
                    b[l] = load_tap(ky, i / 16u, c + i / 4u % 4u, n + i % 4u * 4u);
                }
            }
            // Written out, because Mesa 25's driver does not unroll a loop of this length.
            add_quad(0u, 0u, &a, &b, &s);
            add_quad(0u, 1u, &a, &b, &s);
            add_quad(0u, 2u, &a, &b, &s);
            add_quad(0u, 3u, &a, &b, &s);
            add_quad(1u, 0u, &a, &b, &s);
            add_quad(1u, 1u, &a, &b, &s);
            add_quad(1u, 2u, &a, &b, &s);
            add_quad(1u, 3u, &a, &b, &s);
            add_quad(2u, 0u, &a, &b, &s);
            add_quad(2u, 1u, &a, &b, &s);
            add_quad(2u, 2u, &a, &b, &s);
            add_quad(2u, 3u, &a, &b, &s);
        }
    }
    for (var q = 0u; q < 4u; q++) {
        store_block(m, n + q * 4u, workgroup.z, mat4x4(s[q][0], s[q][1], s[q][2], s[q][3]));
    }
}

// Adds the products of four k at kx to columns 4q..4q+3.
fn add_quad(
    kx: u32,
    q: u32,
    a: ptr<function, array<vec4<f32>, 6>>,
    b: ptr<function, array<vec4<f32>, LOADS>>,
    s: ptr<function, array<array<vec4<f32>, 4>, 4>>,
) {
    var t = mat4x4<f32>();
    for (var j = 0u; j < 4u; j++) {
        let i = kx * 16u + select(j * 4u + q, q * 4u + j, B_ALONG_K);
        t[j] = subgroupShuffle((*b)[i / LANES], i % LANES);
    }
    if (B_ALONG_K) { t = transpose(t); }
    for (var r = 0u; r < 4u; r++) {
        let four = (*a)[first_pixel(kx) + r];
        (*s)[q][r] = (*s)[q][r] + four.x * t[0] + four.y * t[1] + four.z * t[2] + four.w * t[3];
    }
}
