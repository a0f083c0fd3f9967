// Four rows from m, four columns from n; M and N need not be multiples of four.
fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    if (n < N) {
        if (m < M) { store_c(m, n, part, s[0]); }
        if (m + 1u < M) { store_c(m + 1u, n, part, s[1]); }
        if (m + 2u < M) { store_c(m + 2u, n, part, s[2]); }
        if (m + 3u < M) { store_c(m + 3u, n, part, s[3]); }
    }
}
