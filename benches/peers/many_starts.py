"""Trains the tutorial's CNN from many starts, with wgrad and with PyTorch, and compares the means.

    pip install torch numpy
    cargo build --release
    run="python benches/peers/many_starts.py --data-dir cifar-10-batches-bin --out starts.jsonl"
    $run wgrad --seeds 26
    $run pytorch --seeds 16 --variants same,all --together 8    # on the GPU, if PyTorch finds one
    $run table

Variant `same` begins with wgrad's weights, sees the images in wgrad's order, and has Keras's Adam. Each other variant
exchanges one of these for PyTorch's: `order`, `glorot` (Keras's distribution of weights, drawn by PyTorch), `kaiming`
(PyTorch's own distribution), `epsilon` (where PyTorch's Adam adds it); `all` has PyTorch's order, `glorot` and `epsilon`,
as pytorch_cnn.py has. Each run adds a line to the file: training loss, training accuracy and test accuracy of each epoch.
"""

import argparse
import itertools
import json
import pathlib
import statistics
import subprocess
import tempfile

import numpy as np
import pytorch_cnn
import side_by_side
import wgrad_draws

# Where weights, order and the place of Adam's epsilon come from.
VARIANTS = {
    "same": ("wgrad", "wgrad", "keras"),
    "order": ("wgrad", "pytorch", "keras"),
    "glorot": ("glorot", "wgrad", "keras"),
    "kaiming": ("pytorch", "wgrad", "keras"),
    "epsilon": ("wgrad", "wgrad", "pytorch"),
    "all": ("glorot", "pytorch", "pytorch"),
}
RATE, BETAS, EPSILON = 1e-3, (0.9, 0.999), 1e-7


class Run:
    """A network in training: its weights, the moments of Adam, and sums of loss and hits over an epoch."""

    def __init__(self, data: pytorch_cnn.Data, seed: int, variant: str, device: str):
        import torch

        weights, self.order, self.placement = VARIANTS[variant]
        self.torch, self.data, self.seed = torch, data, seed
        torch.manual_seed(1000 + seed)
        self.model = pytorch_cnn.build()
        layers = [layer for layer in self.model if hasattr(layer, "weight")]
        for place, (layer, shape) in enumerate(zip(layers, side_by_side.LAYERS.values())):
            if weights == "pytorch":
                layer.reset_parameters()
            elif weights == "wgrad":
                kernel = torch.from_numpy(wgrad_draws.kernel(seed, place, shape))
                if shape == (1024, 64):  # PyTorch flattens CHW, wgrad HWC
                    kernel = kernel.reshape(4, 4, 64, 64).permute(2, 0, 1, 3).reshape(shape)
                layer.weight.data.copy_(kernel.permute(3, 2, 0, 1) if len(shape) == 4 else kernel.T)
        self.model.to(device)
        self.weights = list(self.model.parameters())
        self.moments = [[torch.zeros_like(weight) for weight in self.weights] for _ in BETAS]
        self.updates = torch.zeros((), device=device, dtype=torch.float64)
        self.sums = torch.zeros(2, device=device, dtype=torch.float64)

    def step(self, batch) -> None:
        torch, (first, second) = self.torch, self.moments
        x, y = self.data.batch(batch)
        logits = self.model(x)
        loss = torch.nn.functional.cross_entropy(logits, y)
        gradients = torch.autograd.grad(loss, self.weights)
        self.sums.add_(torch.stack([loss.detach().double() * len(y), (logits.argmax(1) == y).sum().double()]))
        self.updates.add_(1)
        corrections = [1 - beta**self.updates for beta in BETAS]
        with torch.no_grad():
            torch._foreach_mul_(first, BETAS[0])
            torch._foreach_add_(first, gradients, alpha=1 - BETAS[0])
            torch._foreach_mul_(second, BETAS[1])
            torch._foreach_addcmul_(second, gradients, gradients, value=1 - BETAS[1])
            roots = torch._foreach_sqrt(second)
            rate = RATE / corrections[0]
            if self.placement == "keras":
                rate = rate * corrections[1].sqrt()
            else:
                torch._foreach_div_(roots, corrections[1].sqrt().float())
            torch._foreach_add_(roots, EPSILON)
            steps = torch._foreach_div(first, roots)
            torch._foreach_mul_(steps, rate.float())
            torch._foreach_sub_(self.weights, steps)

    def epoch_order(self, epoch: int):
        count = len(self.data)
        if self.order == "wgrad":
            return self.torch.from_numpy(wgrad_draws.order(self.seed, epoch, count))
        return self.torch.randperm(count)

    def state(self) -> list:
        return [*self.weights, *itertools.chain(*self.moments), self.updates, self.sums]


def step_of_all(runs: list[Run], sizes: set[int], device: str):
    """A function that does one step of every run; on a GPU one graph for each size, the runs side by side in it."""
    import torch

    if device == "cpu":
        return lambda batches: [run.step(batch) for run, batch in zip(runs, batches)]
    kept = [value.detach().clone() for run in runs for value in run.state()]
    streams = [torch.cuda.Stream() for _ in runs]
    graphs = {}
    for size in sizes:
        batches = torch.arange(size, device=device).repeat(len(runs), 1)
        # It runs outside a graph first, so that libraries set themselves up.
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for run, batch in zip(runs, batches):
                run.step(batch)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            current = torch.cuda.current_stream()
            for run, batch, stream in zip(runs, batches, streams):
                stream.wait_stream(current)
                with torch.cuda.stream(stream):
                    run.step(batch)
            for stream in streams:
                current.wait_stream(stream)
        graphs[size] = batches, graph
    with torch.no_grad():
        for value, before in zip((value for run in runs for value in run.state()), kept):
            value.copy_(before)

    def replay(batches) -> None:
        static, graph = graphs[batches.shape[1]]
        static.copy_(batches)
        graph.replay()

    return replay


def accuracy(run: Run, test: pytorch_cnn.Data) -> float:
    with run.torch.no_grad():
        pairs = zip(test.images.split(2000), test.labels.split(2000))
        return sum((run.model(x).argmax(1) == y).sum().item() for x, y in pairs) / len(test)


def run_pytorch(args: argparse.Namespace) -> None:
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if torch.cuda.is_available() else "cpu"
    files = [args.data_dir / f"data_batch_{k}.bin" for k in range(1, 6)]
    train = pytorch_cnn.Data(files, None, device, False)
    test = pytorch_cnn.Data([args.data_dir / "test_batch.bin"], None, device, False)
    for first in range(0, args.seeds, args.together):
        seeds = range(first, min(first + args.together, args.seeds))
        for variant in args.variants:
            runs = [Run(train, seed, variant, device) for seed in seeds]
            step = step_of_all(runs, pytorch_cnn.batch_sizes(train, args.batch_size), device)
            epochs = [[] for _ in runs]
            for epoch in range(1, args.epochs + 1):
                orders = torch.stack([run.epoch_order(epoch) for run in runs]).to(device)
                for run in runs:
                    run.sums.zero_()
                for batches in orders.split(args.batch_size, 1):
                    step(batches)
                for run, rows in zip(runs, epochs):
                    rows.append([*(run.sums / len(train)).tolist(), accuracy(run, test)])
            for seed, rows in zip(seeds, epochs):
                write(args, variant, seed, rows)


def run_wgrad(args: argparse.Namespace) -> None:
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as out:
            command = [args.binary, "train", "--dataset", "cifar10", "--data-dir", args.data_dir, "--seed", str(seed)]
            command += ["--epochs", str(args.epochs), "--batch-size", str(args.batch_size), "--tuning", "none"]
            command += ["--keep-weights", "none", "--out", out, "--overwrite"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            history = json.loads((pathlib.Path(out) / "history.json").read_text())
        write(args, "wgrad", seed, [[row["loss"], row["accuracy"], row["val_accuracy"]] for row in history["epochs"]])


def write(args: argparse.Namespace, variant: str, seed: int, epochs: list[list[float]]) -> None:
    with args.out.open("a") as file:
        file.write(json.dumps({"variant": variant, "seed": seed, "epochs": epochs}) + "\n")
    print(variant, seed, epochs[-1], flush=True)


def table(args: argparse.Namespace) -> None:
    runs = [json.loads(line) for line in args.out.read_text().splitlines()]
    print("| run by | runs | accuracy of the first epoch | of the last | on the test set |\n|---|---|---|---|---|")
    for variant in ["wgrad", *VARIANTS]:
        own = [run["epochs"] for run in runs if run["variant"] == variant]
        if len(own) > 1:
            figures = [[epochs[0][1] for epochs in own], [epochs[-1][1] for epochs in own], [epochs[-1][2] for epochs in own]]
            cells = [f"{np.mean(values):.4f} ± {statistics.stdev(values) / len(own) ** 0.5:.4f}" for values in figures]
            print(f"| {variant} | {len(own)} | {' | '.join(cells)} |")


def variants_of(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in VARIANTS]:
        raise argparse.ArgumentTypeError(f"there is no variant {unknown[0]}; there are {', '.join(VARIANTS)}")
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["wgrad", "pytorch", "table"])
    parser.add_argument("--data-dir", type=pathlib.Path, required=True, help="folder of data_batch_*.bin")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="file of the runs, a line each")
    parser.add_argument("--binary", default="target/release/wgrad")
    parser.add_argument("--seeds", type=int, default=8, help="seeds from 0 on")
    parser.add_argument("--together", type=int, default=1, help="runs of PyTorch side by side")
    parser.add_argument("--variants", type=variants_of, default=list(VARIANTS), metavar="NAME,...")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    args = parser.parse_args()
    {"wgrad": run_wgrad, "pytorch": run_pytorch, "table": table}[args.what](args)


if __name__ == "__main__":
    main()
