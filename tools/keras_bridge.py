"""Checks that wgrad, Keras and onnxruntime give the same answers with the same weights.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 numpy safetensors onnxruntime
    python tools/keras_bridge.py check weights.safetensors --wgrad target/release/wgrad

`wgrad export --format keras` writes the model that Keras loads here, and `wgrad import` reads what Keras saves.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
from safetensors import safe_open

# Largest error of a logit that is accepted, relative to the largest logit.
BOUND = 1e-4


def variables(model):
    """The variables of a Keras model, by wgrad's names."""
    return {
        f"{layer.name}/{variable.name}": keras.ops.convert_to_numpy(variable)
        for layer in model.layers
        for variable in layer.weights
    }


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
        same = folder / "same.keras"
        checker.wgrad("export", "--weights", args.weights, "--format", "keras", "--out", same)
        model = keras.saving.load_model(same, compile=False)
        softmax = model.layers[-1].get_config().get("activation") == "softmax"
        answers, images, labels = checker.answers(args.weights, softmax)
        largest, spread = np.abs(answers).max(), answers.std(0).max()
        print(f"{args.weights}: {len(images)} test images, largest answer {largest:.3g}, +- {spread:.2g}")
        if spread < 100 * BOUND * largest:
            sys.exit("the answers are the same for all images: train for longer before the check")
        checker.compare("wgrad's weights: Keras", model.predict(images, verbose=0), answers)
        checker.same("wgrad's weights: the variables in Keras", variables(model), read_tensors(args.weights))
        checker.wgrad("import", same, "--out", folder / "same.safetensors")
        checker.same("the same: wgrad import", read_tensors(folder / "same.safetensors"), read_tensors(args.weights))
        checker.compare("wgrad's weights: onnxruntime", checker.onnx(args.weights, images), answers)
        path = folder / "weights.npz"
        checker.wgrad("export", "--weights", args.weights, "--format", "keras-npz", "--out", path)
        with np.load(path) as file:
            checker.same("wgrad's weights: numpy.load", dict(file), variables(model))

        # Now from Keras to wgrad, with weights that Keras trained further.
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not softmax)
        model.compile("adam", loss)
        model.fit(images, labels.astype(np.int64), batch_size=32, epochs=1, verbose=0)
        model.save(folder / "network.keras")
        imported = folder / "import.safetensors"
        checker.wgrad("import", folder / "network.keras", "--out", imported)
        checker.same("Keras's weights: wgrad import", read_tensors(imported), variables(model))
        wanted = model.predict(images, verbose=0)
        checker.compare("Keras's weights: wgrad", checker.answers(imported, softmax)[0], wanted)
        checker.compare("Keras's weights: onnxruntime", checker.onnx(imported, images), wanted)
        if checker.failed:
            sys.exit("the answers differ")


def read_tensors(path):
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def main():
    parser = argparse.ArgumentParser(description="Compares wgrad with Keras and onnxruntime.")
    commands = parser.add_subparsers(required=True)
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
