// A piece of a grid, from workgroup FIRST_WORKGROUP of the whole on: see grid.wgsl. Layers are never cut.
override FIRST_WORKGROUP: u32;

fn linear_workgroup(workgroup: vec3<u32>, count: vec3<u32>) -> u32 {
    return FIRST_WORKGROUP + workgroup.x + workgroup.y * count.x;
}
