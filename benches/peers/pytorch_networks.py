"""The networks of wgrad's benchmarks in PyTorch, with as many parameters.

PyTorch pads a convolution of stride 2 on all sides and Keras on two, which changes neither sizes nor arithmetic.
"""

import pytorch_cnn
import torch
from networks import AIRBENCH, EFFICIENTNET_LITE0, MOBILENET_V2, NETWORKS, RESNET20
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

    NUMBERS = NETWORKS["resnet20"].numbers

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
    for stage, filters in enumerate(RESNET20):
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


def inverted_residuals(name: str, stages: list[tuple], dropout: float) -> nn.Module:
    numbers = NETWORKS[name].numbers
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
    for filters in AIRBENCH:
        for pools in [True, False]:
            layers.append(nn.Conv2d(c, filters, 3, padding=1, bias=False))
            layers += [nn.MaxPool2d(2)] if pools else []
            norm = normalization(filters, *NETWORKS["airbench"].numbers)
            norm.weight.requires_grad_(False)
            layers += [norm, nn.GELU()]
            c = filters
    return nn.Sequential(*layers, nn.MaxPool2d(3), nn.Flatten(), nn.Linear(c, 10, bias=False), Scaled())


BUILDERS = {
    "tutorial": pytorch_cnn.build,
    "resnet20": resnet20,
    "mobilenet_v2": lambda: inverted_residuals("mobilenet_v2", MOBILENET_V2, 0.0),
    "efficientnet_lite0": lambda: inverted_residuals("efficientnet_lite0", EFFICIENTNET_LITE0, 0.2),
    "airbench": airbench,
}


def build(name: str) -> nn.Module:
    model = BUILDERS[name]()
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert trained == NETWORKS[name].parameters, f"{name} has {trained} parameters"
    return model
