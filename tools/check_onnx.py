"""Checks ONNX files of networks whose layers have names that could collide, with onnx's checker and onnxruntime.

    pip install numpy safetensors onnx onnxruntime
    python tools/check_onnx.py --wgrad target/release/wgrad

The names are words of the exporter, read from its own files, and names that are no identifiers. Each network must load
and answer as the one with plain names does.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import save_file

# Kinds of layers, and the shapes of their kernels and biases.
LAYERS = [
    ({"type": "conv2d", "filters": 3, "kernel_size": 2, "padding": "same", "activation": "gelu"}, [(2, 2, 2, 3), (3,)]),
    ({"type": "max_pooling2d", "pool_size": 2}, []),
    ({"type": "conv2d", "filters": 2, "kernel_size": 1, "activation": "relu"}, [(1, 1, 3, 2), (2,)]),
    ({"type": "flatten"}, []),
    ({"type": "dense", "units": 3, "activation": "gelu"}, [(8, 3), (3,)]),
    ({"type": "dense", "units": 3, "activation": "softmax"}, [(3, 3), (3,)]),
]
PLAIN = list("abcdef")
ODD = ["images", "Images", "logits", "probabilities", "N", "x y", "x.y", "x_y", "X_Y", "_", "__", "0", "00", "for"]
ODD += ["é", "e\u0301", "🐱", "🐶", " ", "  ", '"', "'", "\\", "a_1", "A", "A_1", "a_2", "x" * 255, "é" * 127]


def write_weights(names, path):
    """Writes a network whose layers have `names`, with the same values whatever the names are."""
    model, tensors = ["input = [4, 4, 2]"], {}
    for place, (name, (options, shapes)) in enumerate(zip(names, LAYERS)):
        model.append("[[layers]]")
        # JSON's words, numbers and lists are TOML's too.
        model += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in {"name": name, **options}.items()]
        for variable, shape in zip(["kernel", "bias"], shapes):
            values = (np.arange(np.prod(shape)) * 7 + place * 3) % 13 / 8 - 0.75
            tensors[f"{name}/{variable}"] = values.astype(np.float32).reshape(shape)
    save_file(tensors, path, metadata={"wgrad": json.dumps({"model": "\n".join(model), "class_names": []})})


def check(wgrad, names, folder):
    """The names in the ONNX file of a network, and what it answers."""
    weights, path = folder / "weights.safetensors", folder / "network.onnx"
    write_weights(names, weights)
    command = [wgrad, "export", "--weights", weights, "--format", "onnx", "--out", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = (np.arange(2 * 4 * 4 * 2) * 5 % 11 / 11).astype(np.float32).reshape(2, 4, 4, 2)
    graph = model.graph
    words = {value.name for value in [*graph.input, *graph.output, *graph.initializer, *graph.node]}
    return words, session.run(["probabilities"], {"images": images})[0]


def main():
    parser = argparse.ArgumentParser(description="Checks ONNX files of networks with odd names of layers.")
    parser.add_argument("--wgrad", default="wgrad", help="the program")
    args = parser.parse_args()
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        words, wanted = check(args.wgrad, PLAIN, folder)
        words = sorted(words.union(ODD))
        for place in range(len(words)):
            for stride in [1, 17]:
                names = [words[(place + i * stride) % len(words)] for i in range(len(LAYERS))]
                if len(set(names)) < len(names):
                    continue
                found = check(args.wgrad, names, folder)[1]
                if not np.array_equal(found, wanted):
                    sys.exit(f"the network with the names {names} answers otherwise: {found}, not {wanted}")
                count += 1
    print(f"{count} networks are valid and answer alike")


if __name__ == "__main__":
    main()
