// dw[m, n] = sum over k of x[k, m] dy[k, n]; a last row with x = 1 gives db.
// m = (ky, kx, c), k = (image, oy, ox), n = output channel. a = x, b = dy, c = dw, one [PART_ROWS, N] for each part of k.
override PART_ROWS: u32;

const A_ALONG_K = false;
const B_ALONG_K = false;

fn a_row(m: u32) -> vec4<i32> {
    let cells = KH * KW * CIN;
    let cell = cell_of(select(m, cells - min(cells, 4u), m >= cells));
    return vec4(cell.xyz, i32(m));
}

fn a_column(k: u32) -> vec4<i32> {
    return window_of(min(k, K - 1u));
}

fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    let x = load_x(column, row);
    if (!BIAS) { return x; }
    let m = vec4(row.w) + vec4(0, 1, 2, 3);
    return select(select(x, vec4(1.0), m == vec4(i32(KH * KW * CIN))), vec4<f32>(), m > vec4(i32(KH * KW * CIN)));
}

// Zero past K, where load_a repeats the last pixel.
fn load_b(k: u32, n: u32) -> vec4<f32> {
    let i = min(k, K - 1u) * N;
    var dy: vec4<f32>;
    if (N % 4u == 0u) {
        dy = read_b4(i + min(n, N - 4u));
    } else {
        let last = N - 1u;
        dy = vec4(read_b1(i + min(n, last)), read_b1(i + min(n + 1u, last)), read_b1(i + min(n + 2u, last)), read_b1(i + min(n + 3u, last)));
    }
    return select(vec4<f32>(), dy, k < K);
}

fn store_c(m: u32, n: u32, part: u32, sum: vec4<f32>) {
    write_c(part * PART_ROWS + m, n, N, sum);
}
