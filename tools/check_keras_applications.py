"""Carries networks of keras.applications into wgrad, to ONNX and back to Keras, and compares what they answer.

    pip install keras==3.15.1 torch numpy pillow safetensors onnxruntime
    python tools/check_keras_applications.py --wgrad target/release/wgrad --cifar cifar-10-batches-bin

The networks have random weights, random moving statistics, and no activation at the end. Before MobileNetV2 and ResNet50
stands a rescaling to -1..1, as in programs that use them; EfficientNetB0 begins with a rescaling, a normalization, whose mean
and variance are adapted to the pictures, and another rescaling. They answer to real pictures: test pictures of CIFAR-10, enlarged to 96 x 96. A difference
may be 1e-4 of the largest logit, or twice that of Keras in float32 from float64 where this is more. It fails where one is
larger, where a count of parameters is wrong, or where the logits hardly differ between the pictures.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from PIL import Image

SIZE = 96
BOUND = 1e-4
# Each network with its number of parameters, and with those that wgrad has as options.
NETWORKS = {
    "MobileNetV2": (3_538_984, 0),
    "ResNet50": (25_636_712, 0),
    "EfficientNetB0": (5_330_571, 7),
}


def network(name, images):
    """A network with random weights and moving statistics, alone and behind the rescaling that it wants, if it wants one.

    The statistics are those of the pictures, each changed by chance: with others, the signal of a picture dies out in so many
    layers, and every picture has the same logits.
    """
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    app = getattr(keras.applications, name)(
        weights=None, include_top=True, input_shape=(SIZE, SIZE, 3), classifier_activation=None
    )
    scales_pixels = any(isinstance(layer, layers.Normalization) for layer in app.layers)
    for layer in app.layers:
        if isinstance(layer, layers.Normalization):
            layer.adapt(images / 255)
    normalizations = [layer for layer in app.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        _, _, mean, variance = layer.get_weights()
        layer.set_weights([rng.uniform(0.6, 1.4, mean.shape), rng.normal(0, 0.2, mean.shape), mean, variance])
        # The minibatch's statistics become the moving ones.
        layer.momentum = 0
    app(images if scales_pixels else images / 127.5 - 1, training=True)
    for layer, momentum in zip(normalizations, momenta):
        gamma, beta, mean, variance = layer.get_weights()
        mean += rng.normal(0, 0.2, mean.shape) * np.sqrt(variance)
        layer.set_weights([gamma, beta, mean, variance * rng.uniform(0.7, 1.4, mean.shape)])
        layer.momentum = momentum
    if scales_pixels:
        return app, app
    pixels = keras.Input((SIZE, SIZE, 3))
    return app, keras.Model(pixels, app(layers.Rescaling(1 / 127.5, -1)(pixels)))


class Affine(layers.Layer):
    """A normalization in inference. Keras's own layers compute it in float32 whatever their type is."""

    def __init__(self, normalization, **options):
        super().__init__(**options)
        if isinstance(normalization, layers.Normalization):
            mean, variance, _ = [weight.astype(np.float64) for weight in normalization.get_weights()]
            self.values = 1 / np.sqrt(variance), -mean / np.sqrt(variance)
            return
        gamma, beta, mean, variance = [weight.astype(np.float64) for weight in normalization.get_weights()]
        factor = gamma / np.sqrt(variance + normalization.epsilon)
        self.values = factor, beta - mean * factor

    def call(self, x, mask=None):
        factor, offset = [keras.ops.convert_to_tensor(value, dtype="float64") for value in self.values]
        return x * factor + offset


def in_float64(app):
    """The same network in float64."""

    def clone(layer):
        if isinstance(layer, (layers.BatchNormalization, layers.Normalization)):
            return Affine(layer, name=layer.name, dtype="float64")
        return type(layer).from_config({**layer.get_config(), "dtype": "float64"})

    precise = keras.models.clone_model(app, clone_function=clone)
    for layer in precise.layers:
        if not isinstance(layer, Affine) and layer.weights:
            layer.set_weights(app.get_layer(layer.name).get_weights())
    return precise


def pictures(cifar, count, folder):
    """Writes a data set of 1000 classes, whose first ones have the test pictures of CIFAR-10, and gives these."""
    images = []
    data = np.fromfile(cifar / "test_batch.bin", np.uint8).reshape(-1, 3073)[:, 1:]
    for place in range(1000):
        train, test = [folder / split / f"class{place:04}" for split in ["train", "test"]]
        pixels = data[place % count].reshape(3, 32, 32).transpose(1, 2, 0)
        picture = Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        train.mkdir(parents=True)
        picture.save(train / "picture.png", compress_level=1)
        if place < count:
            images.append(np.asarray(picture, np.float32))
            test.mkdir(parents=True)
            picture.save(test / "picture.png", compress_level=1)
    return np.stack(images)


class Checker:
    def __init__(self, wgrad):
        self.wgrad = wgrad
        self.failed = False

    def run(self, *arguments):
        done = subprocess.run([self.wgrad, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"wgrad {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def compare(self, what, found, wanted, bound):
        error = np.abs(found - wanted).max() / np.abs(wanted).max()
        good = bool(error <= bound)
        self.failed |= not good
        print(f"  {what:<44} {error:.2e}{'' if good else f'  ABOVE {bound:.1e}'}", flush=True)

    def check(self, what, good):
        self.failed |= not good
        print(f"  {what:<44} {'yes' if good else 'NO'}", flush=True)


def check(name, checker, images, folder):
    app, model = network(name, images)
    archive, weights = folder / f"{name}.keras", folder / f"{name}.safetensors"
    model.save(archive)
    print(name)
    table = checker.run("import", archive, "--out", weights)
    count, options = NETWORKS[name]
    checker.check(f"{count:,} parameters", f"{count - options:,}" in table and app.count_params() == count)
    answers = folder / "logits.npz"
    checker.run("eval", "--weights", weights, "--dataset", f"folder:{folder / 'data'}", "--image-size", SIZE, "--batch-size", 10,
                "--ignore-class-names", "--logits", answers)
    with np.load(answers) as file:
        logits, shown = file["logits"], file["images"]
    checker.check("wgrad saw the same pixels", np.array_equal(images, shown))
    wanted = model.predict(images, batch_size=10, verbose=0)
    pixels = images.astype(np.float64)
    truth = in_float64(app).predict(pixels if model is app else pixels / 127.5 - 1, batch_size=10, verbose=0)
    largest = np.abs(truth).max()
    rounding = np.abs(wanted - truth).max() / largest
    bound = max(BOUND, 2 * rounding)
    spread = truth.std(0).max() / largest
    print(f"  {len(images)} pictures, largest logit {largest:.3g}, deviation between pictures {spread:.2f} of it")
    print(f"  Keras float32 from float64: {rounding:.2e}; bound {bound:.1e}")
    checker.check("the logits differ between pictures", spread > 100 * bound)
    checker.compare("wgrad from Keras float32", logits, wanted, bound)
    checker.compare("wgrad from Keras float64", logits, truth, bound)

    import onnxruntime

    onnx = folder / f"{name}.onnx"
    checker.run("export", "--weights", weights, "--format", "onnx", "--out", onnx)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    runs = [session.run(None, {"images": part})[0] for part in (images[:1], images[1:])]
    checker.compare("ONNX from Keras float32", np.concatenate(runs), wanted, bound)

    back = folder / f"{name}_back.keras"
    checker.run("export", "--weights", weights, "--format", "keras", "--out", back)
    again = keras.saving.load_model(back, compile=False)
    checker.compare("back in Keras from Keras float32", again.predict(images, batch_size=10, verbose=0), wanted, bound)
    pairs = zip(sorted_weights(app), sorted_weights(again))
    checker.check("back in Keras: the same bits", all(np.array_equal(*pair) for pair in pairs))
    second = folder / f"{name}_again.safetensors"
    checker.run("import", back, "--out", second)
    checker.check("imported again: the same file", weights.read_bytes() == second.read_bytes())


def sorted_weights(model):
    """Variables in the order of their layers' names, and the mean and variance of normalizations that may be options."""

    def weights(layer):
        if isinstance(layer, layers.Normalization):
            return [np.asarray(keras.ops.convert_to_numpy(value)) for value in (layer.mean, layer.variance)]
        return layer.get_weights()

    return [weight for layer in sorted(model.layers, key=lambda layer: layer.name) for weight in weights(layer)]


def main():
    parser = argparse.ArgumentParser(description="Carries networks of keras.applications through wgrad.")
    parser.add_argument("--wgrad", default="wgrad", help="the program")
    parser.add_argument("--cifar", type=pathlib.Path, required=True, help="directory with CIFAR-10's test_batch.bin")
    parser.add_argument("--pictures", type=int, default=50, help="how many of its test pictures")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="names, with commas between them")
    args = parser.parse_args()
    checker = Checker(args.wgrad)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        images = pictures(args.cifar, args.pictures, folder / "data")
        for name in args.networks.split(","):
            check(name, checker, images, folder)
    if checker.failed:
        sys.exit("the answers differ")


if __name__ == "__main__":
    main()
