"""The networks of wgrad's benchmarks in PyTorch, with as many parameters.

PyTorch pads a convolution of stride 2 on all sides and Keras on two, which changes neither sizes nor arithmetic.
"""

from collections.abc import Callable
from typing import NamedTuple

import pytorch_cnn
import torch
from torch import nn


def normalization(c: int, momentum: float, epsilon: float) -> nn.BatchNorm2d:
    # PyTorch's momentum is the share of the new value.
    return nn.BatchNorm2d(c, epsilon, 1 - momentum)


def convolution(c: int, filters: int, kernel: int, stride: int, groups: int, numbers: tuple[float, float]) -> nn.Sequential:
    """Without bias, and normalized with `numbers`: momentum and epsilon."""
    layer = nn.Conv2d(c, filters, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, normalization(filters, *numbers))


class Residual(nn.Module):
    """Two convolutions of 3 x 3 with a shortcut (He et al. 2015)."""

    NUMBERS = 0.9, 1e-5

    def __init__(self, c: int, filters: int, stride: int):
        super().__init__()
        changes = stride > 1 or c != filters
        self.first = convolution(c, filters, 3, stride, 1, self.NUMBERS)
        self.second = convolution(filters, filters, 3, 1, 1, self.NUMBERS)
        self.shortcut = convolution(c, filters, 1, stride, 1, self.NUMBERS) if changes else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(torch.relu(self.first(x))) + self.shortcut(x))


def resnet20() -> nn.Module:
    layers: list[nn.Module] = [convolution(3, 16, 3, 1, 1, Residual.NUMBERS), nn.ReLU()]
    c = 16
    for stage, filters in enumerate([16, 32, 64]):
        for place in range(3):
            layers.append(Residual(c, filters, 2 if stage > 0 and place == 0 else 1))
            c = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10))


class InvertedResidual(nn.Module):
    """More channels, a depthwise convolution, and fewer channels, with a shortcut (Sandler et al. 2018)."""

    def __init__(self, c: int, kernel: int, stride: int, expansion: int, filters: int, numbers: tuple[float, float]):
        super().__init__()
        wide = expansion * c
        layers = [convolution(c, wide, 1, 1, 1, numbers), nn.ReLU6()] if expansion > 1 else []
        layers += [convolution(wide, wide, kernel, stride, wide, numbers), nn.ReLU6()]
        self.layers = nn.Sequential(*layers, convolution(wide, filters, 1, 1, 1, numbers))
        self.adds = stride == 1 and c == filters

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.adds else self.layers(x)


# Kernel, stride of the first block, expansion, filters and blocks.
MOBILENET_V2 = [
    *((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (3, 2, 6, 32, 3), (3, 2, 6, 64, 4)),
    *((3, 1, 6, 96, 3), (3, 2, 6, 160, 3), (3, 1, 6, 320, 1)),
]
EFFICIENTNET_LITE0 = [
    *((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3)),
    *((5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)),
]


def inverted_residuals(stages: list[tuple], numbers: tuple[float, float], dropout: float) -> nn.Module:
    layers: list[nn.Module] = [convolution(3, 32, 3, 2, 1, numbers), nn.ReLU6()]
    c = 32
    for kernel, stride, expansion, filters, blocks in stages:
        for place in range(blocks):
            layers.append(InvertedResidual(c, kernel, stride if place == 0 else 1, expansion, filters, numbers))
            c = filters
    layers += [convolution(c, 1280, 1, 1, 1, numbers), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(1280, 10))


class Scaled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 9


def airbench() -> nn.Module:
    """models/airbench.toml (Jordan 2024)."""
    whitening = nn.Conv2d(3, 24, 2)
    layers: list[nn.Module] = [whitening.requires_grad_(False), nn.GELU()]
    c = 24
    for filters in [64, 256, 256]:
        for pools in [True, False]:
            layers.append(nn.Conv2d(c, filters, 3, padding=1, bias=False))
            layers += [nn.MaxPool2d(2)] if pools else []
            norm = normalization(filters, 0.6, 1e-12)
            norm.weight.requires_grad_(False)
            layers += [norm, nn.GELU()]
            c = filters
    return nn.Sequential(*layers, nn.MaxPool2d(3), nn.Flatten(), nn.Linear(c, 10, bias=False), Scaled())


class Network(NamedTuple):
    build: Callable[[], nn.Module]
    size: int  # of its images
    batch_sizes: list[int]  # of docs/speed.md
    parameters: int  # that are trained


NETWORKS = {
    "tutorial": Network(pytorch_cnn.build, 32, [32, 512], 122_570),
    "resnet20": Network(resnet20, 32, [128], 272_474),
    "mobilenet_v2": Network(lambda: inverted_residuals(MOBILENET_V2, (0.999, 1e-3), 0.0), 96, [64], 2_236_682),
    "efficientnet_lite0": Network(lambda: inverted_residuals(EFFICIENTNET_LITE0, (0.99, 1e-3), 0.2), 224, [32], 3_383_818),
    "airbench": Network(airbench, 32, [500], 1_971_328),
}


def build(name: str) -> nn.Module:
    model = NETWORKS[name].build()
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert trained == NETWORKS[name].parameters, f"{name} has {trained} parameters"
    return model
