"""Carries networks of torchvision and timm into wgrad, and compares what they answer.

    pip install torch torchvision timm numpy pillow safetensors
    python tools/check_torch_models.py --wgrad target/release/wgrad --cifar cifar-10-batches-bin --write docs/applications.md

The networks have random weights and random moving statistics. Their state dicts are saved as safetensors, and imported by
wgrad without a word about which network it is. They answer to real pictures: test pictures of CIFAR-10, enlarged. PyTorch
normalizes the pixels itself, and wgrad by the layer that importing puts first. A difference may be 1e-4 of the largest logit, or
twice that of PyTorch in float32 from float64 where this is more. It fails where one is larger, where parameters are more or
fewer, or where the logits hardly differ between the pictures.

With --write, the table in that file between the lines of MARKS is written anew.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file

BOUND = 1e-4
MEAN, STD = [torch.tensor(values) for values in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
MARKS = "<!-- tools/check_torch_models.py writes from here -->", "<!-- to here -->"
# Library and name there, name in wgrad, and the classes and the size of the pictures.
NETWORKS = [
    ("torchvision", "resnet18", "resnet18", 1000, 224),
    ("torchvision", "resnet50", "resnet50", 1000, 224),
    ("torchvision", "mobilenet_v2", "mobilenet_v2", 1000, 224),
    ("torchvision", "efficientnet_b0", "efficientnet_b0", 1000, 224),
    ("torchvision", "densenet121", "densenet121", 1000, 224),
    ("torchvision", "convnext_tiny", "convnext_tiny", 1000, 224),
    ("timm", "efficientnet_lite0", "efficientnet_lite0", 1000, 224),
    ("timm", "efficientnet_b0", "efficientnet_b0", 1000, 224),
    ("timm", "resnet18", "resnet18", 1000, 224),
    ("timm", "resnet50", "resnet50", 1000, 224),
    ("timm", "mobilenetv2_100", "mobilenet_v2", 1000, 224),
    ("timm", "densenet121", "densenet121", 1000, 224),
    ("timm", "convnext_tiny", "convnext_tiny", 1000, 224),
    # Other sizes and classes. The maps before VGG's dense layers are smaller than 7 x 7: at 224 x 224 the first of these layers
    # is larger than an image of llvmpipe may be.
    ("torchvision", "resnet50", "resnet50", 7, 97),
    ("torchvision", "efficientnet_b0", "efficientnet_b0", 10, 75),
    ("torchvision", "densenet121", "densenet121", 10, 64),
    ("torchvision", "vgg11", "vgg11", 1000, 96),
    ("torchvision", "vgg16", "vgg16", 1000, 96),
    ("torchvision", "vgg16", "vgg16", 10, 128),
    ("timm", "vgg11", "vgg11", 10, 96),
    ("timm", "vgg16", "vgg16", 1000, 64),
]


def network(library, name, classes, pixels):
    """A network with random weights and moving statistics.

    The statistics are those of the pictures, each changed by chance: with others, the signal of a picture dies out in so many
    layers, and every picture has the same logits.
    """
    torch.manual_seed(7)
    if library == "timm":
        model = timm.create_model(name, num_classes=classes)
    else:
        model = torchvision.models.get_model(name, weights=None, num_classes=classes)
    generator = torch.Generator().manual_seed(7)

    def normal(like, scale):
        return torch.randn(like.shape, generator=generator) * scale

    def uniform(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    normalizations = [module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            # Such layers start with 0, 1 or 1e-6 for every channel.
            if parameter_name.endswith(".gamma") or parameter_name.endswith("layer_scale"):
                parameter.copy_(uniform(parameter, 0.1, 0.5))
            elif parameter.ndim == 1 and parameter_name.endswith("weight"):
                parameter.copy_(uniform(parameter, 0.6, 1.4))
            elif parameter.ndim == 1:
                parameter.copy_(normal(parameter, 0.1))
        for module in normalizations:
            module.momentum = 1
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout) or type(module).__name__ == "StochasticDepth":
                module.p = 0.0
        model.train()(pixels)
        for module in normalizations:
            mean, variance = module.running_mean, module.running_var
            mean.add_(normal(mean, 0.1) * variance.sqrt())
            variance.mul_(uniform(variance, 0.8, 1.25))
    return model.eval()


def pictures(cifar, count, size, classes, folder):
    """Writes a data set whose first classes have the test pictures of CIFAR-10, and gives these."""
    images = []
    data = np.fromfile(cifar / "test_batch.bin", np.uint8).reshape(-1, 3073)[:, 1:]
    for place in range(max(classes, count)):
        # The classes are as many as the network has; the pictures may be more.
        train, test = [folder / split / f"class{place % classes:04}" for split in ["train", "test"]]
        pixels = data[place % count].reshape(3, 32, 32).transpose(1, 2, 0)
        picture = Image.fromarray(pixels)
        if place < classes:
            train.mkdir(parents=True)
            # It is not looked at, only its place.
            picture.resize((8, 8)).save(train / "picture.png")
        if place < count:
            test.mkdir(parents=True, exist_ok=True)
            picture = picture.resize((size, size), Image.Resampling.BICUBIC)
            picture.save(test / f"picture{place:03}.png", compress_level=1)
            images.append((place % classes, place, np.asarray(picture)))
    return np.stack([image for _, _, image in sorted(images, key=lambda image: image[:2])])


def normalized(images):
    return ((torch.from_numpy(images).float() / 255 - MEAN) / STD).permute(0, 3, 1, 2).contiguous()


class Checker:
    def __init__(self, wgrad):
        self.wgrad = wgrad
        self.failed = False

    def run(self, *arguments, fails=False):
        done = subprocess.run([self.wgrad, *map(str, arguments)], capture_output=True, text=True)
        if bool(done.returncode) != fails:
            sys.exit(f"wgrad {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stderr if fails else done.stdout

    def check(self, what, good, value=""):
        self.failed |= not good
        print(f"  {what:<44} {value or ('yes' if good else '')}{'' if good else '  NO'}", flush=True)


def check(entry, checker, args, folder):
    library, name, known_as, classes, size = entry
    print(f"{library} {name}, {classes} classes, {size} x {size}")
    images = pictures(args.cifar, min(args.pictures, classes), size, classes, folder / "data")
    pixels = normalized(images)
    model = network(library, name, classes, pixels)
    state, weights, answers = [folder / file for file in ("state.safetensors", "weights.safetensors", "logits.npz")]
    save_file({key: value.contiguous().clone() for key, value in model.state_dict().items()}, state)
    start = time.perf_counter()
    table = checker.run("import", state, "--image-size", size, "--out", weights)
    imported = time.perf_counter() - start
    state.unlink()
    count = sum(parameter.numel() for parameter in model.parameters())
    buffers = sum(buffer.numel() for buffer in model.buffers() if buffer.is_floating_point())
    same_dense = not known_as.startswith("vgg") or size in (224, 256)
    if same_dense:
        checker.check(f"{count:,} parameters and {buffers:,} averages", f"{count + buffers:,}" in table)
    start = time.perf_counter()
    checker.run("eval", "--weights", weights, "--dataset", f"folder:{folder / 'data'}", "--batch-size", 4,
                "--ignore-class-names", "--logits", answers)
    evaluated = time.perf_counter() - start
    with np.load(answers) as file:
        logits, shown = file["logits"], file["images"]
    checker.check("wgrad saw the same pixels", np.array_equal(images, shown))
    with torch.no_grad():
        wanted = torch.cat([model(part) for part in pixels.split(4)]).numpy()
        truth = torch.cat([model.double()(part) for part in pixels.double().split(4)]).numpy()
    largest = np.abs(truth).max()
    spread = truth.std(0).max() / largest
    rounding, error, from_truth = [np.abs(a - b).max() / largest for a, b in ((wanted, truth), (logits, wanted), (logits, truth))]
    bound = max(BOUND, 2 * rounding)
    checker.check("the logits differ between pictures", spread > 100 * BOUND, f"{spread:.2f} of the largest, {largest:.3g}")
    checker.check("PyTorch float32 from float64", True, f"{rounding:.1e}")
    checker.check("wgrad from PyTorch float32", error <= bound, f"{error:.1e}")
    checker.check("wgrad from PyTorch float64", from_truth <= bound, f"{from_truth:.1e}")
    print(f"  imported in {imported:.1f} s, evaluated in {evaluated:.1f} s", flush=True)
    return (f"| {library} `{name}` | {classes} | {size} | {count:,} | {spread:.2f} | {rounding:.1e} | {error:.1e} | {from_truth:.1e} |")


def check_pickle(checker, folder):
    """The advice for a file of torch.save is a program that works."""
    model = torchvision.models.resnet18(num_classes=3)
    torch.save(model.state_dict(), folder / "model.pth")
    error = checker.run("import", folder / "model.pth", "--out", folder / "weights.safetensors", fails=True)
    program = re.search(r"`(import torch.*?)`", error)
    if program is None:
        sys.exit(f"the error has no program: {error}")
    subprocess.run([sys.executable, "-c", program.group(1)], cwd=folder, check=True)
    checker.run("import", folder / "model.safetensors", "--out", folder / "weights.safetensors")
    checker.check("what is said for a .pth file makes safetensors", True)


def write_table(path, rows):
    """Puts the table between the marks of a file."""
    text = path.read_text() if path.exists() else ""
    first, last = MARKS
    before, found, rest = text.partition(first)
    _, ended, after = rest.partition(last)
    if not found or not ended:
        sys.exit(f"{path} has no lines `{first}` and `{last}`")
    head = ("| network | classes | pixels | parameters | deviation of the logits | PyTorch float32 from float64 | wgrad from float32 "
            "| wgrad from float64 |")
    table = "\n".join([head, "|---|--:|--:|--:|--:|--:|--:|--:|", *rows])
    path.write_text(f"{before}{first}\n\n{table}\n\n{last}{after}")


def main():
    parser = argparse.ArgumentParser(description="Carries networks of torchvision and timm into wgrad.")
    parser.add_argument("--wgrad", default="wgrad", help="the program")
    parser.add_argument("--cifar", type=pathlib.Path, required=True, help="directory with CIFAR-10's test_batch.bin")
    parser.add_argument("--pictures", type=int, default=20, help="how many of its test pictures")
    parser.add_argument("--networks", help="names, with commas between them; all if left out")
    parser.add_argument("--size", type=int, help="another size of the pictures, for all")
    parser.add_argument("--write", type=pathlib.Path, help="the file whose table is written anew")
    args = parser.parse_args()
    if args.write and (args.networks or args.size):
        parser.error("--write needs all networks at their own sizes")
    checker = Checker(args.wgrad)
    names = args.networks and args.networks.split(",")
    rows = []
    for entry in NETWORKS:
        library, name, known_as, classes, size = entry
        if names is None or name in names or f"{library}:{name}" in names:
            with tempfile.TemporaryDirectory() as folder:
                entry = (library, name, known_as, classes, args.size or size)
                rows.append(check(entry, checker, args, pathlib.Path(folder)))
    with tempfile.TemporaryDirectory() as folder:
        check_pickle(checker, pathlib.Path(folder))
    if checker.failed:
        sys.exit("the answers differ")
    if args.write:
        write_table(args.write, rows)


if __name__ == "__main__":
    main()
