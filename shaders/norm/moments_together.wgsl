var<workgroup> shared_n: array<vec4<f32>, 64>;
var<workgroup> shared_mean: array<vec4<f32>, 64>;
var<workgroup> shared_squares: array<vec4<f32>, 64>;

// Merges the moments of `number` invocations of the workgroup, which are `step` apart, in their order. Every invocation of
// the workgroup must call it, and gets the moments of those that `first` is the first of.
fn merged_invocations(a: Moments, invocation: u32, first: u32, step: u32, number: u32) -> Moments {
    shared_n[invocation] = a.n;
    shared_mean[invocation] = a.mean;
    shared_squares[invocation] = a.squares;
    workgroupBarrier();
    if (invocation == first) {
        var all = a;
        for (var k = 1u; k < number; k++) {
            let i = first + k * step;
            all = merged(all, Moments(shared_n[i], shared_mean[i], shared_squares[i]));
        }
        shared_n[first] = all.n;
        shared_mean[first] = all.mean;
        shared_squares[first] = all.squares;
    }
    workgroupBarrier();
    let all = Moments(shared_n[first], shared_mean[first], shared_squares[first]);
    workgroupBarrier();
    return all;
}
