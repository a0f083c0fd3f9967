"""Times steps of wgrad, PyTorch and Keras in turn on the CPU: the networks of docs/speed.md.

    pip install torch==2.15.0 numpy
    python benches/peers/compare_steps.py
    python benches/peers/compare_steps.py --lines mobilenet_v2@96/32/train --peers channels_last eager keras --json steps.json

A line is a network, the batch size and the part that is timed: a training step with its update, or an evaluation step. A round
runs every program once, each in a process of its own, and begins with another one each time. wgrad's step takes the bytes of
its images from the host; its figures are those of `cargo bench --bench step`, which must be built for the processor that
runs. A ratio is the peer's time divided by wgrad's: above 1, wgrad is the faster. Keras and PyTorch may need a Python each, which
--keras-python and --pytorch-python name.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

from compare import HERE, ROOT, Failed, call, cpu_name

LINES = [
    "models/airbench.toml/500/train",
    "resnet20/128/train",
    "mobilenet_v2@96/32/train",
    "efficientnet_lite0@224/32/evaluate",
]
MODES = ["channels_last", "eager", "compile"]


def step_bench() -> str:
    """Builds the benchmark and returns its path."""
    command = ["cargo", "bench", "--bench", "step", "--no-run", "--message-format", "json"]
    for line in call(command, 3600, ROOT).splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "step":
            return message["executable"]
    raise Failed("cargo names no executable")


class Line:
    """A network and what is timed of it."""

    def __init__(self, text: str):
        self.text = text
        self.network, batch, self.part = text.rsplit("/", 2)
        self.batch = int(batch)
        # The peers know the sizes of images.
        self.name = pathlib.Path(self.network.partition("@")[0]).stem


def wgrad(binary: str, line: Line, args: argparse.Namespace) -> tuple[float, str]:
    """Milliseconds of a step, and the program's version."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "step.json"
        command = [binary, str(line.batch), line.network, f"--part={line.part}", f"--seconds={args.seconds * 3}"]
        call([*command, f"--json={file}"], args.timeout, ROOT)
        report = json.loads(file.read_text())
    return report["results"][0][line.part]["milliseconds"], f"{report['adapter']}, {report['driver_info']}"


def peer(name: str, line: Line, args: argparse.Namespace) -> tuple[float, str]:
    common = ["--networks", line.name, "--parts", line.part, "--seconds", str(args.seconds)]
    if name == "keras":
        command = [args.keras_python, HERE / "keras_steps.py", "--batch-size", str(line.batch)]
    else:
        command = [args.pytorch_python, HERE / "pytorch_steps.py", "--device", "cpu", "--modes", name]
        command += ["--batch-sizes", str(line.batch)]
    rows = call([*command, *common], args.timeout).splitlines()
    return json.loads(rows[-1])[f"{line.part}_ms"], rows[0]


def measure(line: Line, binary: str, args: argparse.Namespace) -> dict:
    names = ["wgrad", *args.peers]
    times: dict[str, list[float]] = {name: [] for name in names}
    versions, failures = {}, {}
    for number in range(args.rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if name in failures:
                continue
            try:
                time, version = wgrad(binary, line, args) if name == "wgrad" else peer(name, line, args)
            except Failed as failure:
                failures[name] = str(failure)
                print(f"{line.text}: {name}: {failure}", file=sys.stderr)
                continue
            times[name].append(time)
            versions[name] = version
            print(f"{line.text}, round {number + 1}: {name} {time:.1f} ms", file=sys.stderr, flush=True)
    return {"line": line.text, "milliseconds": times, "versions": versions, "failures": failures}


def table(results: list[dict]) -> str:
    rows = [f"{'network/batch/part':36} {'program':14} {'median ms':>10} {'ratio':>7}  ratio by round"]
    for result in results:
        ours = result["milliseconds"]["wgrad"]
        for name, times in result["milliseconds"].items():
            if name in result["failures"] or not times:
                rows.append(f"{result['line']:36} {name:14} not timed: {result['failures'].get(name)}")
                continue
            row = f"{result['line']:36} {name:14} {statistics.median(times):10.1f}"
            # Without wgrad's own figures there is nothing to compare with.
            if name != "wgrad" and len(ours) == len(times):
                ratios = [theirs / own for own, theirs in zip(ours, times)]
                row += f" {statistics.median(ratios):7.3f}  {' '.join(f'{ratio:.3f}' for ratio in ratios)}"
            rows.append(row)
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option("--lines", nargs="+", type=Line, default=[Line(line) for line in LINES], metavar="NETWORK/BATCH/PART", help=str(LINES))
    option("--peers", nargs="+", choices=[*MODES, "keras"], default=["channels_last", "eager"])
    option("--rounds", type=int, default=5)
    option("--seconds", type=float, default=2.0, help="time of a round of a peer; wgrad gets three of them (%(default)s)")
    option("--timeout", type=float, default=900, help="seconds of one process (%(default)s)")
    option("--step", metavar="FILE", help="wgrad's benchmark, as cargo built it; built if left out")
    option("--keras-python", default=sys.executable, metavar="FILE")
    option("--pytorch-python", default=sys.executable, metavar="FILE")
    option("--json", type=pathlib.Path, metavar="FILE", help="write every figure")
    args = parser.parse_args()
    try:
        binary = args.step or step_bench()
    except Failed as failure:
        raise SystemExit(f"wgrad: {failure}") from None
    print(f"{cpu_name()}, {os.cpu_count()} logical processors", file=sys.stderr)
    results = [measure(line, binary, args) for line in args.lines]
    print(f"{cpu_name()}, {os.cpu_count()} logical processors")
    for name in ["wgrad", *args.peers]:
        print(f"{name}: {next((r['versions'][name] for r in results if name in r['versions']), 'not timed')}")
    print(f"\n{table(results)}\nThe ratio is the program's time divided by wgrad's; above 1, wgrad is the faster.")
    if args.json:
        report = {"cpu": cpu_name(), "cpus": os.cpu_count(), "rounds": args.rounds, "results": results}
        args.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
