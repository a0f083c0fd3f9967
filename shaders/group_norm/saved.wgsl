// The statistics that the forward pass saved. d = origin, mean, 1 / sqrt(variance + epsilon), 0 [IMAGES, GROUPS, 4].
override PIXELS: u32;
override GROUP: u32;
override GROUPS: u32;

fn counted_rows() -> u32 {
    return ROWS;
}

fn begin_column(d: u32, channel: u32) {}

// There is no activation.
fn before_activation(dy: vec4<f32>, x: vec4<f32>, d: u32) -> vec4<f32> {
    return dy;
}

fn normalized(x: vec4<f32>, row: u32, channel: u32, d: u32) -> vec4<f32> {
    let first_of_image = row / PIXELS * GROUPS;
    let groups = min((vec4(channel) + vec4(0u, 1u, 2u, 3u)) / GROUP, vec4(GROUPS - 1u));
    let first = read_d((first_of_image + groups.x) * 4u);
    if (GROUP % 4u == 0u || GROUPS == 1u) { return ((x - first.x) - first.y) * first.z; }
    let second = read_d((first_of_image + groups.y) * 4u);
    let third = read_d((first_of_image + groups.z) * 4u);
    let fourth = read_d((first_of_image + groups.w) * 4u);
    let standard = transpose(mat4x4(first, second, third, fourth));
    return ((x - standard[0]) - standard[1]) * standard[2];
}
