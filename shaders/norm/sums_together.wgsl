var<workgroup> shared_dy: array<vec4<f32>, 64>;
var<workgroup> shared_product: array<vec4<f32>, 64>;

// Adds the sums of `number` invocations of the workgroup, which are `step` apart, in their order. Every invocation of the
// workgroup must call it, and gets the sums of those that `first` is the first of.
fn added_invocations(a: Sums, invocation: u32, first: u32, step: u32, number: u32) -> Sums {
    shared_dy[invocation] = a.dy;
    shared_product[invocation] = a.product;
    workgroupBarrier();
    if (invocation == first) {
        var all = a;
        for (var k = 1u; k < number; k++) {
            all.dy += shared_dy[first + k * step];
            all.product += shared_product[first + k * step];
        }
        shared_dy[first] = all.dy;
        shared_product[first] = all.product;
    }
    workgroupBarrier();
    let all = Sums(shared_dy[first], shared_product[first]);
    workgroupBarrier();
    return all;
}
