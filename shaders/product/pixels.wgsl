// Convolution by a kernel of 3 x 3 of an image with at most four channels, for adapters whose subgroup is LANES lanes. A lane
// makes four rows of the result: neighbours in a line of LINE rows or, if POOLED, the cells of a window. It loads the pixels
// that they see once, and holds them while it makes up to 32 columns, four at a time. All products of a sum are written out, so
// that no sum lives across the end of a loop, where the execution mask would cost time. More columns at a time would be more
// code than the processor's nearest cache holds. Another file says what a lane holds, and how it makes a sum of that.
override TILES_N: u32;
override LINE: u32;
override CHANNELS: u32; // of x, without those that fill up the four

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let groups = (LINE + 3u) / 4u;
    let group = tile / TILES_N * LANES + lane;
    let line = min(group / groups, M / LINE - 1u);
    let m = line * LINE + group % groups * 4u;
    // Rows from here on are not this lane's.
    let end = select((line + 1u) * LINE, 0u, group / groups != line);
    let first = tile % TILES_N * 32u;
    let last = min(first + 32u, N);
    var held = hold(a_row(m), first, lane);
    // A loop that tests at its head would run once more, with all lanes masked.
    var n = first;
    loop {
        store_rows(m, end, n, sums(n, first, lane, &held));
        continuing {
            n += 4u;
            break if n >= last;
        }
    }
}

fn load_pixel(row: vec4<i32>, y: u32, x: u32) -> vec4<f32> {
    let cell = row + vec4(vec3<i32>(vec3(y, x, (y * W + x) * CIN)), 0);
    if (PADDED || LINE % 4u == 0u) { return load_x(cell); }
    // Some of these pixels are only seen by rows behind the line.
    let inside = u32(cell.y) < W;
    return select(vec4<f32>(), read_a(u32(select(0, cell.z, inside))), inside);
}

// First float of the weights of product k of a sum; past the last one, that one again.
fn weights_at(k: u32) -> u32 {
    let product = min(k, 9u * CHANNELS - 1u);
    return (product / CHANNELS * CIN + product % CHANNELS) * N;
}
