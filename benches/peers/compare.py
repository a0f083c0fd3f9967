"""Measures the speed of wgrad and its peers in turn, on one machine and the same files of CIFAR-10.

    pip install tensorflow-cpu==2.21.0 keras==3.15.1 numpy    # Keras
    pip install torch==2.15.0 numpy                           # PyTorch
    python benches/peers/compare.py --data-dir cifar-10-batches-bin --json compare.json

If the two don't fit into one environment, --keras-python and --pytorch-python name the
Python of each. wgrad and Burn need Rust and are built if they are missing. Burn takes minutes.

A round runs every peer once. Each runs in a process of its own, trains for two epochs and
evaluates all test images (Burn on wgpu fewer of them). The second epoch is timed, from its first
image to its last update, and so is the evaluation; both include the loading of the data. The
first epoch is not timed, because kernels are compiled in it. A ratio above 1 means that wgrad is faster.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Union

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EXE = ".exe" if os.name == "nt" else ""
BURN = HERE / "burn_cnn"
PYTORCH = ["eager", "channels_last", "compile", "cuda_graph"]
PEERS = ["keras", *(f"pytorch-{mode}" for mode in PYTORCH), "burn-wgpu", "burn-flex"]
# Number of training images in an epoch, so that an epoch takes seconds on two cores without a GPU.
LIMITS = {"burn-wgpu": 1_000}
LIMIT = 10_000
BURN_WGPU_TEST_LIMIT = 1_000

Command = list[Union[str, pathlib.Path]]


class Failed(Exception):
    """The reason why a peer could not be timed, in one line."""


@dataclasses.dataclass
class Run:
    """The figures that one process measured, and all that it printed."""

    train: float  # images a second
    test: float
    report: dict


@dataclasses.dataclass
class Peer:
    name: str
    limit: int
    run: Callable[[], Run]
    runs: list[Run] = dataclasses.field(default_factory=list)
    failure: str | None = None

    def rates(self, part: str) -> list[float]:
        return [getattr(run, part) for run in self.runs]


def call(command: Command, timeout: float, cwd: pathlib.Path | None = None) -> str:
    """What the command prints on its standard output."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, cwd=cwd, check=False
        )
    except FileNotFoundError:
        raise Failed(f"{command[0]}: not found") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {timeout:.0f} s") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines()]
        # The last line is Rust's hint about backtraces, after the reason.
        lines = [line for line in lines if line and not line.startswith("note:")]
        raise Failed(lines[-1] if lines else f"exit status {done.returncode}")
    return done.stdout


def cargo_build(folder: pathlib.Path, name: str, features: str = "") -> pathlib.Path:
    target = folder / "target"
    binary = target / "release" / (name + EXE)
    print(f"cargo build --release in {folder}", file=sys.stderr)
    command: Command = [
        "cargo",
        "build",
        "--release",
        "--locked",
        "--bin",
        name,
        "--target-dir",
        target,
    ]
    command += ["--features", features] if features else []
    call(command, timeout=3600, cwd=folder)
    return binary


def time_wgrad(binary: pathlib.Path, args: argparse.Namespace, limit: int) -> Run:
    with tempfile.TemporaryDirectory() as out:
        command: Command = [binary, "train", "--dataset", "cifar10", "--data-dir", args.data_dir]
        command += ["--epochs", "2", "--limit", str(limit), "--out", out]
        command += ["--batch-size", str(args.batch_size)]
        command += ["--adapter", args.adapter] if args.adapter else []
        call(command, args.timeout)
        history = json.loads((pathlib.Path(out) / "history.json").read_text())
        config = json.loads((pathlib.Path(out) / "config.json").read_text())
    # As with the peers, the process that trained also evaluates, so its kernels are compiled already.
    evaluation = history["evaluation"]
    return Run(
        train=history["epochs"][1]["images_per_second"],
        test=evaluation["images"] / evaluation["seconds"],
        report={"peer": "wgrad", "history": history, "config": config},
    )


def time_peer(command: Command, args: argparse.Namespace, limit: int) -> Run:
    command = [*command, "--data-dir", args.data_dir, "--epochs", "2", "--limit", str(limit)]
    command += ["--batch-size", str(args.batch_size)]
    report = json.loads(call(command, args.timeout).splitlines()[-1])
    return Run(report["epochs"][1]["images_per_s"], report["test"]["images_per_s"], report)


def whole(count: int, batch_size: int) -> int:
    """The number of images in whole minibatches. Burn on wgpu would tune its kernels anew for a
    smaller last one, which takes minutes without a GPU."""
    return max(count // batch_size, 1) * batch_size


def command_of(name: str, args: argparse.Namespace) -> Command:
    framework, _, variant = name.partition("-")
    if framework == "keras":
        return [args.keras_python, HERE / "keras_cnn.py"]
    if framework == "pytorch":
        script = HERE / "pytorch_cnn.py"
        return [args.pytorch_python, script, "--mode", variant, "--device", args.device]
    command: Command = [BURN / "target" / "release" / ("burn_cnn" + EXE), "--backend", variant]
    if variant == "wgpu":
        command += ["--test-limit", str(whole(args.burn_wgpu_test_limit, args.batch_size))]
    return command


def peers_of(args: argparse.Namespace) -> list[Peer]:
    """wgrad and then the peers asked for. They are built here if necessary, before any run."""

    def limit(name: str) -> int:
        count = args.limit.get(name) or args.limit.get("") or LIMITS.get(name, LIMIT)
        return whole(count, args.batch_size) if name == "burn-wgpu" else count

    binary = args.wgrad or ROOT / "target" / "release" / ("wgrad" + EXE)
    if not args.wgrad and not binary.exists():
        binary = cargo_build(ROOT, "wgrad")
    count = limit("wgrad")
    peers = [Peer("wgrad", count, partial(time_wgrad, binary, args, count))]
    for name in args.peers:
        command = command_of(name, args)
        peers.append(Peer(name, limit(name), partial(time_peer, command, args, limit(name))))
    burn = [peer for peer in peers if peer.name.startswith("burn-")]
    if burn:
        try:
            # Cargo knows whether the binary is up to date.
            cargo_build(BURN, "burn_cnn", args.burn_features)
        except Failed as failure:
            for peer in burn:
                peer.failure = f"cargo build: {failure}"
    return peers


def measure(peers: list[Peer], rounds: int) -> None:
    for number in range(rounds):
        # Each round starts with another peer, so that a drift of the clock favours none.
        first = number % len(peers)
        for peer in peers[first:] + peers[:first]:
            if peer.failure:
                continue
            print(
                f"round {number + 1} of {rounds}: {peer.name}", end=" ", file=sys.stderr, flush=True
            )
            try:
                peer.runs.append(peer.run())
                rate = f"{peer.runs[-1].train:.0f} images/s"
            except Failed as failure:
                peer.failure = rate = str(failure)
            print(rate, file=sys.stderr)
            if peer.failure and peer.name == "wgrad":
                raise SystemExit(f"wgrad: {peer.failure}")


def summary(peer: Peer, wgrad: Peer, part: str) -> dict:
    rates = peer.rates(part)
    ours = wgrad.rates(part)
    ratios = [a / b for a, b in zip(ours, rates)]
    return {
        "min": min(rates),
        "median": statistics.median(rates),
        "max": max(rates),
        "ratio_of_medians": statistics.median(ours) / statistics.median(rates),
        "median_of_ratios": statistics.median(ratios),
        "min_of_ratios": min(ratios),
    }


def table(peers: list[Peer]) -> str:
    """A line for each peer, for training and for evaluation, or the reason why there is no figure."""
    timed = [peer for peer in peers if not peer.failure]
    width = max(len(peer.name) for peer in peers)
    lines = []
    for part, title in [("train", "training"), ("test", "evaluation")]:
        lines.append(
            f"{title:{width}}  images    min/s median/s   max/s   ratio  by round: median     min"
        )
        for peer in timed:
            row = summary(peer, peers[0], part)
            images = peer.limit if part == "train" else images_of_test(peer)
            lines.append(
                f"{peer.name:{width}}  {images:6}"
                f"  {row['min']:7.0f}  {row['median']:7.0f} {row['max']:7.0f}"
                f"  {row['ratio_of_medians']:6.2f}"
                f"  {row['median_of_ratios']:16.2f} {row['min_of_ratios']:7.2f}"
            )
        lines.append("")
    lines += [f"{peer.name:{width}}  not timed: {peer.failure}" for peer in peers if peer.failure]
    lines += ["The ratios are wgrad's rate over the peer's; above 1, wgrad is the faster."]
    return "\n".join(lines)


def images_of_test(peer: Peer) -> int:
    report = peer.runs[0].report
    return (report["history"]["evaluation"] if peer.name == "wgrad" else report["test"])["images"]


def cpu_name() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def as_json(peers: list[Peer], args: argparse.Namespace) -> dict:
    return {
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "platform": platform.platform(),
        "batch_size": args.batch_size,
        "rounds": args.rounds,
        "peers": [
            {
                "peer": peer.name,
                "train_images": peer.limit,
                "failure": peer.failure,
                "train": None if peer.failure else summary(peer, peers[0], "train"),
                "test": None if peer.failure else summary(peer, peers[0], "test"),
                "runs": [dataclasses.asdict(run) for run in peer.runs],
            }
            for peer in peers
        ],
    }


def limit_of(text: str) -> tuple[str, int]:
    name, _, count = text.rpartition("=")
    if name and name not in ["wgrad", *PEERS]:
        raise argparse.ArgumentTypeError(f"no peer is called {name}")
    if not count.isdigit() or int(count) == 0:
        raise argparse.ArgumentTypeError(f"{count!r} is no number of images")
    return name, int(count)


def names_of(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(
                f"no peer is called {name}; there are {', '.join(PEERS)}"
            )
    return names


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    option = parser.add_argument
    option("--data-dir", default=os.environ.get("CIFAR10_DIR"), help="folder of data_batch_*.bin")
    option("--rounds", type=int, default=5)
    option("--batch-size", type=int, default=32)
    option("--peers", type=names_of, default=PEERS, metavar="NAME,...", help=", ".join(PEERS))
    option(
        "--limit",
        type=limit_of,
        action="append",
        default=[],
        metavar="[NAME=]N",
        help=f"training images of an epoch, of all or of one; repeatable ({LIMIT}, {LIMITS})",
    )
    option("--burn-features", default="", metavar="NAME", help="`vulkan`: SPIR-V in place of WGSL")
    option("--burn-wgpu-test-limit", type=int, default=BURN_WGPU_TEST_LIMIT, metavar="N")
    option("--device", choices=["cpu", "cuda"], default="cpu", help="PyTorch's device")
    option("--wgrad", type=pathlib.Path, metavar="FILE", help="default: target/release/wgrad")
    option("--adapter", metavar="NAME", help="wgrad's, as `wgrad devices` lists them")
    option("--python", default=sys.executable, metavar="FILE", help="of Keras and PyTorch")
    option("--keras-python", metavar="FILE")
    option("--pytorch-python", metavar="FILE")
    option("--timeout", type=float, default=900, metavar="SECONDS", help="of one run")
    option("--json", type=pathlib.Path, metavar="FILE", help="write every run's figures")
    args = parser.parse_args()
    if not args.data_dir:
        parser.error("give --data-dir or CIFAR10_DIR, a folder of data_batch_*.bin")
    if args.rounds < 1:
        parser.error("--rounds: at least 1")
    # The build runs in another folder.
    args.data_dir = pathlib.Path(args.data_dir).resolve()
    args.limit = dict(args.limit)
    args.keras_python = args.keras_python or args.python
    args.pytorch_python = args.pytorch_python or args.python
    return args


def main() -> None:
    args = parse()
    try:
        peers = peers_of(args)
    except Failed as failure:
        raise SystemExit(f"wgrad: {failure}") from None
    measure(peers, args.rounds)
    print(table(peers))
    if args.json:
        args.json.write_text(json.dumps(as_json(peers, args), indent=2) + "\n")


if __name__ == "__main__":
    main()
