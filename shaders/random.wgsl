// Random bits as a function of the run's seed, the number of the update, and two counters: pcg4d of Jarzynski & Olano,
// "Hash Functions for GPU Rendering", 2020.

fn mixed(u: vec4<u32>) -> vec4<u32> {
    var v = u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}

fn random(place: u32, purpose: u32) -> vec4<u32> {
    let seed = minibatch.step.seed;
    let v = vec4(place, minibatch.step.update, seed.x + purpose * 2654435769u, seed.y);
    let first = mixed(v * 1664525u + 1013904223u);
    return mixed(first ^ (first >> vec4(16u)));
}
