"""The sizes of the networks of wgrad's benchmarks. pytorch_networks.py and keras_steps.py build the networks."""

from typing import NamedTuple


class Network(NamedTuple):
    size: int  # of its images
    batch_sizes: list[int]  # that are timed where none is asked for
    parameters: int  # that are trained
    numbers: tuple[float, float] | None = None  # momentum, as Keras counts it, and epsilon of its normalizations


NETWORKS = {
    "tutorial": Network(32, [32, 512], 122_570),
    "resnet20": Network(32, [128], 272_474, (0.9, 1e-5)),
    "mobilenet_v2": Network(96, [64], 2_236_682, (0.999, 1e-3)),
    "efficientnet_lite0": Network(224, [32], 3_383_818, (0.99, 1e-3)),
    "airbench": Network(32, [500], 1_971_328, (0.6, 1e-12)),
}

# The filters of each stage.
RESNET20 = [16, 32, 64]
AIRBENCH = [64, 256, 256]
# Kernel, stride of the first block, expansion, filters and blocks of each stage.
MOBILENET_V2 = [
    *((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (3, 2, 6, 32, 3), (3, 2, 6, 64, 4)),
    *((3, 1, 6, 96, 3), (3, 2, 6, 160, 3), (3, 1, 6, 320, 1)),
]
EFFICIENTNET_LITE0 = [
    *((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3)),
    *((5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)),
]
