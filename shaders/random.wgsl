// Random bits as a function of the run's seed, the number of the update, and two counters: pcg4d of Jarzynski & Olano,
// "Hash Functions for GPU Rendering", 2020.
@group(0) @binding(1) var<storage, read> minibatch: array<u32>;
override UPDATE: u32;
override SEED: u32;

fn mixed(u: vec4<u32>) -> vec4<u32> {
    var v = u;
    v.x += v.y * v.w;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v.w += v.y * v.z;
    return v;
}

fn random(place: u32, purpose: u32) -> vec4<u32> {
    let v = vec4(place, minibatch[UPDATE], minibatch[SEED] + purpose * 2654435769u, minibatch[SEED + 1u]);
    let first = mixed(v * 1664525u + 1013904223u);
    return mixed(first ^ (first >> vec4(16u)));
}
