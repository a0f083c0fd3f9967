// A grid of more than 65,535 workgroups is folded into two dimensions; this is its place in the unfolded one.
fn linear_workgroup(workgroup: vec3<u32>, count: vec3<u32>) -> u32 {
    return workgroup.x + workgroup.y * count.x;
}
