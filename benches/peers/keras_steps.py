"""Times training and evaluation steps of Keras on TensorFlow, for comparison with `cargo bench --bench step`.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 numpy
    python benches/peers/keras_steps.py --networks resnet20 airbench

The networks, their batch sizes and the lines of results are those of pytorch_steps.py. The images are in memory as floats.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import networks
import numpy as np
from keras import layers

PARTS = ["train", "evaluate"]
ROUNDS = 3


def normalized(layer, momentum: float, epsilon: float):
    return lambda x: layers.BatchNormalization(momentum=momentum, epsilon=epsilon)(layer(x))


def convolution(filters: int, kernel: int, stride: int, momentum: float, epsilon: float):
    return normalized(layers.Conv2D(filters, kernel, stride, "same", use_bias=False), momentum, epsilon)


def classes(x):
    return layers.Dense(10)(layers.GlobalAveragePooling2D()(x))


def resnet20(x):
    numbers = networks.NETWORKS["resnet20"].numbers
    x = layers.ReLU()(convolution(16, 3, 1, *numbers)(x))
    for stage, filters in enumerate(networks.RESNET20):
        for place in range(3):
            stride = 2 if stage > 0 and place == 0 else 1
            end = layers.ReLU()(convolution(filters, 3, stride, *numbers)(x))
            end = convolution(filters, 3, 1, *numbers)(end)
            if stride > 1 or x.shape[-1] != filters:
                x = convolution(filters, 1, stride, *numbers)(x)
            x = layers.ReLU()(layers.Add()([end, x]))
    return classes(x)


def inverted_residuals(x, name: str, stages: list[tuple]):
    numbers = networks.NETWORKS[name].numbers
    x = layers.ReLU(6.0)(convolution(32, 3, 2, *numbers)(x))
    for kernel, stride, expansion, filters, blocks in stages:
        for place in range(blocks):
            end = x
            if expansion > 1:
                end = layers.ReLU(6.0)(convolution(expansion * x.shape[-1], 1, 1, *numbers)(end))
            depthwise = layers.DepthwiseConv2D(kernel, 1 if place else stride, "same", use_bias=False)
            end = layers.ReLU(6.0)(normalized(depthwise, *numbers)(end))
            end = convolution(filters, 1, 1, *numbers)(end)
            x = layers.Add()([x, end]) if end.shape == x.shape else end
    return classes(layers.ReLU(6.0)(convolution(1280, 1, 1, *numbers)(x)))


def airbench(x):
    momentum, epsilon = networks.NETWORKS["airbench"].numbers
    x = layers.Conv2D(24, 2, activation="gelu", trainable=False)(x)
    for filters in networks.AIRBENCH:
        for pools in [True, False]:
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.MaxPooling2D(2)(x) if pools else x
            x = layers.BatchNormalization(momentum=momentum, epsilon=epsilon, scale=False)(x)
            x = layers.Activation("gelu")(x)
    x = layers.Flatten()(layers.MaxPooling2D(3)(x))
    return layers.Rescaling(1 / 9)(layers.Dense(10, use_bias=False)(x))


# How a network is made of images.
BUILDERS = {
    "resnet20": resnet20,
    "mobilenet_v2": lambda x: inverted_residuals(x, "mobilenet_v2", networks.MOBILENET_V2),
    "efficientnet_lite0": lambda x: inverted_residuals(x, "efficientnet_lite0", networks.EFFICIENTNET_LITE0),
    "airbench": airbench,
}


def seconds_of(step: Callable[[], object], seconds: float) -> float:
    # The first steps set themselves up.
    for _ in range(3):
        step()
    rounds = []
    for _ in range(ROUNDS):
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            step()
            steps += 1
        rounds.append((time.perf_counter() - start) / steps)
    return statistics.median(rounds)


def measure(name: str, batch: int, parts: list[str], seconds: float) -> dict:
    network = networks.NETWORKS[name]
    size = network.size
    inputs = keras.Input((size, size, 3))
    model = keras.Model(inputs, BUILDERS[name](inputs))
    trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trained == network.parameters, f"{name} has {trained} parameters"
    optimizer = keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True) if size == 32 else "adam"
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.rand(batch, size, size, 3).astype("float32"), np.random.randint(0, 10, batch)
    figures = {}
    if "train" in parts:
        training = seconds_of(lambda: model.train_on_batch(x, y), seconds)
        figures = {"train_ms": training * 1e3, "images_per_s": batch / training}
    if "evaluate" in parts:
        figures["evaluate_ms"] = seconds_of(lambda: model.predict_on_batch(x), seconds) * 1e3
    return {"network": name, "batch_size": batch, "mode": "keras", **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=BUILDERS, default=list(BUILDERS))
    parser.add_argument("--batch-size", type=int, help="that of networks.py if left out")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", type=float, default=0.4, help="time of a round (%(default)s)")
    args = parser.parse_args()
    print(f"Keras {keras.__version__} on {keras.backend.backend()}", flush=True)
    for name in args.networks:
        for batch in [args.batch_size] if args.batch_size else networks.NETWORKS[name].batch_sizes:
            print(json.dumps(measure(name, batch, args.parts, args.seconds)), flush=True)


if __name__ == "__main__":
    main()
