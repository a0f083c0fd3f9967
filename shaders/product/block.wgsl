// What micro-kernels share that hold four rows of A: those from m, clamped to M, and their four k from k.
fn rows_of(m: u32) -> array<vec4<i32>, 4> {
    var row = array<vec4<i32>, 4>();
    if (A_ALONG_K) {
        row[0] = a_row(min(m, M - 1u));
        row[1] = a_row(min(m + 1u, M - 1u));
        row[2] = a_row(min(m + 2u, M - 1u));
        row[3] = a_row(min(m + 3u, M - 1u));
    } else {
        row[0] = a_row(min(m, (M - 1u) / 4u * 4u));
    }
    return row;
}

// Column j is row j.
fn load_rows(row: array<vec4<i32>, 4>, k: u32) -> mat4x4<f32> {
    if (A_ALONG_K) {
        let column = a_column(k);
        return mat4x4(load_a(row[0], column), load_a(row[1], column), load_a(row[2], column), load_a(row[3], column));
    }
    return transpose(mat4x4(
        load_a(row[0], a_column(k)),
        load_a(row[0], a_column(k + 1u)),
        load_a(row[0], a_column(k + 2u)),
        load_a(row[0], a_column(k + 3u)),
    ));
}

// Four rows from m, four columns from n; M and N need not be multiples of four.
fn store_block(m: u32, n: u32, part: u32, s: mat4x4<f32>) {
    if (n < N) {
        if (m < M) { store_c(m, n, part, s[0]); }
        if (m + 1u < M) { store_c(m + 1u, n, part, s[1]); }
        if (m + 2u < M) { store_c(m + 2u, n, part, s[2]); }
        if (m + 3u < M) { store_c(m + 3u, n, part, s[3]); }
    }
}
