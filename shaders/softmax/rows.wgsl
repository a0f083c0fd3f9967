// An invocation makes one of ROWS rows of COLUMNS columns, which take STRIDE floats. Another file says how.
override ROWS: u32;
override COLUMNS: u32;
override STRIDE: u32;

// Which of four columns from a column on there are; the others are padding.
fn there_are(column: u32) -> vec4<bool> {
    return vec4(column) + vec4(0u, 1u, 2u, 3u) < vec4(COLUMNS);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let i = linear_workgroup(workgroup, count) * 64u + invocation;
    // Past the end, an invocation computes the last row again, but does not store it.
    let row = min(i, ROWS - 1u);
    make(row * STRIDE, i == row);
}
