// Means and sums of squared deviations, of four series at a time. Two of them merge without cancellation: Chan, Golub &
// LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
// The caller subtracts one element of a series, its origin, from all of them first. The difference of floats that are near
// each other is exact, so a large mean costs no digits.
struct Moments {
    n: vec4<f32>, // number of elements
    mean: vec4<f32>,
    squares: vec4<f32>, // sum of squared deviations from the mean
}

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
