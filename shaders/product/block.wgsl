// Shared by the micro-kernels that hold four rows of A: the places of the rows from m on.
fn rows_of(m: u32) -> array<vec4<i32>, 4> {
    if (A_ALONG_K) { return array(a_row(m), a_row(m + 1u), a_row(m + 2u), a_row(m + 3u)); }
    return array(a_row(m), vec4<i32>(), vec4<i32>(), vec4<i32>());
}

// The values of those rows for four k from k on; column j of the result belongs to row j.
fn load_rows(row: array<vec4<i32>, 4>, k: u32) -> mat4x4<f32> {
    let column = a_columns(k);
    if (A_ALONG_K) {
        return mat4x4(load_a(row[0], column[0]), load_a(row[1], column[0]), load_a(row[2], column[0]), load_a(row[3], column[0]));
    }
    return transpose(mat4x4(load_a(row[0], column[0]), load_a(row[0], column[1]), load_a(row[0], column[2]), load_a(row[0], column[3])));
}
