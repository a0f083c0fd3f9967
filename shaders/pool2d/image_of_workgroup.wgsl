// A workgroup for each image.
override IMAGES: u32;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) count: vec3<u32>,
    @builtin(local_invocation_index) invocation: u32,
) {
    let quads = PIXELS / IMAGES * C / 4u;
    let image = linear_workgroup(workgroup, count);
    for (var i = invocation; i < quads && image < IMAGES; i += 256u) {
        let quad = image * quads + i;
        make(quad * 4u / C, quad * 4u % C, true);
    }
}
