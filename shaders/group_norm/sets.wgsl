// x [IMAGES, PIXELS, C] is normalized in sets: GROUP channels next to each other, of all pixels of an image. Layer
// normalization over channels is the same with images of one pixel and one group.
// LANES invocations take a bundle of BUNDLE groups of an image, whose channels are SPAN whole fours. A single group reaches
// into GROUP_QUADS fours.
override IMAGES: u32;
override PIXELS: u32;
override C: u32; // channels in memory, a multiple of four
override GROUP: u32;
override GROUPS: u32;
override GROUP_QUADS: u32;
override BUNDLE: u32;
override BUNDLES: u32;
override SPAN: u32;
override LANES: u32;
override GAMMA: bool;


struct Bundle {
    exists: bool,
    image: u32,
    group: u32, // its first group
    lane: u32,
    first: u32, // first of its invocations
}

fn bundle_of(workgroup: u32, invocation: u32) -> Bundle {
    let i = workgroup * (64u / LANES) + invocation / LANES;
    let bundle = min(i, IMAGES * BUNDLES - 1u);
    return Bundle(
        i == bundle,
        bundle / BUNDLES,
        bundle % BUNDLES * BUNDLE,
        invocation % LANES,
        invocation / LANES * LANES,
    );
}

// Four channels of a pixel in memory, and which of them belong to a group.
struct Four {
    i: u32,
    channel: u32,
    inside: vec4<bool>,
}

// Element e of a group of an image, four channels at a time.
fn four_of(image: u32, group: u32, e: u32) -> Four {
    let pixel = min(e / GROUP_QUADS, PIXELS - 1u);
    let first = (group * GROUP / 4u + e % GROUP_QUADS) * 4u;
    let channels = vec4(first) + vec4(0u, 1u, 2u, 3u);
    let inside = (channels >= vec4(group * GROUP)) & (channels < vec4(min(group + 1u, GROUPS) * GROUP));
    let channel = min(first, C - 4u);
    return Four((image * PIXELS + pixel) * C + channel, channel, inside & vec4(e < PIXELS * GROUP_QUADS));
}

// Of each group of each bundle: origin, mean, 1 / sqrt(variance + epsilon).
var<workgroup> standards: array<vec4<f32>, 256>;

// Where a table that has an entry for each group of each bundle has those of four channels.
fn place_in_table(bundle: Bundle, channel: u32) -> vec4<u32> {
    let groups = (vec4(channel) + vec4(0u, 1u, 2u, 3u)) / GROUP - vec4(bundle.group);
    return vec4(bundle.first / LANES * 4u) + min(groups, vec4(BUNDLE - 1u));
}

// How four channels are normalized: normalized x = ((x - origin) - mean) inverse.
struct Standard {
    origin: vec4<f32>,
    mean: vec4<f32>,
    inverse: vec4<f32>,
}

fn standard_of(bundle: Bundle, channel: u32) -> Standard {
    let place = place_in_table(bundle, channel);
    let first = standards[place.x];
    if (BUNDLE == 1u) { return Standard(vec4(first.x), vec4(first.y), vec4(first.z)); }
    let s = transpose(mat4x4(first, standards[place.y], standards[place.z], standards[place.w]));
    return Standard(s[0], s[1], s[2]);
}
