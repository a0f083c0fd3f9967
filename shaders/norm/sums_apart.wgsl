// Invocations keep their sums apart: a barrier would make llvmpipe keep their variables in memory.
fn added_invocations(a: Sums, invocation: u32, first: u32, step: u32, number: u32) -> Sums {
    return a;
}
