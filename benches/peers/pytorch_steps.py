"""Times training and evaluation steps of PyTorch on a GPU or the CPU, for comparison with `cargo bench --bench step`.

    pip install torch numpy
    python benches/peers/pytorch_steps.py
    python benches/peers/pytorch_steps.py --modes eager compile --networks mobilenet_v2 --batch-sizes 32 128
    python benches/peers/pytorch_steps.py --device cpu --modes channels_last --networks airbench

The networks are trained with Adam, ResNet-20 and the one of airbench with SGD and Nesterov's momentum. The images are on the
device as bytes; a training step chooses its batch, scales it, and adds loss and hits to sums on the device. An evaluation step
is the forward pass of one batch. Each figure is the median of three rounds. Each line of results is a JSON object.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from networks import NETWORKS
from pytorch_networks import build
from torch import nn

MODES = ["eager", "channels_last", "compile", "cuda_graph"]
PARTS = ["train", "evaluate"]
ROUNDS = 3
BYTES = 50 << 20  # of all images
WITH_SGD = ["resnet20", "airbench"]


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


def measure(name: str, batch: int, mode: str, parts: list[str], device: Device, seconds: float) -> dict:
    size, kind = NETWORKS[name].size, device.kind
    model = build(name).to(kind)
    if mode == "channels_last":
        model = model.to(memory_format=torch.channels_last)
    fused = kind == "cuda"
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if name in WITH_SGD:
        optimizer = torch.optim.SGD(trained, 1e-3, 0.9, nesterov=True, weight_decay=1e-4, fused=fused)
    else:
        capturable = mode == "cuda_graph"
        optimizer = torch.optim.Adam(trained, 1e-3, eps=1e-7, fused=fused, capturable=capturable)
    forward = torch.compile(model, dynamic=False) if mode == "compile" else model
    count = max(BYTES // (3 * size * size), batch)
    images = torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8, device=kind)
    labels = torch.randint(0, 10, (count,), device=kind)
    chosen = torch.randint(0, count, (batch,), device=kind)
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

    figures = {}
    if "train" in parts:
        step = capture(train) if mode == "cuda_graph" else train
        training = seconds_of(step, device, seconds)
        figures = {"train_ms": training * 1e3, "images_per_s": batch / training}
    if "evaluate" in parts:
        model.eval()
        x = batch_of()
        with torch.no_grad():
            figures["evaluate_ms"] = seconds_of(lambda: forward(x), device, seconds) * 1e3
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
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["tutorial", "resnet20", "mobilenet_v2"])
    parser.add_argument("--batch-sizes", nargs="+", type=int, help="those of networks.py if left out")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
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
            for batch in args.batch_sizes or NETWORKS[name].batch_sizes:
                print(json.dumps(measure(name, batch, mode, args.parts, device, args.seconds)), flush=True)


if __name__ == "__main__":
    main()
