// Gradient of the weights of a convolution by a kernel of 3 x 3 with a stride of 1, for adapters whose subgroup is LANES
// lanes. A lane makes all nine taps of four channels of x by four channels of y. COLUMN_LANES neighbours share the channels
// of x, and each group of so many lanes has four channels of x of its own. A trip of the loop takes LINES x 4 pixels of dy,
// two lines or four, and the pixels of x that their windows see, so that a loaded pixel serves up to nine products, and little
// of a trip goes into the execution mask. Another file says what a trip does.
override TILES_N: u32;
override PART_TRIPS: u32; // of the loop in a part
override CHANNELS: u32; // of x, without those that fill up the last four

// Groups of lanes that have the same columns.
const GROUPS = LANES / COLUMN_LANES;

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let tile = linear_workgroup(workgroup, count);
    let c = (tile / TILES_N * GROUPS + lane / COLUMN_LANES) * 4u;
    let n = (tile % TILES_N * COLUMN_LANES + lane % COLUMN_LANES) * 4u;
    let blocks = vec2((OW + 3u) / 4u, (OH + LINES - 1u) / LINES);
    let trips = K / (OH * OW) * blocks.y * blocks.x;
    // s[i][r] is sum i of channel c + r of x. What SUMS sums are, and how they make nine taps, another file says.
    var s = array<array<vec4<f32>, 4>, SUMS>();
    var db = vec4<f32>();
    let end = min((workgroup.z + 1u) * PART_TRIPS, trips);
    for (var trip = workgroup.z * PART_TRIPS; trip < end; trip++) {
        let image = trip / (blocks.y * blocks.x);
        let y = trip / blocks.x % blocks.y * LINES;
        let x = trip % blocks.x * 4u;
        add_trip(image, y, x, c, n, lane, &s, &db);
    }
    let first = workgroup.z * PART_LEN + n;
    if (c < CIN && n < N) {
        // Written out: where the driver does not unroll a loop, it reads the sums from memory, in all of the kernel.
        write_channel(first + c * N, 0u, &s);
        write_channel(first + c * N, 1u, &s);
        write_channel(first + c * N, 2u, &s);
        write_channel(first + c * N, 3u, &s);
        if (BIAS && c == 0u) { write_c(first + BIAS_FIRST, db); }
    }
}

// Writes nine taps of a channel, in rows of all channels.
fn write_channel(first: u32, r: u32, s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>) {
    write_line_of_taps(first, 0u, r, s);
    write_line_of_taps(first, 1u, r, s);
    write_line_of_taps(first, 2u, r, s);
}

fn write_line_of_taps(first: u32, ky: u32, r: u32, s: ptr<function, array<array<vec4<f32>, 4>, SUMS>>) {
    let taps = line_of_taps(ky, r, s);
    write_c(first + (3u * ky * CIN + r) * N, taps[0]);
    write_c(first + ((3u * ky + 1u) * CIN + r) * N, taps[1]);
    write_c(first + ((3u * ky + 2u) * CIN + r) * N, taps[2]);
}

// Whether channel r of four fills up the only four of x.
fn fills_up(r: u32) -> bool {
    return CIN == 4u && r >= CHANNELS;
}

// Four channels of dy, zero outside it.
fn load_dy(image: u32, y: u32, x: u32, n: u32) -> vec4<f32> {
    let inside = y < OH && x < OW;
    let i = ((image * OH + y) * OW + x) * N + n;
    return select(vec4<f32>(), read_b(select(0u, i, inside)), inside);
}
