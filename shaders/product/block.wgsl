// What micro-kernels share that hold four rows of A: where those from m are.
fn rows_of(m: u32) -> array<vec4<i32>, 4> {
    if (A_ALONG_K) { return array(a_row(m), a_row(m + 1u), a_row(m + 2u), a_row(m + 3u)); }
    return array(a_row(m), vec4<i32>(), vec4<i32>(), vec4<i32>());
}

// The same in a segment of the reduction.
fn rows_at(row: array<vec4<i32>, 4>, segment: u32) -> array<vec4<i32>, 4> {
    return array(a_at(row[0], segment), a_at(row[1], segment), a_at(row[2], segment), a_at(row[3], segment));
}

// Four k from k on; column j is row j.
fn load_rows(at: array<vec4<i32>, 4>, k: u32) -> mat4x4<f32> {
    let column = a_columns(k);
    if (A_ALONG_K) {
        return mat4x4(load_a(at[0], column[0]), load_a(at[1], column[0]), load_a(at[2], column[0]), load_a(at[3], column[0]));
    }
    return transpose(mat4x4(load_a(at[0], column[0]), load_a(at[0], column[1]), load_a(at[0], column[2]), load_a(at[0], column[3])));
}
