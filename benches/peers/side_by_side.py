"""Trains the tutorial's CNN with wgrad and with PyTorch from the same weights over the same batches.

    pip install torch==2.15.0 numpy
    cargo build --release
    run="python benches/peers/side_by_side.py --data-dir cifar-10-batches-bin --out DIR --seed 0"
    $run wgrad
    $run pytorch                                # from wgrad's weights in wgrad's order
    $run pytorch --dtype float64 --epochs 1     # what rounding alone does
    $run pytorch --weights glorot --order pytorch --adam epsilon    # as pytorch_cnn.py does
    $run restarts                               # PyTorch goes on for 100 steps from wgrad's checkpoints
    python benches/peers/side_by_side_tables.py DIR

Each run is a JSON file in DIR, with sums of the training images' losses and hits at every hundredth step
and the figures of each epoch. The weights at these steps of the first epoch are beside it. A run whose
file exists is not repeated. wgrad's checkpoints say how it stands at every hundredth step.
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import time

import numpy as np
import wgrad_draws

LAYERS = {
    "conv2d": (3, 3, 3, 32),
    "conv2d_1": (3, 3, 32, 64),
    "conv2d_2": (3, 3, 64, 64),
    "dense": (1024, 64),
    "dense_1": (64, 10),
}


class Run:
    """The figures of a run, and the weights at its marks [marks, weights]."""

    def __init__(self, args: argparse.Namespace, name: str, **settings: object):
        self.path = args.out / f"{name}.json"
        self.record = {**settings, "seed": args.seed, "marks": [], "epochs": []}
        self.weights: list[np.ndarray] = []

    def mark(self, updates: int, images: int, loss: float, hits: int) -> None:
        """Sums since the first step."""
        self.record["marks"].append({"updates": updates, "images": images, "loss": loss, "hits": hits})

    def epoch(self, figures: dict[str, float]) -> None:
        self.record["epochs"].append(figures)
        print(self.path.stem, f"epoch {len(self.record['epochs'])}", figures, flush=True)

    def write(self) -> None:
        if self.weights:
            np.save(self.path.with_suffix(".npy"), np.stack(self.weights))
        self.path.write_text(json.dumps(self.record))


class Trainer:
    """PyTorch's network, its optimizer and the images."""

    def __init__(self, args: argparse.Namespace, dtype: str, weights: str, adam: str):
        import torch
        from torch import nn

        torch.set_num_threads(args.threads)
        torch.manual_seed(args.seed)
        self.torch, self.dtype, self.placement = torch, getattr(torch, dtype), adam
        self.train = self.split(args, [f"data_batch_{k}.bin" for k in range(1, 6)])
        self.test = self.split(args, ["test_batch.bin"])
        model = nn.Sequential(
            *(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten()),
            *(nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10)),
        )
        self.layers = [layer for layer in model if hasattr(layer, "weight")]
        # As it is, PyTorch has drawn kernels and biases from Kaiming uniform with a = sqrt(5).
        if weights == "glorot":
            for layer in self.layers:
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        self.model = model.to(dtype=self.dtype, memory_format=torch.channels_last)
        if weights == "wgrad":
            zeros = [np.zeros(shape[-1]) for shape in LAYERS.values()]
            kernels = [wgrad_draws.kernel(args.seed, k, shape) for k, shape in enumerate(LAYERS.values())]
            pairs = zip(kernels, zeros)
            self.load([layer.weight for layer in self.layers], [layer.bias for layer in self.layers], flat(pairs))
        self.epsilon = 1e-8 if adam == "pytorch" else 1e-7
        self.adam = torch.optim.Adam(model.parameters(), lr=1e-3, eps=self.epsilon, fused=True)
        self.updates = 0
        self.sums = torch.zeros(2, dtype=torch.float64)  # losses, hits

    def split(self, args: argparse.Namespace, files: list[str]):
        data = np.concatenate([np.fromfile(args.data_dir / f, np.uint8).reshape(-1, 3073) for f in files])
        # HWC in memory, for PyTorch's channels_last format.
        images = np.ascontiguousarray(data[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        return self.torch.from_numpy(images), self.torch.from_numpy(data[:, 0].astype(np.int64))

    def load(self, kernels: list, biases: list, values: np.ndarray) -> None:
        """Fills tensors of PyTorch's shapes with `values` in wgrad's order."""
        values = self.torch.from_numpy(np.array(values))
        for shape, kernel, bias in zip(LAYERS.values(), kernels, biases):
            count = math.prod(shape)
            value, bias.data[:] = values[:count].reshape(shape), values[count : count + shape[-1]]
            if shape == (1024, 64):  # PyTorch flattens CHW, wgrad HWC
                value = value.reshape(4, 4, 64, 64).permute(2, 0, 1, 3).reshape(shape)
            kernel.data.copy_(value.permute(3, 2, 0, 1) if len(shape) == 4 else value.T)
            values = values[count + shape[-1] :]

    def weights(self) -> np.ndarray:
        """The weights in wgrad's order."""
        pairs = []
        for shape, layer in zip(LAYERS.values(), self.layers):
            kernel = layer.weight.detach()
            kernel = kernel.permute(2, 3, 1, 0) if len(shape) == 4 else kernel.T
            if shape == (1024, 64):
                kernel = kernel.reshape(64, 4, 4, 64).permute(1, 2, 0, 3)
            pairs.append((kernel.numpy(), layer.bias.detach().numpy()))
        return flat(pairs)

    def resume(self, updates: int, groups: dict[str, np.ndarray]) -> None:
        """Takes weights and moments of a checkpoint."""
        self.updates = updates
        torch, layers = self.torch, self.layers
        self.load([layer.weight for layer in layers], [layer.bias for layer in layers], groups["parameter"])
        parameters = [tensor for layer in layers for tensor in (layer.weight, layer.bias)]
        for tensor in parameters:
            zeros = [torch.zeros_like(tensor, memory_format=torch.preserve_format) for _ in range(2)]
            step = torch.tensor(float(updates), dtype=torch.float32)
            self.adam.state[tensor] = {"step": step, "exp_avg": zeros[0], "exp_avg_sq": zeros[1]}
        for name, group in ("exp_avg", "first_moment"), ("exp_avg_sq", "second_moment"):
            moments = [self.adam.state[tensor][name] for tensor in parameters]
            self.load(moments[::2], moments[1::2], groups[group])

    def measure(self, x, y):
        logits = self.model(x.permute(0, 3, 1, 2).to(self.dtype) / 255)
        loss = self.torch.nn.functional.cross_entropy(logits, y)
        hits = (logits.argmax(1) == y).sum()
        self.sums += self.torch.stack([loss.detach().double() * len(y), hits.double()])
        return loss

    def step(self, batch) -> None:
        loss = self.measure(self.train[0][batch], self.train[1][batch])
        self.updates += 1
        self.adam.zero_grad()
        loss.backward()
        if self.placement == "keras":
            # Keras adds epsilon to the root before its bias is corrected, PyTorch afterwards.
            self.adam.param_groups[0]["eps"] = self.epsilon / math.sqrt(1 - 0.999**self.updates)
        self.adam.step()

    def evaluate(self) -> tuple[float, float]:
        kept, self.sums = self.sums, self.torch.zeros(2, dtype=self.torch.float64)
        with self.torch.no_grad():
            for x, y in zip(self.test[0].split(1000), self.test[1].split(1000)):
                self.measure(x, y)
        sums, self.sums = self.sums, kept
        return tuple((sums / len(self.test[1])).tolist())


def flat(pairs) -> np.ndarray:
    return np.concatenate([tensor.reshape(-1) for pair in pairs for tensor in pair])


def run_pytorch(args: argparse.Namespace) -> None:
    settings = {key: getattr(args, key) for key in ("weights", "order", "adam", "dtype")}
    run = Run(args, "-".join(["pytorch", *settings.values(), str(args.seed)]), program="pytorch", **settings)
    if run.path.exists():
        return
    trainer = Trainer(args, args.dtype, args.weights, args.adam)
    torch, count = trainer.torch, len(trainer.train[1])
    run.record["version"] = torch.__version__
    images = 0
    run.mark(0, 0, 0.0, 0)
    if args.keep_epochs:
        run.weights.append(trainer.weights())
    for epoch in range(args.epochs):
        before, by_batch, start = trainer.sums.clone(), 0.0, time.time()
        if args.order == "wgrad":
            order = torch.from_numpy(wgrad_draws.order(args.seed, epoch + 1, count))
        else:
            order = torch.randperm(count)
        batches = order.split(args.batch_size)
        for batch in batches:
            hits = trainer.sums[1].item()
            trainer.step(batch)
            images += len(batch)
            by_batch += (trainer.sums[1].item() - hits) / len(batch) / len(batches)
            if trainer.updates % args.mark == 0:
                run.mark(trainer.updates, images, *trainer.sums.tolist())
                if epoch < args.keep_epochs:
                    run.weights.append(trainer.weights())
        figures = ((trainer.sums - before) / count).tolist() + list(trainer.evaluate())
        figures = dict(zip(("loss", "accuracy", "test_loss", "test_accuracy"), figures))
        run.epoch({**figures, "mean_of_batches": by_batch, "seconds": time.time() - start})
    run.write()


def read_checkpoint(path: pathlib.Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Metadata of a wgrad checkpoint, and its weights and moments."""
    data = path.read_bytes()
    end = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:end])

    def tensor(name: str) -> np.ndarray:
        first, last = header[name]["data_offsets"]
        return np.frombuffer(data[end + first : end + last], "<f4")

    groups = {
        group: flat((tensor(f"{group}/{layer}/kernel"), tensor(f"{group}/{layer}/bias")) for layer in LAYERS)
        for group in ("parameter", "first_moment", "second_moment")
    }
    return json.loads(header["__metadata__"]["wgrad"]), groups


def run_wgrad(args: argparse.Namespace) -> None:
    run = Run(args, f"wgrad-{args.seed}", program="wgrad")
    if run.path.exists():
        return
    folder, kept = run.path.with_suffix(".run"), run.path.with_suffix(".checkpoints")
    for path in folder, kept:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    command = [args.binary, "train", "--dataset", "cifar10", "--data-dir", args.data_dir, "--seed", str(args.seed)]
    command += ["--epochs", str(args.epochs), "--batch-size", str(args.batch_size), "--keep-weights", "none"]
    command += ["--checkpoint-every", str(args.mark), "--out", folder]
    with open(kept / "log.txt", "w") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
        ended = False
        while not ended:
            ended = child.poll() is not None
            # A checkpoint stays until the next but one is written.
            for path in folder.glob("checkpoint-*.safetensors"):
                try:
                    os.link(path, kept / path.name)
                except (FileExistsError, FileNotFoundError):
                    pass
            time.sleep(0.05)
    if child.returncode:
        raise SystemExit((kept / "log.txt").read_text())
    collect(run, args, kept, json.loads((folder / "history.json").read_text())["epochs"])
    shutil.rmtree(folder)


def collect(run: Run, args: argparse.Namespace, kept: pathlib.Path, history: list[dict]) -> None:
    """Writes a run's file from its checkpoints and its history."""
    for path in sorted(kept.glob("checkpoint-*")):
        metadata, groups = read_checkpoint(path)
        position = metadata["position"]
        if metadata["updates"] % args.mark == 0:
            images, loss, hits = (position["measured"][key] for key in ("images", "loss_sum", "correct"))
            for row in position["history"]:
                images, loss, hits = images + 50_000, loss + row["loss"] * 50_000, hits + row["accuracy"] * 50_000
            run.mark(metadata["updates"], images, loss, round(hits))
            if position["epoch"] <= args.keep_epochs:
                run.weights.append(groups["parameter"])
    names = {"loss": "loss", "accuracy": "accuracy", "test_loss": "val_loss", "test_accuracy": "val_accuracy"}
    for row in history:
        run.epoch({name: row[key] for name, key in names.items()})
    run.write()


def run_restarts(args: argparse.Namespace) -> None:
    """PyTorch goes on from checkpoints of wgrad's run for 100 steps, in float32 and in float64."""
    path = args.out / f"{'control' if args.control else 'restarts'}-{args.seed}.json"
    if path.exists():
        return
    folder = args.out / f"wgrad-{args.seed}.checkpoints"
    checkpoints = [read_checkpoint(file) for file in sorted(folder.glob("checkpoint-*"))]
    checkpoints = [(metadata, groups) for metadata, groups in checkpoints if metadata["updates"] % args.mark == 0]
    trainers = {dtype: Trainer(args, dtype, "wgrad", "keras") for dtype in ("float32", "float64")}
    count = len(trainers["float32"].train[1])
    orders, rows = {}, []
    for (metadata, groups), (later, to) in list(zip(checkpoints, checkpoints[1:]))[:: args.every]:
        position, end = metadata["position"], later["position"]
        if position["epoch"] != end["epoch"] or end["step"] - position["step"] != args.mark:
            continue
        epoch, first = position["epoch"], position["step"] * args.batch_size
        if epoch not in orders:
            orders = {epoch: wgrad_draws.order(args.seed, epoch - args.control, count)}
        row = {"updates": metadata["updates"], "epoch": epoch}
        moved, measured = {"wgrad": to["parameter"].astype(float)}, position["measured"]
        row["loss wgrad"] = (end["measured"]["loss_sum"] - measured["loss_sum"]) / args.mark / args.batch_size
        row["hits wgrad"] = end["measured"]["correct"] - measured["correct"]
        for dtype, trainer in trainers.items():
            trainer.resume(metadata["updates"], groups)
            trainer.sums.zero_()
            images = orders[epoch][first : first + args.mark * args.batch_size]
            for batch in trainer.torch.from_numpy(images).split(args.batch_size):
                trainer.step(batch)
            loss, hits = trainer.sums.tolist()
            row[f"loss {dtype}"], row[f"hits {dtype}"] = loss / len(images), hits
            moved[dtype] = trainer.weights().astype(float)
        way = np.linalg.norm(moved["float64"] - groups["parameter"])
        for name in "wgrad", "float32":
            row[f"distance {name}"] = float(np.linalg.norm(moved[name] - moved["float64"]) / way)
        row["distance wgrad float32"] = float(np.linalg.norm(moved["wgrad"] - moved["float32"]) / way)
        rows.append(row)
        print(row, flush=True)
    path.write_text(json.dumps({"seed": args.seed, "rows": rows}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["wgrad", "pytorch", "restarts"])
    parser.add_argument("--data-dir", type=pathlib.Path, required=True, help="folder of data_batch_*.bin")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the runs' files")
    parser.add_argument("--binary", default="target/release/wgrad")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--weights", choices=["wgrad", "glorot", "pytorch"], default="wgrad")
    parser.add_argument("--order", choices=["wgrad", "pytorch"], default="wgrad")
    parser.add_argument(
        "--adam",
        choices=["keras", "epsilon", "pytorch"],
        default="keras",
        help="Keras's epsilon in its place, the same in PyTorch's place, or PyTorch's 1e-8",
    )
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--keep-epochs", type=int, default=1, help="epochs whose weights are kept")
    parser.add_argument("--mark", type=int, default=100, help="steps from one mark to the next")
    parser.add_argument("--every", type=int, default=4, help="restart from every so-manieth checkpoint")
    parser.add_argument("--control", action="store_true", help="restart over the batches of another epoch")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    {"wgrad": run_wgrad, "pytorch": run_pytorch, "restarts": run_restarts}[args.what](args)


if __name__ == "__main__":
    main()
