// Means and sums of squared deviations, of four series at a time. Two of them merge without cancellation: Chan, Golub &
// LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
// The caller subtracts one element of a series, its origin, from all of them first. The difference of floats that are near
// each other is exact, so a large mean costs no digits.
struct Moments {
    n: vec4<f32>, // number of elements
    mean: vec4<f32>,
    squares: vec4<f32>, // sum of squared deviations from the mean
}

var<workgroup> shared_n: array<vec4<f32>, 64>;
var<workgroup> shared_mean: array<vec4<f32>, 64>;
var<workgroup> shared_squares: array<vec4<f32>, 64>;

fn merged(a: Moments, b: Moments) -> Moments {
    let n = a.n + b.n;
    let share = b.n / max(n, vec4(1.0));
    let difference = b.mean - a.mean;
    return Moments(n, a.mean + difference * share, a.squares + b.squares + difference * difference * a.n * share);
}

// Adds eight elements of each series. Those with a weight of 0 do not count and must be 0; the others have a weight of 1.
fn with_eight(
    a: Moments,
    elements: ptr<function, array<vec4<f32>, 8>>,
    weights: ptr<function, array<vec4<f32>, 8>>,
) -> Moments {
    var n = vec4<f32>();
    var sum = vec4<f32>();
    for (var k = 0u; k < 8u; k++) {
        n += (*weights)[k];
        sum += (*elements)[k];
    }
    let mean = sum / max(n, vec4(1.0));
    var squares = vec4<f32>();
    for (var k = 0u; k < 8u; k++) {
        let deviation = ((*elements)[k] - mean) * (*weights)[k];
        squares += deviation * deviation;
    }
    return merged(a, Moments(n, mean, squares));
}

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
