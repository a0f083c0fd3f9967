"""MobileNetV2 (Sandler et al. 2018) in PyTorch, as `wgrad train --model mobilenet_v2` has it.

PyTorch pads a 3x3 convolution of stride 2 on all sides and Keras on two, which changes neither sizes nor arithmetic.
"""

import torch
from torch import nn

# Expansion, filters, blocks, and the stride of the first of them.
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
MOMENTUM = 0.999
EPSILON = 1e-3


def convolution(c: int, filters: int, kernel: int = 1, stride: int = 1, groups: int = 1, relu6: bool = True) -> nn.Sequential:
    layer = nn.Conv2d(c, filters, kernel, stride, kernel // 2, groups=groups, bias=False)
    # PyTorch's momentum is the share of the new value.
    layers: list[nn.Module] = [layer, nn.BatchNorm2d(filters, EPSILON, 1 - MOMENTUM)]
    return nn.Sequential(*layers, nn.ReLU6()) if relu6 else nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, c: int, expansion: int, filters: int, stride: int):
        super().__init__()
        wide = expansion * c
        layers = [convolution(c, wide)] if expansion > 1 else []
        layers += [convolution(wide, wide, 3, stride, groups=wide), convolution(wide, filters, relu6=False)]
        self.layers = nn.Sequential(*layers)
        self.adds = stride == 1 and c == filters

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x) if self.adds else self.layers(x)


def build() -> nn.Module:
    layers: list[nn.Module] = [convolution(3, 32, 3, 2)]
    c = 32
    for expansion, filters, blocks, stride in STAGES:
        for place in range(blocks):
            layers.append(Block(c, expansion, filters, stride if place == 0 else 1))
            c = filters
    layers += [convolution(c, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 10)]
    model = nn.Sequential(*layers)
    assert sum(p.numel() for p in model.parameters()) == 2_236_682
    return model
