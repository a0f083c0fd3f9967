"""The random numbers of wgrad, computed as it computes them: the order of images and initial kernels.

    python benches/peers/wgrad_draws.py    # prints how random they are
"""

import math
import struct

import numpy as np


def chacha8(key: bytes, stream: int, count: int) -> np.ndarray:
    """The first `count` words of 32 bits of ChaCha with 8 rounds (Bernstein 2008)."""
    blocks = -(-count // 16)
    words = np.empty((16, blocks), np.uint32)
    words[:4] = np.frombuffer(b"expand 32-byte k", "<u4")[:, None]
    words[4:12] = np.frombuffer(key, "<u4")[:, None]
    words[12:14] = np.arange(blocks, dtype="<u8").view("<u4").reshape(-1, 2).T
    words[14:] = np.array([stream], "<u8").view("<u4")[:, None]
    x = words.copy()

    def mix(a: int, b: int, c: int, d: int) -> None:
        for to, by, turned, bits in (a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7):
            x[to] += x[by]
            x[turned] ^= x[to]
            x[turned] = x[turned] << np.uint32(bits) | x[turned] >> np.uint32(32 - bits)

    for _ in range(4):
        for i in range(4):
            mix(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            mix(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return (x + words).T.reshape(-1)[:count]


def order(seed: int, epoch: int, length: int) -> np.ndarray:
    """The order of images of `src/data/sampler.rs`. wgrad counts epochs from 1."""
    key = struct.pack("<Q", seed) + bytes(24)
    draws = chacha8(key, epoch, 2 * (length - 1)).astype("<u4").view("<u8")
    images = list(range(length))
    for i, draw in zip(range(length - 1, 0, -1), draws.tolist()):
        j = draw * (i + 1) >> 64
        images[i], images[j] = images[j], images[i]
    return np.array(images)


def kernel(seed: int, place: int, shape: tuple[int, ...]) -> np.ndarray:
    """The initial kernel of `src/model/initializer.rs`, HWIO or (in, out), of the layer at this place."""
    state, key = seed, b""
    for _ in range(8):  # PCG32 makes a key of the seed
        state = (state * 0x5851F42D4C957F2D + 0xA17654E46FBE17F3) % 2**64
        word, turn = ((state >> 18 ^ state) >> 27) % 2**32, state >> 59
        key += struct.pack("<I", (word >> turn | word << (32 - turn)) % 2**32)
    unit = (chacha8(key, 2**64 - 1 - place, math.prod(shape)) >> 8) / 2**24
    limit = math.sqrt(6 / ((shape[-1] + shape[-2]) * math.prod(shape[:-2])))
    return ((2 * unit - 1) * limit).astype(np.float32).reshape(shape)


def main() -> None:
    """Compares the draws of 40 seeds, and the orders of 20 epochs, with what chance would give."""
    shapes = [(3, 3, 3, 32), (3, 3, 32, 64), (3, 3, 64, 64), (1024, 64), (64, 10)]
    kernels = [[kernel(seed, place, shape).ravel() for place, shape in enumerate(shapes)] for seed in range(40)]
    units = np.array([np.concatenate([k / np.abs(k).max() for k in seed]) for seed in kernels])
    ranked = np.sort(units.ravel() + 1) / 2
    distance = np.abs(ranked - (np.arange(ranked.size) + 0.5) / ranked.size).max()
    print(f"kernels, Kolmogorov-Smirnov: {distance * math.sqrt(ranked.size):.2f}; above 1.36 in 5 % of all samples")
    z = np.corrcoef(units)[np.triu_indices(40, 1)] * math.sqrt(units.shape[1])
    print(f"kernels of two seeds, correlation in standard errors: mean {z.mean():.2f}, deviation {z.std():.2f}")
    length = 50_000
    orders = [order(seed, epoch, length) for seed in range(4) for epoch in range(1, 6)]
    assert all(np.array_equal(np.sort(images), np.arange(length)) for images in orders)
    places = np.arange(length)
    correlations = {
        "neighbours": [np.corrcoef(images[:-1], images[1:])[0, 1] for images in orders],
        "image and place": [np.corrcoef(images, places)[0, 1] for images in orders],
        "places in two epochs": [
            np.corrcoef(np.argsort(one), np.argsort(other))[0, 1] for one, other in zip(orders, orders[1:])
        ],
    }
    for name, values in correlations.items():
        z = np.array(values) * math.sqrt(length)
        print(f"order, {name}, correlation in standard errors: mean {z.mean():.2f}, deviation {z.std():.2f}")


if __name__ == "__main__":
    main()
