"""Times training and evaluation steps of PyTorch on a GPU, for comparison with `cargo bench --bench step`.

    pip install torch numpy
    python benches/peers/pytorch_steps.py
    python benches/peers/pytorch_steps.py --modes eager compile --networks mobilenet_v2 --batch-sizes 32 128

The networks are the tutorial's and MobileNetV2 (images of 96 x 96) with Adam, and ResNet-20 with SGD and Nesterov's momentum.
The images are on the device as bytes; a step chooses its batch, scales it, and adds loss and hits to sums on the device. Each
figure is the median of three rounds. Each line of results is a JSON object.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import mobilenet_v2
import pytorch_cnn
import resnet20
import torch
from torch import nn

MODES = ["eager", "channels_last", "compile", "cuda_graph"]
IMAGES, ROUNDS = 4096, 3
# How a network is built, the size of its images, and the batch sizes that it is measured with.
NETWORKS = {
    "tutorial": (pytorch_cnn.build, 32, [32, 512]),
    "resnet20": (resnet20.torch_network, 32, [128]),
    "mobilenet_v2": (mobilenet_v2.build, 96, [64]),
}


class Device:
    """A device, and how to wait for it."""

    def __init__(self, kind: str):
        self.kind = kind
        # Steps between two waits. A GPU has to be kept busy.
        self.steps = 1 if kind == "cpu" else 20

    def wait(self) -> None:
        if self.kind != "cpu":
            getattr(torch, self.kind).synchronize()

    def describe(self) -> dict:
        """What PyTorch is, and what it computes on."""
        toolkit = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
        build = {"cuda": toolkit, "mps": "Metal", "cpu": "no GPU"}[self.kind]
        name = torch.cuda.get_device_name() if self.kind == "cuda" else self.kind
        return {"version": torch.__version__, "build": build, "device": name, "cuda_graph": self.kind == "cuda"}


def seconds_of(step: Callable[[], object], device: Device, seconds: float) -> float:
    """Seconds of a step."""
    for _ in range(device.steps):
        step()
    device.wait()
    rounds = []
    for _ in range(ROUNDS):
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            for _ in range(device.steps):
                step()
            device.wait()
            steps += device.steps
        rounds.append((time.perf_counter() - start) / steps)
    return statistics.median(rounds)


def measure(name: str, batch: int, mode: str, device: Device, seconds: float) -> dict:
    build, size, _ = NETWORKS[name]
    kind = device.kind
    model = build().to(kind)
    if mode == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    fused = kind == "cuda"
    if name == "resnet20":
        optimizer = torch.optim.SGD(model.parameters(), 1e-3, 0.9, nesterov=True, weight_decay=1e-4, fused=fused)
    else:
        capturable = mode == "cuda_graph"
        optimizer = torch.optim.Adam(model.parameters(), 1e-3, eps=1e-7, fused=fused, capturable=capturable)
    forward = torch.compile(model, dynamic=False) if mode == "compile" else model
    images = torch.randint(0, 256, (IMAGES, size, size, 3), dtype=torch.uint8, device=kind)
    labels = torch.randint(0, 10, (IMAGES,), device=kind)
    chosen = torch.randint(0, IMAGES, (batch,), device=kind)
    sums = torch.zeros(2, device=kind)

    def batch_of() -> torch.Tensor:
        x = images[chosen].permute(0, 3, 1, 2).float() / 255
        return x if mode == "channels_last" else x.contiguous()

    def train() -> None:
        y = labels[chosen]
        logits = forward(batch_of())
        loss = nn.functional.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sums.add_(torch.stack([loss.detach() * batch, (logits.argmax(1) == y).sum()]))

    step = capture(train) if mode == "cuda_graph" else train
    training = seconds_of(step, device, seconds)
    model.eval()
    x = batch_of()
    with torch.no_grad():
        evaluation = seconds_of(lambda: forward(x), device, seconds)
    figures = {"train_ms": training * 1e3, "images_per_s": batch / training, "evaluate_ms": evaluation * 1e3}
    return {"network": name, "batch_size": batch, "mode": mode, **figures}


def capture(train: Callable[[], None]) -> Callable[[], object]:
    """The step as a CUDA graph."""
    # Libraries set themselves up on a stream of its own, as a graph asks for.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            train()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        train()
    return graph.replay


def found_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    raise SystemExit(f"PyTorch {torch.__version__} finds no GPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=["eager", "channels_last", "cuda_graph"])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--batch-sizes", nargs="+", type=int, help="those of docs/speed.md if left out")
    parser.add_argument("--seconds", type=float, default=0.4, help="time of a round (%(default)s)")
    parser.add_argument("--device", choices=["cuda", "mps", "cpu"], help="the GPU that PyTorch finds if left out")
    parser.add_argument("--about", action="store_true", help="only print what PyTorch and its device are")
    args = parser.parse_args()
    device = Device(args.device or found_device())
    if args.about:
        print(json.dumps(device.describe()))
        return
    # wgrad computes everything in float32.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True
    about = device.describe()
    print(f"PyTorch {about['version']} with {about['build']}, {about['device']}", flush=True)
    for mode in args.modes:
        if mode == "cuda_graph" and not about["cuda_graph"]:
            raise SystemExit(f"there are no CUDA graphs on {device.kind}")
        for name in args.networks:
            for batch in args.batch_sizes or NETWORKS[name][2]:
                print(json.dumps(measure(name, batch, mode, device, args.seconds)), flush=True)


if __name__ == "__main__":
    main()
