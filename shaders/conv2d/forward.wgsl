// y[m, n] = sum over k of x[m, k] w[k, n], plus b[n], through relu if RELU.
// m = (image, oy, ox), k = (ky, kx, c), n = output channel. a = x, b = w, c = y.
override RELU: bool;

const A_ALONG_K = true;
const B_ALONG_K = false;

fn a_row(m: u32) -> vec4<i32> {
    return window_of(m);
}

fn a_column(k: u32) -> vec4<i32> {
    return cell_of(k);
}

fn load_a(row: vec4<i32>, column: vec4<i32>) -> vec4<f32> {
    return load_x(row, column);
}

fn load_b(k: u32, n: u32) -> vec4<f32> {
    return load_w(min(k, K - 1u), n);
}

fn load_w(row: u32, n: u32) -> vec4<f32> {
    if (N % 4u == 0u) {
        return read_b4(row * N + min(n, N - 4u));
    }
    let i = row * N;
    let last = N - 1u;
    return vec4(read_b1(i + min(n, last)), read_b1(i + min(n + 1u, last)), read_b1(i + min(n + 2u, last)), read_b1(i + min(n + 3u, last)));
}

fn store_c(m: u32, n: u32, part: u32, sum: vec4<f32>) {
    var y = sum;
    if (BIAS) { y += load_w(K, n); }
    if (RELU) { y = max(y, vec4<f32>()); }
    write_c(m, n, N, y);
}
