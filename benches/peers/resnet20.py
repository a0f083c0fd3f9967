"""Times training steps of ResNet-20 in PyTorch or Keras on the CPU, for comparison with wgrad.

    python benches/peers/resnet20.py channels_last    # or: eager, keras
    cargo bench --bench step -- 128 broadcast64x16 resnet20

The network is that of `wgrad train --model resnet20`: convolutions without bias, projections in the shortcuts. A step is
forward pass, loss, backward pass, and the update by SGD with Nesterov's momentum.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

STAGES = [16, 32, 64]
BLOCKS = 3
MOMENTUM = 0.9
EPSILON = 1e-5


def torch_network():
    import torch
    from torch import nn

    def convolution(c: int, filters: int, kernel: int, stride: int) -> nn.Sequential:
        layer = nn.Conv2d(c, filters, kernel, stride, kernel // 2, bias=False)
        # PyTorch's momentum is the share of the new value.
        return nn.Sequential(layer, nn.BatchNorm2d(filters, EPSILON, 1 - MOMENTUM))

    class Block(nn.Module):
        def __init__(self, c: int, filters: int, stride: int):
            super().__init__()
            changes = stride > 1 or c != filters
            self.first = convolution(c, filters, 3, stride)
            self.second = convolution(filters, filters, 3, 1)
            self.shortcut = convolution(c, filters, 1, stride) if changes else nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))

    layers: list[nn.Module] = [convolution(3, STAGES[0], 3, 1), nn.ReLU()]
    c = STAGES[0]
    for stage, filters in enumerate(STAGES):
        for place in range(BLOCKS):
            layers.append(Block(c, filters, 2 if stage > 0 and place == 0 else 1))
            c = filters
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10))
    assert sum(p.numel() for p in model.parameters()) == 272_474
    return model


def torch_step(batch: int, channels_last: bool) -> Callable[[], object]:
    import torch

    model = torch_network()
    x, y = torch.rand(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True)

    def step() -> float:
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def keras_step(batch: int) -> Callable[[], object]:
    import keras
    import numpy as np
    from keras import layers

    def convolution(x, filters: int, kernel: int, stride: int):
        x = layers.Conv2D(filters, kernel, stride, "same", use_bias=False)(x)
        return layers.BatchNormalization(momentum=MOMENTUM, epsilon=EPSILON)(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(convolution(inputs, STAGES[0], 3, 1))
    for stage, filters in enumerate(STAGES):
        for place in range(BLOCKS):
            stride = 2 if stage > 0 and place == 0 else 1
            end = layers.ReLU()(convolution(x, filters, 3, stride))
            end = convolution(end, filters, 3, 1)
            if stride > 1 or x.shape[-1] != filters:
                x = convolution(x, filters, 1, stride)
            x = layers.ReLU()(layers.Add()([end, x]))
    outputs = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 272_474
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.rand(batch, 32, 32, 3).astype("float32"), np.random.randint(0, 10, batch)
    return lambda: model.train_on_batch(x, y)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["channels_last", "eager", "keras"])
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=15)
    args = parser.parse_args()
    if args.peer == "keras":
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        step = keras_step(args.batch_size)
    else:
        step = torch_step(args.batch_size, args.peer == "channels_last")
    # The first steps set themselves up.
    for _ in range(3):
        step()
    seconds = []
    for _ in range(args.steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    median, best = statistics.median(seconds), min(seconds)
    print(f"{args.peer}: {median * 1e3:.1f} ms a step, at best {best * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
