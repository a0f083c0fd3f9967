"""Carries networks of keras.applications into wgrad, to ONNX and back to Keras, trains them, and compares all with Keras.

    pip install keras==3.15.1 tensorflow-cpu==2.21.0 numpy pillow safetensors onnxruntime
    cargo build --release --example training_steps && cargo build --release
    python tools/check_keras_applications.py --cifar cifar-10-batches-bin --page docs/applications.md

The networks have random weights, random moving statistics, and no activation at the end. Before those that don't scale their
pixels stands a rescaling to -1..1, as in programs that use them. They see test pictures of CIFAR-10, enlarged to 96 x 96;
without `--cifar`, pictures made by chance. `--networks` chooses some; the page keeps the rows of the others. `--siblings` only
imports larger networks of the same families, at full size, and compares the counts of parameters.

It fails where

- a network at full size has another number of parameters, or of trainable ones
- a logit differs by more than 1e-4 of the largest, or twice the difference of Keras in float32 from float64 where this is
  more, or the logits hardly differ between the pictures
- a loss of three steps of training differs by more than 1e-4 of it
- a tensor's gradient in a step differs by more than 1e-3 of its norm, or twice what it differs in Keras between float32 and
  float64, in each of five minibatches
- from `wgrad summary` to the first step it takes more than a minute with empty caches
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from PIL import Image
from safetensors.numpy import load_file, save_file

SIZE = 96
LOGITS = 1e-4
LOSS = 1e-4
GRADIENT = 1e-3
STEPS = 3
BATCH = 4
# How many minibatches are tried until the gradients agree.
ATTEMPTS = 5
# The share of the loss that a step of training takes away, about. With more, rounding would soon decide the rest.
FALL = 1e-3
# By family: the number of parameters at full size. wgrad has the statistics of a Normalization as options, which are 7 of
# those of EfficientNetB0.
NETWORKS = {
    "VGG16": 138_357_544,
    "ResNet50": 25_636_712,
    "ResNet50V2": 25_613_800,
    "MobileNet": 4_253_864,
    "MobileNetV2": 3_538_984,
    "MobileNetV3Small": 2_554_968,
    "EfficientNetB0": 5_330_571,
    "EfficientNetV2B0": 7_200_312,
    "DenseNet121": 8_062_504,
    "Xception": 22_910_480,
    "InceptionV3": 23_851_784,
    "InceptionResNetV2": 55_873_736,
    "NASNetMobile": 5_326_716,
    "ConvNeXtTiny": 28_589_128,
}
SIBLINGS = [
    "VGG19", "ResNet101", "ResNet152", "ResNet101V2", "ResNet152V2", "MobileNetV3Large", "EfficientNetB1", "EfficientNetB2",
    "EfficientNetB3", "EfficientNetB4", "EfficientNetB5", "EfficientNetB6", "EfficientNetB7", "EfficientNetV2B1",
    "EfficientNetV2B2", "EfficientNetV2B3", "EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L", "DenseNet169",
    "DenseNet201", "NASNetLarge", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge",
]  # fmt: skip


def application(name, size=None):
    shape = None if size is None else (size, size, 3)
    return getattr(keras.applications, name)(weights=None, input_shape=shape, classifier_activation=None)


def leaves(model):
    """The layers of a model, and those of models among them."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def function_of(layer):
    """The name of a layer's activation; none if it has none."""
    if isinstance(layer, layers.ReLU):
        return "relu6" if layer.max_value == 6 else "relu"
    return getattr(getattr(layer, "activation", None), "__name__", None)


def relus_follow(layer):
    """Whether relus are all that reads a layer."""
    return all(function_of(node.operation) in ("relu", "relu6") for node in layer._outbound_nodes)


def scales_pixels(app):
    """Whether it takes pixels from 0 to 255."""
    return any(isinstance(layer, (layers.Normalization, Normalization64, layers.Rescaling)) for layer in app.layers[:4])


def scaled(app, pixels):
    return pixels if scales_pixels(app) else pixels / 127.5 - 1


def network(name, images):
    """A network with random weights and moving statistics, alone and behind the rescaling that it wants, if it wants one.

    The statistics are those of the pictures, each changed by chance: with others, the signal of a picture dies out in so many
    layers, and every picture has the same logits. Nothing random happens in it in training.
    """
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    app = application(name, SIZE)
    normalizations = []
    functions = {function for layer in leaves(app) if (function := function_of(layer)) not in (None, "linear", "sigmoid")}
    has_kinks = functions <= {"relu", "relu6"}
    for layer in leaves(app):
        if isinstance(layer, layers.Normalization) and layer.input_mean is None:
            layer.adapt(images / 255)
        elif isinstance(layer, layers.BatchNormalization):
            normalizations.append(layer)
        elif isinstance(layer, layers.Dropout):
            layer.rate = 0
        elif type(layer).__name__ == "StochasticDepth":
            layer.drop_path_rate = 0.0
        elif type(layer).__name__ == "LayerScale":
            layer.set_weights([rng.uniform(0.2, 0.6, weight.shape) for weight in layer.get_weights()])
        for weight in layer.weights:
            kind = weight.path.rsplit("/", 1)[-1]
            if kind == "gamma" and type(layer).__name__ != "LayerScale":
                weight.assign(rng.uniform(0.6, 1.4, weight.shape))
            elif kind == "beta" and isinstance(layer, layers.BatchNormalization) and has_kinks:
                # Relus that get inputs on both sides of 0 have some so near to 0 that rounding decides whether they pass.
                sign = rng.choice([-1, 1], weight.shape) if relus_follow(layer) else 1
                weight.assign(sign * rng.uniform(2.5, 3.5, weight.shape) * (layer.gamma if layer.scale else 1))
            elif kind in ("beta", "bias"):
                weight.assign(rng.normal(0, 0.2 if kind == "beta" else 0.02, weight.shape))
    if not any(isinstance(layer, (layers.BatchNormalization, layers.LayerNormalization)) for layer in leaves(app)):
        # Glorot's initial weights halve the variance at each relu, until the biases outweigh what is left of the picture.
        for weight in app.weights:
            if weight.path.endswith("kernel"):
                weight.assign(weight * 2**0.5)
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        # The minibatch's statistics become the moving ones.
        layer.momentum = 0.0
    if normalizations:
        app(scaled(app, images), training=True)
    for layer, momentum in zip(normalizations, momenta):
        mean, variance = [keras.ops.convert_to_numpy(value) for value in (layer.moving_mean, layer.moving_variance)]
        layer.moving_mean.assign(mean + rng.normal(0, 0.2, mean.shape) * np.sqrt(variance))
        layer.moving_variance.assign(variance * rng.uniform(0.7, 1.4, variance.shape))
        layer.momentum = momentum
    if scales_pixels(app):
        return app, app
    pixels = keras.Input((SIZE, SIZE, 3))
    return app, keras.Model(pixels, app(layers.Rescaling(1 / 127.5, -1)(pixels)))


class BatchNorm64(layers.Layer):
    """Batch normalization in float64 throughout, whose moving statistics stay."""

    def __init__(self, like, **options):
        super().__init__(dtype="float64", **options)
        self.epsilon, self.has = like.epsilon, [like.scale, like.center]

    def build(self, shape):
        names = [name for name, has in zip(["gamma", "beta"], self.has) if has]
        self.affine = {name: self.add_weight(shape=shape[-1:], name=name) for name in names}
        self.statistics = [self.add_weight(shape=shape[-1:], name=name, trainable=False) for name in ["mean", "variance"]]

    def call(self, x, training=None, mask=None):
        if training:
            mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        else:
            mean, variance = [statistic.value for statistic in self.statistics]
        y = (x - mean) / tf.sqrt(variance + tf.constant(self.epsilon, tf.float64))
        if "gamma" in self.affine:
            y = y * self.affine["gamma"].value
        return y + self.affine["beta"].value if "beta" in self.affine else y


class Normalization64(layers.Layer):
    """Normalization by a known mean and variance in float64."""

    def __init__(self, like, **options):
        super().__init__(dtype="float64", **options)
        mean, variance = [np.asarray(keras.ops.convert_to_numpy(value), np.float64) for value in (like.mean, like.variance)]
        self.values = [mean.reshape(-1).tolist(), variance.reshape(-1).tolist()]

    def call(self, x, mask=None):
        mean, variance = [tf.constant(value, tf.float64) for value in self.values]
        return (x - mean) / tf.maximum(tf.sqrt(variance), 1e-7)


def in_float64(app):
    """The same network in float64."""

    def clone(layer):
        if isinstance(layer, layers.BatchNormalization):
            return BatchNorm64(layer, name=layer.name)
        if isinstance(layer, layers.Normalization):
            return Normalization64(layer, name=layer.name)
        if isinstance(layer, layers.Conv2D) and layer.groups > 1 and layer.groups == layer.filters:
            # TensorFlow takes minutes for groups of one channel in float64, unless they are a depthwise convolution.
            settings = {**layer.get_config(), "dtype": "float64"}
            for name in ("filters", "groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"):
                settings.pop(name)
            return layers.DepthwiseConv2D(**settings)
        if not isinstance(layer, layers.Layer):
            # An operation such as `x + 3`.
            return type(layer).from_config(layer.get_config())
        return type(layer).from_config({**layer.get_config(), "dtype": "float64"})

    precise = keras.models.clone_model(app, clone_function=clone, recursive=True)
    own = {layer.name: layer for layer in leaves(app)}
    for layer in leaves(precise):
        if not isinstance(layer, Normalization64) and layer.weights:
            pairs = zip(layer.weights, own[layer.name].get_weights(), strict=True)
            layer.set_weights([values.reshape(weight.shape) for weight, values in pairs])
    return precise


def small_pictures(cifar, count):
    """Pictures `[count, 3, 32, 32]`: the first test pictures of CIFAR-10, or soft spots made by chance."""
    if cifar:
        return np.fromfile(cifar / "test_batch.bin", np.uint8).reshape(-1, 3073)[:count, 1:].reshape(-1, 3, 32, 32)
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:32, :32]
    light = rng.uniform(0, 1, (count, 3, 1, 1)) * np.ones((32, 32))
    for _ in range(6):
        cy, cx, size = [rng.uniform(*ends, (count, 1, 1, 1)) for ends in [(0, 32), (0, 32), (2, 8)]]
        light += rng.uniform(-1, 1, (count, 3, 1, 1)) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / size**2)
    return (light.clip(0, 1) * 255).astype(np.uint8)


def pictures(cifar, count, folder):
    """Writes a data set of 1000 classes, whose first ones have test pictures, and gives these."""
    images = []
    data = small_pictures(cifar, count)
    for place in range(1000):
        train, test = [folder / split / f"class{place:04}" for split in ["train", "test"]]
        pixels = data[place % count].transpose(1, 2, 0)
        picture = Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        train.mkdir(parents=True)
        picture.save(train / "picture.png", compress_level=1)
        if place < count:
            images.append(np.asarray(picture, np.float32))
            test.mkdir(parents=True)
            picture.save(test / "picture.png", compress_level=1)
    return np.stack(images)


class Checker:
    """Runs wgrad, compares, and remembers whether all was right."""

    def __init__(self, wgrad, steps, seconds):
        self.wgrad = wgrad
        self.steps = steps
        self.seconds = seconds
        self.failed = []
        self.name = ""

    def run(self, *arguments, environment=None):
        command = list(map(str, arguments))
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def within(self, what, error, bound):
        good = bool(error <= bound)
        if not good:
            self.failed.append(f"{self.name}: {what}")
        print(f"  {what:<44} {error:.2e}{'' if good else f'  ABOVE {bound:.1e}'}", flush=True)
        return error

    def compare(self, what, found, wanted, bound):
        return self.within(what, np.abs(found - wanted).max() / np.abs(wanted).max(), bound)

    def check(self, what, good):
        if not good:
            self.failed.append(f"{self.name}: {what}")
        print(f"  {what:<44} {'yes' if good else 'NO'}", flush=True)


def counts(model):
    """All parameters, and the trainable ones."""
    return [int(sum(np.prod(weight.shape) for weight in weights)) for weights in (model.weights, model.trainable_weights)]


def full_size(name, checker, folder):
    """Imports a network of full size, whose counts of parameters must be Keras's."""
    model = application(name)
    if None in model.input_shape[1:]:
        model = application(name, 224)
    total, trainable = counts(model)
    options = sum(counts(layer)[0] for layer in leaves(model) if isinstance(layer, layers.Normalization))
    archive = folder / "full.keras"
    model.save(archive)
    del model
    keras.backend.clear_session()
    table = checker.run(checker.wgrad, "import", archive, "--out", folder / "full.safetensors")
    archive.unlink()
    (folder / "full.safetensors").unlink()
    wanted = NETWORKS.get(name, total)
    checker.check(f"{total:,} parameters", total == wanted and f" Total params: {total - options:,} " in table)
    checker.check(f"{trainable:,} trainable ones", f" Trainable params: {trainable:,} " in table)
    return total, trainable


def answers(name, app, model, checker, images, folder):
    """Compares logits: the row of a table."""
    archive, weights = folder / f"{name}.keras", folder / f"{name}.safetensors"
    model.save(archive)
    checker.run(checker.wgrad, "import", archive, "--out", weights)
    logits_file = folder / "logits.npz"
    checker.run(
        checker.wgrad, "eval", "--weights", weights, "--dataset", f"folder:{folder / 'data'}", "--image-size", SIZE,
        "--batch-size", 10, "--ignore-class-names", "--logits", logits_file,
    )  # fmt: skip
    with np.load(logits_file) as file:
        logits, shown = file["logits"], file["images"]
    checker.check("wgrad saw the same pixels", np.array_equal(images, shown))
    wanted = model.predict(images, batch_size=10, verbose=0)
    precise = in_float64(app)
    truth = precise.predict(scaled(app, images.astype(np.float64)), batch_size=10, verbose=0)
    largest = np.abs(truth).max()
    rounding = np.abs(wanted - truth).max() / largest
    bound = max(LOGITS, 2 * rounding)
    spread = truth.std(0).max() / largest
    print(f"  {len(images)} pictures, largest logit {largest:.3g}, deviation between pictures {spread:.2f} of it")
    print(f"  Keras float32 from float64: {rounding:.2e}; bound {bound:.1e}")
    checker.check("the logits differ between pictures", spread > 50 * bound)
    own = checker.compare("wgrad from Keras float32", logits, wanted, bound)
    checker.compare("wgrad from Keras float64", logits, truth, bound)

    import onnxruntime

    onnx = folder / f"{name}.onnx"
    checker.run(checker.wgrad, "export", "--weights", weights, "--format", "onnx", "--out", onnx)
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    runs = [session.run(None, {"images": part})[0] for part in (images[:1], images[1:])]
    in_onnx = checker.compare("ONNX from Keras float32", np.concatenate(runs), wanted, bound)
    del session
    onnx.unlink()

    back = folder / f"{name}_back.keras"
    checker.run(checker.wgrad, "export", "--weights", weights, "--format", "keras", "--out", back)
    again = keras.saving.load_model(back, compile=False)
    in_keras = checker.compare("back in Keras", again.predict(images, batch_size=10, verbose=0), wanted, bound)
    pairs = list(zip(sorted_weights(app), sorted_weights(again), strict=True))
    checker.check("back in Keras: the same bits", all(np.array_equal(*pair) for pair in pairs))
    second = folder / f"{name}_again.safetensors"
    checker.run(checker.wgrad, "import", back, "--out", second)
    checker.check("imported again: the same file", weights.read_bytes() == second.read_bytes())
    back.unlink()
    second.unlink()
    return precise, [f"{error:.1e}" for error in (rounding, own, in_onnx, in_keras)]


def sorted_weights(model):
    """Variables in the order of their layers' names, and the mean and variance of normalizations that may be options."""

    def weights(layer):
        if isinstance(layer, layers.Normalization):
            return [np.asarray(keras.ops.convert_to_numpy(value)) for value in (layer.mean, layer.variance)]
        return layer.get_weights()

    return [weight for layer in sorted(leaves(model), key=lambda layer: layer.name) for weight in weights(layer)]


def steps_of(app, pixels, labels, dtype, rate):
    """The losses of steps of SGD in Keras, and the gradients of the first: of each layer, by the names of its variables."""
    places = [(layer, variable) for layer in leaves(app) for variable in layer.trainable_variables]
    variables = [variable for _, variable in places]
    losses, gradients = [], {}
    for images, classes in zip(pixels, labels):
        with tf.GradientTape() as tape:
            logits = app(tf.constant(scaled(app, images.astype(dtype))), training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits))
            for penalty in app.losses:
                loss += penalty
        found = tape.gradient(loss, [variable.value for variable in variables])
        if not losses:
            for (layer, variable), gradient in zip(places, found):
                gradients.setdefault(layer.name, {})[variable.path.rsplit("/", 1)[-1]] = gradient.numpy()
        for variable, gradient in zip(variables, found):
            variable.assign_sub(rate * gradient)
        losses.append(float(loss))
    return losses, gradients


def first_step(checker, arguments, environment=None):
    """The losses that a run prints, and the seconds from `wgrad summary` until the first."""
    start = time.monotonic()
    weights = arguments[0]
    checker.run(checker.wgrad, "summary", "--from", weights, environment=environment)
    command = [str(checker.steps), *map(str, arguments)]
    environment = {**os.environ, **(environment or {})}
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    losses = [float(run.stdout.readline() or "nan")]
    seconds = time.monotonic() - start
    rest, errors = run.communicate()
    if run.returncode:
        raise RuntimeError(f"{' '.join(command)}: {errors}")
    return losses + [float(line) for line in rest.split()], seconds


def gradient_errors(found, exact, rounded):
    """Compares the gradients of wgrad with those of Keras in float64, where those of Keras in float32 say what rounding does.

    Gives the tensor whose error is the largest beside what it may be, with both; the largest error of Keras in float32; and the
    names of tensors that are missing or too many.
    """
    # Layers of both have the same variables in the same order, but Keras may number their names.
    exact = {(layer, variable): gradient for layer, all in exact.items() for variable, gradient in all.items()}
    rounded = dict(zip(exact, (gradient for all in rounded.values() for gradient in all.values()), strict=True))
    whole = np.sqrt(sum(float((gradient**2).sum()) for gradient in exact.values()))
    worst, of_keras, missing = ("", 0.0, GRADIENT), 0.0, []
    for (layer, variable), gradient in exact.items():
        own = found.pop(f"{layer}/{variable}", None)
        if own is None:
            rest = [tensor for tensor in found if tensor.rsplit("/", 1)[0] == layer]
            own = found.pop(rest[0]) if len(rest) == 1 else None
        if own is None:
            missing.append(f"{layer}/{variable}")
            continue
        norm = float(np.linalg.norm(gradient))
        # A constant that the next normalization takes away has no gradient but rounding.
        if norm < 1e-9 * whole:
            continue
        other = rounded[layer, variable]
        error, rounding = [float(np.linalg.norm(values.reshape(gradient.shape) - gradient)) / norm for values in (own, other)]
        bound = max(GRADIENT, 2 * rounding)
        of_keras = max(of_keras, rounding)
        if error / bound > worst[1] / worst[2]:
            worst = (f"{layer}/{variable}", error, bound)
    return worst, of_keras, missing + list(found)


def training(name, app, precise, checker, images, folder):
    """Compares losses and gradients: the cells of a table, and what wgrad needs for these steps."""
    pixels = images[: STEPS * BATCH].reshape(STEPS, BATCH, *images.shape[1:])
    labels = (np.arange(STEPS * BATCH) * 317 % 1000).reshape(STEPS, BATCH)
    weights, minibatches = folder / f"{name}.safetensors", folder / "minibatches.safetensors"
    save_file({"pixels": pixels, "labels": labels.astype(np.float32)}, minibatches)
    (loss,), exact = steps_of(precise, pixels[:1], labels[:1], np.float64, 0.0)
    rate = FALL * loss / sum(float((gradient**2).sum()) for all in exact.values() for gradient in all.values())
    # A relu whose input is as near to 0 as rounding may pass it on or not, and all that lies before it changes by a thousandth.
    # That happens in some minibatches, in Keras too, and a wrong gradient would be wrong in all of them.
    for attempt in range(ATTEMPTS):
        batch = images[attempt * BATCH :][None, :BATCH]
        if attempt > 0:
            _, exact = steps_of(precise, batch, labels[:1], np.float64, 0.0)
        _, rounded = steps_of(app, batch, labels[:1], np.float32, 0.0)
        save_file({"pixels": batch, "labels": labels[:1].astype(np.float32)}, folder / "minibatch.safetensors")
        checker.run(checker.steps, weights, folder / "minibatch.safetensors", rate, folder)
        worst, of_keras, others = gradient_errors(load_file(folder / "gradients.safetensors"), exact, rounded)
        print(f"  minibatch {attempt + 1}: gradients from float64 {worst[1]:.1e} ({worst[0]}), in Keras float32 up to {of_keras:.1e}")
        if worst[1] <= worst[2]:
            break
    checker.check(f"gradients of {sum(map(len, exact.values()))} tensors", not others)
    if others:
        print(f"    missing or too many: {others[:3]}")
    checker.within("gradients from Keras float64", worst[1], worst[2])

    arguments = [weights, minibatches, rate, folder]
    losses, _ = first_step(checker, arguments)
    wanted, _ = steps_of(app, pixels, labels, np.float32, rate)
    print(f"  losses {', '.join(f'{loss:.4f}' for loss in wanted)} at a learning rate of {rate:.1e}")
    loss = max(abs(own - other) / abs(other) for own, other in zip(losses, wanted, strict=True))
    checker.within("losses from Keras float32", loss, LOSS)
    return [f"{loss:.1e}", f"{worst[1]:.1e}", f"{of_keras:.1e}", str(attempt + 1)], arguments


def times(checker, arguments):
    """Measures the time until the first step: cells of the same table."""
    with tempfile.TemporaryDirectory() as caches:
        environment = {"XDG_CACHE_HOME": f"{caches}/wgrad", "MESA_SHADER_CACHE_DIR": f"{caches}/mesa"}
        cold, warm = [first_step(checker, arguments, environment)[1] for _ in range(2)]
    print(f"  {cold:.1f} s to the first step, and {warm:.1f} s the second time")
    checker.check(f"at most {checker.seconds} s", cold <= checker.seconds)
    return [f"{cold:.1f}", f"{warm:.1f}"]


TABLES = {
    "answers": ["network", "parameters", "trainable", "Keras float32 from float64", "wgrad", "onnxruntime", "back in Keras"],
    "training": ["network", "losses", "gradients", "gradients in Keras float32", "minibatch", "s to the first step", "s the second time"],
}


def update(page, rows, machine):
    """Puts rows into the tables of the page, which stand behind comments, in the order of the networks."""
    text = page.read_text()
    for table, titles in TABLES.items():
        start, end = f"<!-- {table} -->\n", f"<!-- end of {table} -->"
        before, rest = text.split(start)
        old, after = rest.split(end)
        cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in old.splitlines() if line.startswith("| ")]
        known = {row[0]: row for row in cells[1:]} | {name: [name, *row[table]] for name, row in rows.items() if table in row}
        lines = [titles, ["---"] * len(titles), *(known[name] for name in NETWORKS if name in known)]
        text = before + start + "".join(f"| {' | '.join(line)} |\n" for line in lines) + end + after
    start, end = "<!-- machine -->\n", "<!-- end of machine -->"
    before, rest = text.split(start)
    page.write_text(before + start + machine + "\n" + end + rest.split(end)[1])


def machine(checker):
    """The line that tells what measured."""
    device = json.loads(checker.run(checker.wgrad, "devices", "--json"))[0]
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    driver = " ".join(filter(None, [device.get("driver"), device.get("driver_info")]))
    date = datetime.date.today().strftime("%-d %B %Y")
    return (
        f"Measured with {device.get('name')} ({driver}) on {os.cpu_count()} cores of {cpu}, Keras {keras.__version__} on "
        f"TensorFlow {tf.__version__}; the last rows on {date}."
    )


def main():
    parser = argparse.ArgumentParser(description="Carries networks of keras.applications through wgrad.")
    parser.add_argument("--wgrad", default="target/release/wgrad", help="the program")
    parser.add_argument("--steps", default="target/release/examples/training_steps", help="the example that takes steps")
    parser.add_argument("--cifar", type=pathlib.Path, help="directory with CIFAR-10's test_batch.bin")
    parser.add_argument("--pictures", type=int, default=50, help="how many of its test pictures")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="names, with commas between them")
    parser.add_argument("--siblings", nargs="?", const=",".join(SIBLINGS), help="only import these, at full size")
    parser.add_argument("--seconds", type=int, default=60, help="longest time to the first step, with empty caches")
    parser.add_argument("--page", type=pathlib.Path, help="the page whose rows are to be replaced")
    parser.add_argument("--parts", default="full,answers,training,times", help="what to check: each part needs those before it")
    args = parser.parse_args()
    checker = Checker(args.wgrad, args.steps, args.seconds)
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if args.siblings:
            args.networks, args.parts = args.siblings, "full"
        images = None
        for name in args.networks.split(","):
            checker.name, start = name, time.monotonic()
            print(name, flush=True)
            try:
                row = rows.setdefault(name, {})
                sizes = full_size(name, checker, folder) if "full" in args.parts else None
                if "answers" not in args.parts:
                    continue
                if images is None:
                    images = pictures(args.cifar, args.pictures, folder / "data")
                app, model = network(name, images)
                precise, figures = answers(name, app, model, checker, images, folder)
                if sizes:
                    row["answers"] = [*(f"{size:,}" for size in sizes), *figures]
                if "training" in args.parts:
                    cells, steps = training(name, app, precise, checker, images, folder)
                    if "times" in args.parts:
                        row["training"] = cells + times(checker, steps)
            except Exception as error:
                # The others are still to be checked.
                checker.failed.append(f"{name}: {error}")
                traceback.print_exc(file=sys.stdout)
            del row
            app = model = precise = None
            keras.backend.clear_session()
            print(f"  all of it took {time.monotonic() - start:.0f} s", flush=True)
    if args.page:
        update(args.page, rows, machine(checker))
    if checker.failed:
        sys.exit("\n".join(["not right:", *checker.failed]))


if __name__ == "__main__":
    main()
