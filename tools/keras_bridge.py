"""Converts trained networks between wgrad and Keras, and checks that both give the same answers.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 numpy safetensors onnxruntime
    python tools/keras_bridge.py to-keras weights.safetensors network.keras
    python tools/keras_bridge.py from-keras network.keras weights.safetensors
    python tools/keras_bridge.py check weights.safetensors --wgrad target/release/wgrad

The metadata of the safetensors file has the network that its weights belong to.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import tomllib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers
from safetensors import safe_open
from safetensors.numpy import save_file

METADATA = "wgrad"
# Largest error of a logit that is accepted, relative to the largest logit.
BOUND = 1e-4

# wgrad's kind of layer: Keras's class, the options that wgrad has too, and further options of
# Keras with the only value that wgrad supports.
CHANNELS = {"data_format": "channels_last"}
VARIABLES = {
    "use_bias": True,
    **{f"{variable}_regularizer": None for variable in ["kernel", "bias", "activity"]},
    **{f"{variable}_constraint": None for variable in ["kernel", "bias"]},
}
POOL = (["pool_size", "strides"], {"padding": "valid", **CHANNELS})
KINDS = {
    "conv2d": (
        layers.Conv2D,
        ["filters", "kernel_size", "strides", "padding", "activation"],
        {"dilation_rate": [1, 1], "groups": 1, **CHANNELS, **VARIABLES},
    ),
    "max_pooling2d": (layers.MaxPooling2D, *POOL),
    "average_pooling2d": (layers.AveragePooling2D, *POOL),
    "global_average_pooling2d": (
        layers.GlobalAveragePooling2D,
        [],
        {"keepdims": False, **CHANNELS},
    ),
    "flatten": (layers.Flatten, [], CHANNELS),
    "dense": (layers.Dense, ["units", "activation"], VARIABLES),
    "dropout": (layers.Dropout, ["rate"], {"noise_shape": None}),
    "activation": (layers.Activation, ["activation"], {}),
    "rescaling": (layers.Rescaling, ["scale", "offset"], {}),
    "normalization": (layers.Normalization, ["mean", "variance"], {"axis": [-1], "invert": False}),
}
# Layers that say how pixels are scaled.
SCALES = ["rescaling", "normalization"]
ACTIVATIONS = ["linear", "relu", "gelu", "tanh", "sigmoid", "softmax"]


def build(text):
    """The Keras model of a model file, for pixels from 0 to 255."""
    file = tomllib.loads(text)
    model = keras.Sequential([keras.Input(file["input"])])
    # Files of before don't say that wgrad divided pixels by 255.
    if file.get("version", 1) < 2 and file["layers"][0]["type"] not in SCALES:
        model.add(layers.Rescaling(1 / 255))
    for options in file["layers"]:
        options = dict(options)
        if "inputs" in options:
            sys.exit(f"layer {options['name']} reads other layers than the one before it, which can't be carried yet")
        kind, *_ = KINDS[options.pop("type")]
        trainable = options.pop("trainable", True)
        model.add(kind(**options))
        model.layers[-1].trainable = trainable
    return model


def describe(model):
    """The model file of a Keras model. Exits with a message if wgrad lacks something."""
    if type(model) is not keras.Sequential:
        sys.exit(f"{model.name} is a {type(model).__name__}; wgrad has Sequential only")
    lines = ["version = 2", f"input = {list(model.input_shape[1:])}"]
    for layer in model.layers:
        config = layer.get_config()
        options = {"name": layer.name, **options_of(layer, config)}
        if not layer.trainable:
            options["trainable"] = False
        lines.append("\n[[layers]]")
        # Words, numbers and lists are written in TOML as in JSON.
        lines.extend(f"{key} = {json.dumps(value)}" for key, value in options.items())
    return "\n".join(lines) + "\n"


def options_of(layer, config):
    """Kind and options of a layer, by wgrad's names."""

    def refuse(reason):
        sys.exit(
            f"layer {layer.name} ({type(layer).__name__}): {reason}; wgrad has "
            + ", ".join(kind.__name__ for kind, *_ in KINDS.values())
            + ", ReLU and Softmax, with the activations "
            + ", ".join(ACTIVATIONS)
        )

    if layer.dtype_policy.name != "float32":
        refuse(f"dtype is {layer.dtype_policy.name}, not float32")
    if type(layer) is layers.ReLU:
        if config["max_value"] is not None or config["negative_slope"] or config["threshold"]:
            refuse("only max(x, 0) is known")
        return {"type": "activation", "activation": "relu"}
    if type(layer) is layers.Softmax:
        if config["axis"] != -1:
            refuse("axis is not -1")
        return {"type": "activation", "activation": "softmax"}
    for name, (kind, known, only) in KINDS.items():
        if type(layer) is kind:
            break
    else:
        refuse("wgrad lacks it")
    for key, value in only.items():
        found = config.get(key, value)
        if (list(found) if isinstance(found, tuple) else found) != value:
            refuse(f"{key} is {found}, not {value}")
    if config.get("activation", "linear") not in ACTIVATIONS:
        refuse(f"activation is {config['activation']}")
    return {"type": name, **{key: config[key] for key in known}}


def variables(model):
    """Kernels and biases of a Keras model, by wgrad's names."""
    return {
        f"{layer.name}/{name}": variable
        for layer in model.layers
        for name, variable in zip(["kernel", "bias"], layer.weights)
        if isinstance(layer, (layers.Conv2D, layers.Dense))
    }


def load(path):
    """The Keras model of a safetensors file, with its weights, and the names of the classes."""
    with safe_open(path, framework="numpy") as file:
        metadata = json.loads((file.metadata() or {}).get(METADATA, "{}"))
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    if not metadata.get("model"):
        sys.exit(f"{path} doesn't say its network; write it with wgrad train, import or export")
    model = build(metadata["model"])
    wanted = variables(model)
    if wanted.keys() != tensors.keys():
        sys.exit(f"the tensors of {path} are not the ones of its network; these are in only one of both: {sorted(wanted.keys() ^ tensors.keys())}")
    for name, variable in wanted.items():
        variable.assign(tensors[name])
    return model, metadata.get("class_names", [])


def save(model, class_names, path):
    """Writes a Keras model as wgrad's safetensors file."""
    tensors = {
        name: np.ascontiguousarray(variable.numpy(), np.float32)
        for name, variable in variables(model).items()
    }
    metadata = {"model": describe(model), "class_names": class_names}
    save_file(tensors, path, metadata={METADATA: json.dumps(metadata)})


def to_keras(args):
    model, _ = load(args.weights)
    model.save(args.model)
    print(f"{args.model} takes pixels from 0 to 255")


def from_keras(args):
    names = args.class_names.split(",") if args.class_names else []
    model = keras.saving.load_model(args.model, compile=False)
    save(model, names, args.weights)


class Checker:
    """Compares answers, and remembers whether all were equal within the limit."""

    def __init__(self, args, folder):
        self.args = args
        self.folder = folder
        self.failed = False

    def wgrad(self, *arguments):
        subprocess.run([self.args.wgrad, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def answers(self, weights, softmax):
        """wgrad's answers, with the images [n, h, w, c] in 0..255 and the labels."""
        path = self.folder / "logits.npz"
        data = ["--dataset", self.args.dataset]
        if self.args.data_dir:
            data += ["--data-dir", self.args.data_dir]
        limit = ["--limit", self.args.images]
        self.wgrad("eval", "--weights", weights, "--logits", path, *limit, *data)
        with np.load(path) as file:
            logits = file["logits"]
            images = file["images"].astype(np.float32)
            labels = file["labels"]
        if softmax:
            logits = np.exp(logits - logits.max(1, keepdims=True))
            logits /= logits.sum(1, keepdims=True)
        return logits, images, labels

    def onnx(self, weights, images):
        """onnxruntime's answers to wgrad's file, 100 images at a time and then one."""
        import onnxruntime

        path = self.folder / "network.onnx"
        self.wgrad("export", "--weights", weights, "--format", "onnx", "--out", path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        batches = [*range(0, len(images) - 1, 100), len(images) - 1, len(images)]
        runs = [
            session.run(None, {"images": images[start:end]})[0]
            for start, end in zip(batches, batches[1:])
        ]
        return np.concatenate(runs)

    def compare(self, what, found, wanted):
        """Prints the largest error relative to the largest answer."""
        error = np.abs(found - wanted).max() / np.abs(wanted).max()
        good = bool(error <= BOUND)
        self.failed |= not good
        print(f"{what:<44} {error:.1e}{'' if good else f'  ABOVE {BOUND:.0e}'}", flush=True)

    def same(self, what, found, wanted):
        """Compares two arrays bit for bit."""
        good = found.keys() == wanted.keys() and all(
            found[name].dtype == np.float32 and np.array_equal(found[name], wanted[name])
            for name in wanted
        )
        self.failed |= not good
        print(f"{what:<44} {'same bits' if good else 'DIFFERENT'}", flush=True)


def check(args):
    if args.images < 2:
        sys.exit("--images is below 2; give 2 or more")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        checker = Checker(args, folder)
        model, class_names = load(args.weights)
        softmax = model.layers[-1].get_config().get("activation") == "softmax"
        answers, images, labels = checker.answers(args.weights, softmax)
        largest, spread = np.abs(answers).max(), answers.std(0).max()
        print(f"{args.weights}: {len(images)} test images, largest answer {largest:.3g}, +- {spread:.2g}")
        if spread < 100 * BOUND * largest:
            sys.exit("the answers are the same for all images: train for longer before the check")
        checker.compare("wgrad's weights: Keras", model.predict(images, verbose=0), answers)
        model.save(folder / "same.keras")
        checker.wgrad("import", folder / "same.keras", "--out", folder / "same.safetensors")
        checker.same("the same: wgrad import", read_tensors(folder / "same.safetensors"), read_tensors(args.weights))
        checker.compare("wgrad's weights: onnxruntime", checker.onnx(args.weights, images), answers)
        path = folder / "weights.npz"
        checker.wgrad("export", "--weights", args.weights, "--format", "keras-npz", "--out", path)
        with np.load(path) as file:
            trained = {name: variable.numpy() for name, variable in variables(model).items()}
            checker.same("wgrad's weights: numpy.load", dict(file), trained)

        # Now from Keras to wgrad, with weights that Keras trained further.
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax)
        model.compile("adam", loss)
        model.fit(images, labels.astype(np.int64), batch_size=32, epochs=1, verbose=0)
        model.save(folder / "network.keras")
        bridge, imported = folder / "bridge.safetensors", folder / "import.safetensors"
        save(model, class_names, bridge)
        checker.wgrad("import", folder / "network.keras", "--out", imported)
        trained = {name: variable.numpy() for name, variable in variables(model).items()}
        checker.same("Keras's weights: wgrad import", read_tensors(imported), trained)
        wanted = model.predict(images, verbose=0)
        checker.compare("Keras's weights, by this script: wgrad", checker.answers(bridge, softmax)[0], wanted)
        checker.compare("Keras's weights, by wgrad import: wgrad", checker.answers(imported, softmax)[0], wanted)
        checker.compare("Keras's weights: onnxruntime", checker.onnx(imported, images), wanted)
        if checker.failed:
            sys.exit("the answers differ")


def read_tensors(path):
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def main():
    parser = argparse.ArgumentParser(description="Carries networks between wgrad and Keras.")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("to-keras", help="write wgrad's weights as a Keras model")
    command.add_argument("weights", help="safetensors file of wgrad")
    command.add_argument("model", help="the .keras file to write")
    command.set_defaults(run=to_keras)
    command = commands.add_parser("from-keras", help="write a Keras model as weights of wgrad")
    command.add_argument("model", help=".keras file of a Sequential model")
    command.add_argument("weights", help="the safetensors file to write")
    command.add_argument("--class-names", help="names of the classes, with commas between them")
    command.set_defaults(run=from_keras)
    command = commands.add_parser("check", help="compare wgrad, Keras and onnxruntime, both ways")
    command.add_argument("weights", help="safetensors file of wgrad")
    command.add_argument("--wgrad", default="wgrad", help="the program")
    command.add_argument("--images", type=int, default=1000, help="number of test images")
    command.add_argument("--dataset", default="auto", help="as wgrad eval's")
    command.add_argument("--data-dir", help="as wgrad eval's")
    command.set_defaults(run=check)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
