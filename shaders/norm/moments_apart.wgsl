// Invocations keep their moments apart: a barrier would make llvmpipe keep their variables in memory.
fn merged_invocations(a: Moments, invocation: u32, first: u32, step: u32, number: u32) -> Moments {
    return a;
}
