"""Trains the CNN of TensorFlow's tutorial with PyTorch on CIFAR-10, for comparison with wgrad.

    pip install torch==2.15.0 numpy
    python benches/peers/pytorch_cnn.py --data-dir cifar-10-batches-bin --epochs 10

Without CUDA, PyTorch's own index has a smaller package:
pip install torch numpy --index-url https://download.pytorch.org/whl/cpu

It sets no seed, as keras_cnn.py does not. The initial weights are drawn as Keras draws them.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import pathlib
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

Step = Callable[[torch.Tensor], None]


class Data:
    """Images in 0..1 and labels in the device's memory, and sums over the images of a pass."""

    def __init__(self, files: list[pathlib.Path], limit: int | None, device: str, nhwc: bool):
        data = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files])
        data = data[:limit]
        images = data[:, 1:].reshape(-1, 3, 32, 32)
        if nhwc:
            images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
        self.nhwc = nhwc
        self.images = torch.from_numpy(images).to(device, torch.float32) / 255
        self.labels = torch.from_numpy(data[:, 0].astype(np.int64)).to(device)
        self.sums = torch.zeros(2, device=device)  # loss, hits

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        images = self.images[indices]
        # The shape is the same in both cases; only the strides differ.
        return images.permute(0, 3, 1, 2) if self.nhwc else images, self.labels[indices]

    def add(self, loss: torch.Tensor, logits: torch.Tensor, labels: torch.Tensor) -> None:
        hits = (logits.argmax(1) == labels).sum()
        self.sums += torch.stack([loss.detach() * len(labels), hits])


def build() -> nn.Module:
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(1024, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)
        else:
            nn.init.zeros_(parameter)
    return model


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, data: Data) -> Step:
    def step(indices: torch.Tensor) -> None:
        images, labels = data.batch(indices)
        logits = model(images)
        loss = nn.functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        data.add(loss, logits, labels)

    return step


def test_step(model: nn.Module, data: Data) -> Step:
    @torch.no_grad()
    def step(indices: torch.Tensor) -> None:
        images, labels = data.batch(indices)
        logits = model(images)
        data.add(nn.functional.cross_entropy(logits, labels), logits, labels)

    return step


def batch_sizes(data: Data, batch_size: int) -> set[int]:
    """The sizes of whole minibatches and of the last one of a pass."""
    return {min(batch_size, len(data)), len(data) % batch_size} - {0}


def capture(step: Step, sizes: set[int]) -> Step:
    """The step as CUDA graphs, one for each size. This runs the step, so it changes the weights."""

    def graph_of(size: int) -> tuple[torch.Tensor, torch.cuda.CUDAGraph]:
        indices = torch.zeros(size, dtype=torch.int64, device="cuda")
        # It runs outside a graph first, on a stream of its own, so that libraries set themselves up.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                step(indices)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(indices)
        return indices, graph

    graphs = {size: graph_of(size) for size in sizes}

    def replay(indices: torch.Tensor) -> None:
        static, graph = graphs[len(indices)]
        static.copy_(indices)
        graph.replay()

    return replay


def run(step: Step, data: Data, order: torch.Tensor, batch_size: int, start: float) -> dict:
    """Runs a pass in this order. Reading the sums waits for the device."""
    data.sums.zero_()
    for indices in order.split(batch_size):
        step(indices)
    loss, hits = (data.sums.double() / len(order)).tolist()
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "images_per_s": len(order) / seconds,
        "loss": loss,
        "accuracy": hits,
    }


def report(name: str, row: dict, note: str = "") -> None:
    print(
        f"{name:9}  {row['seconds']:7.2f} s  {row['images_per_s']:8.0f} images/s"
        f"  loss {row['loss']:.4f}  accuracy {row['accuracy']:.4f}{note}",
        flush=True,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", default=os.environ.get("CIFAR10_DIR"))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--limit", type=int, help="train on the first N images only")
    parser.add_argument(
        "--mode", choices=["eager", "channels_last", "compile", "cuda_graph"], default="eager"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--tf32", action="store_true", help="let CUDA round the factors of products to TF32"
    )
    args = parser.parse_args()
    if not args.data_dir:
        parser.error("give --data-dir or CIFAR10_DIR, a folder of data_batch_*.bin")
    if args.mode == "cuda_graph" and args.device != "cuda":
        parser.error("--mode cuda_graph needs --device cuda")
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: PyTorch finds no CUDA device")
    return args


def main() -> None:
    args = parse()
    # wgrad computes everything in float32.
    torch.backends.cuda.matmul.allow_tf32 = args.tf32
    torch.backends.cudnn.allow_tf32 = args.tf32
    torch.backends.cudnn.benchmark = True
    folder = pathlib.Path(args.data_dir)
    nhwc = args.mode == "channels_last"
    train_files = [folder / f"data_batch_{k}.bin" for k in range(1, 6)]
    train = Data(train_files, args.limit, args.device, nhwc)
    test = Data([folder / "test_batch.bin"], None, args.device, nhwc)

    model = build().to(args.device)
    if nhwc:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(
        model.parameters(), lr=1e-3, eps=1e-7, fused=True, capturable=args.mode == "cuda_graph"
    )
    # There are two sizes of minibatches, and a kernel for each is faster than one for all sizes.
    forward = torch.compile(model, dynamic=False) if args.mode == "compile" else model
    step = train_step(forward, optimizer, train)
    evaluate = test_step(forward, test)
    if args.mode == "cuda_graph":
        weights = copy.deepcopy(model.state_dict())
        step = capture(step, batch_sizes(train, args.batch_size))
        evaluate = capture(evaluate, batch_sizes(test, args.batch_size))
        # This must happen in place, because the graphs hold addresses.
        model.load_state_dict(weights)
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()

    epochs = []
    for epoch in range(args.epochs):
        start = time.perf_counter()
        order = torch.randperm(len(train), device=args.device)
        epochs.append(run(step, train, order, args.batch_size, start))
        note = "  (compiles too)" if epoch == 0 and args.mode == "compile" else ""
        report(f"epoch {epoch + 1:3}", epochs[-1], note)

    # One minibatch of each size runs first, so that no compilation is timed.
    for size in batch_sizes(test, args.batch_size):
        evaluate(torch.arange(size, device=args.device))
    start = time.perf_counter()
    order = torch.arange(len(test), device=args.device)
    result = run(evaluate, test, order, args.batch_size, start)
    report("test", result)

    later = [row["images_per_s"] for row in epochs[1:]]
    median = statistics.median(later) if later else None
    if later:
        print(f"median of epochs 2 to {args.epochs}: {median:.0f} images/s")
    print(
        json.dumps(
            {
                "peer": f"pytorch-{args.mode}",
                "pytorch": torch.__version__,
                "devices": [torch.cuda.get_device_name() if args.device == "cuda" else "CPU"],
                "cpus": len(os.sched_getaffinity(0))
                if hasattr(os, "sched_getaffinity")
                else os.cpu_count(),
                "threads": torch.get_num_threads(),
                "tf32": args.tf32,
                "batch_size": args.batch_size,
                "train_images": len(train),
                "epochs": epochs,
                "median_images_per_s": median,
                "test": {"images": len(test), **result},
            }
        )
    )


if __name__ == "__main__":
    main()
