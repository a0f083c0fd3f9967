// Matrix product for GPUs whose rows are images, as in a dense layer: a workgroup makes a row of up to 2048 columns. Groups of
// invocations share the reduction. A group takes every fourth of k that its number says, straight from the operands, and the
// groups' sums are added in the order of the groups.
override TILES_N: u32;
override PART_K: u32;
override ACROSS: u32; // fours of columns that a group makes at once, a power of two up to 256

const INVOCATIONS = 256u;

// Sums: [four of columns, group, invocation of the group]
var<workgroup> fours: array<vec4<f32>, 512>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let m = linear_workgroup(workgroup, count);
    // Neighbours read neighbouring fours of B: two along k where B is contiguous along k, else columns. There are `fours` for
    // two groups of up to 1024 columns, or for a single one of more.
    let across = min(ACROSS, select(256u, 128u, B_ALONG_K && N <= 1024u));
    let groups = INVOCATIONS / across;
    let group = select(invocation / across, invocation % groups, B_ALONG_K);
    let own = select(invocation % across, invocation / groups, B_ALONG_K);
    let row = a_row(m);
    let k_end = begin_tile(m, m);
    for (var first = 0u; first * 4u < N; first += across) {
        let n = (first + own) * 4u;
        var sum = vec4<f32>();
        for (var k = group * 4u; k < k_end; k += groups * 4u) {
            let a = load_a(row, a_columns(k)[0]);
            if (B_ALONG_K) {
                sum += a * mat4x4(load_b(k, n), load_b(k, n + 1u), load_b(k, n + 2u), load_b(k, n + 3u));
            } else {
                sum += mat4x4(load_b(k, n), load_b(k + 1u, n), load_b(k + 2u, n), load_b(k + 3u, n)) * a;
            }
        }
        fours[first * groups + group * across + own] = sum;
    }
    workgroupBarrier();
    for (var four = invocation; four * 4u < N; four += INVOCATIONS) {
        let place = four / across * INVOCATIONS + four % across;
        var sum = fours[place];
        for (var other = 1u; other < groups; other++) { sum += fours[place + other * across]; }
        store_rows(m, m + 1u, four * 4u, mat4x4(sum, vec4<f32>(), vec4<f32>(), vec4<f32>()));
    }
}
