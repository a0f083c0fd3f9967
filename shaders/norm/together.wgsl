// The invocations of a workgroup that have the same channels share parts between them, and add up what they found.
fn first_part(place: Place, parts: u32) -> u32 {
    return begin_at(place, 0u, parts);
}

fn part_step() -> u32 {
    return LANE_ROWS;
}
