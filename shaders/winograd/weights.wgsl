// The transformed weights of a convolution by a kernel of 3 x 3: u = G w G^T. See winograd/output.wgsl.
// a = w [3, 3, CIN, COUT], c = u [36, N / 32, K, 32], with N / 32 rounded up and K rounded up to a multiple of 8: for each
// place, K rows of N columns in blocks of 32, the order in which products use them. The rows that fill up K are zero. K = CIN
// and N = COUT; if TURNED, w is turned by half a circle, which makes the gradient of the input a convolution, and K = COUT and
// N = CIN.
override CIN: u32;
override COUT: u32;
override TURNED: bool;

// Whether an invocation has a row and columns of w.
var<private> filled: bool;

// An invocation makes four columns of a row, and a workgroup eight rows of a block, which lie in a row in memory.
@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let rows = select(CIN, COUT, TURNED);
    let quads = select(COUT, CIN, TURNED) / 4u;
    let rows_in_memory = (rows + 7u) / 8u * 8u;
    let group = linear_workgroup(workgroup, count);
    let block = group / (rows_in_memory / 8u);
    let row = group % (rows_in_memory / 8u) * 8u + invocation / 8u;
    let quad = block * 8u + invocation % 8u;
    filled = row < rows && quad < quads;
    let k = select(0u, row, filled);
    let n = select(0u, quad * 4u, filled);
    let c0 = transformed(weight(0u, k, n), weight(3u, k, n), weight(6u, k, n));
    let c1 = transformed(weight(1u, k, n), weight(4u, k, n), weight(7u, k, n));
    let c2 = transformed(weight(2u, k, n), weight(5u, k, n), weight(8u, k, n));
    if (quad < quads) {
        let first = (block * rows_in_memory + row) * 32u + invocation % 8u * 4u;
        let step = (quads + 7u) / 8u * rows_in_memory * 32u;
        store_row(0u, first, step, transformed(c0[0], c1[0], c2[0]));
        store_row(1u, first, step, transformed(c0[1], c1[1], c2[1]));
        store_row(2u, first, step, transformed(c0[2], c1[2], c2[2]));
        store_row(3u, first, step, transformed(c0[3], c1[3], c2[3]));
        store_row(4u, first, step, transformed(c0[4], c1[4], c2[4]));
        store_row(5u, first, step, transformed(c0[5], c1[5], c2[5]));
    }
}

// Columns n to n + 3 of row k of what a cell of the kernel does.
fn weight(cell: u32, k: u32, n: u32) -> vec4<f32> {
    if (!filled) { return vec4<f32>(); }
    if (!TURNED) { return read_a((cell * CIN + k) * COUT + n); }
    let i = ((8u - cell) * CIN + n) * COUT + k / 4u * 4u;
    let j = k % 4u;
    return vec4(read_a(i)[j], read_a(i + COUT)[j], read_a(i + 2u * COUT)[j], read_a(i + 3u * COUT)[j]);
}

// G g
fn transformed(g0: vec4<f32>, g1: vec4<f32>, g2: vec4<f32>) -> array<vec4<f32>, 6> {
    let even_a = g0 + 0.5625 * g2;
    let odd_a = 0.75 * g1;
    let even_b = g0 + 2.25 * g2;
    let odd_b = 1.5 * g1;
    return array(
        64.0 / 81.0 * g0,
        -128.0 / 243.0 * (even_a + odd_a),
        -128.0 / 243.0 * (even_a - odd_a),
        32.0 / 243.0 * (even_b + odd_b),
        32.0 / 243.0 * (even_b - odd_b),
        g2,
    );
}

fn store_row(row: u32, first: u32, step: u32, u: array<vec4<f32>, 6>) {
    let i = first + row * 6u * step;
    write_c(i, u[0]);
    write_c(i + step, u[1]);
    write_c(i + 2u * step, u[2]);
    write_c(i + 3u * step, u[3]);
    write_c(i + 4u * step, u[4]);
    write_c(i + 5u * step, u[5]);
}
