// What the host learns of each step: a slot of SLOTS for each has the sum of the losses (the bits of a float), the images
// whose label was the most probable class, those whose label was among the five most probable, and the images that count.
@group(0) @binding(7) var<storage, read_write> metrics: array<vec4<u32>>;
override SLOTS: u32;
