"""The parts of the report. Each adds its results to the report as soon as it has them."""

from __future__ import annotations

import json
import os
import pathlib
import sys

import machine
import pictures

# Name, name in tables, size of the images, and the batch size with which it trains on whole epochs.
NETWORKS = [
    ("tutorial", "tutorial", 32, 32),
    ("resnet20", "ResNet-20", 32, 128),
    ("mobilenet_v2", "MobileNetV2 at 96 x 96", 96, 32),
]
# The most telling ones first, in case that the time is over before all are measured.
STEPS = [
    ("tutorial", 32),
    ("resnet20", 128),
    ("mobilenet_v2", 32),
    ("tutorial", 512),
    ("tutorial", 128),
    ("resnet20", 32),
    ("mobilenet_v2", 128),
    ("resnet20", 512),
    ("mobilenet_v2", 512),
]
SIZES = {name: size for name, _, size, _ in NETWORKS}
# Images of an epoch of the generated shapes; wgrad makes no more.
MOST_SHAPES = 20_000
MOST_PICTURES = 1_600


def devices(context) -> None:
    outcome = context.run([context.program("wgrad"), "devices", "--json"])
    if outcome.state == "done":
        context.report["devices"] = json.loads(outcome.out)
    context.note(outcome)


def self_test(context) -> None:
    file = context.fresh("self-test.json")
    outcome = context.run([context.program("wgrad"), "self-test", "--json", file])
    if not file.is_file():
        context.note(outcome)
        return
    found = json.loads(file.read_text())
    failed = [
        {"check": case["check"], "case": case["case"], "micro_kernel": case["micro_kernel"], "failure": case["failure"]}
        for case in found["results"]
        if not case["passed"]
    ]
    context.report["self_test"] = {
        **{key: found[key] for key in ("passed", "ended", "seconds", "system", "adapter", "features", "limits")},
        "cases": len(found["results"]),
        "failed": failed,
    }
    context.note(outcome if found["passed"] or not failed else f"{len(failed)} cases failed; they are in {file}")


def steps(context) -> None:
    seconds = max(0.2, 3.0 * context.scale)
    for network, batch in STEPS:
        file = context.fresh(f"step-{network}-{batch}.json")
        command = [context.program("step"), batch, spelled(network), f"--seconds={seconds}", f"--json={file}"]
        outcome = context.run(command, most=max(20, 40 * context.scale))
        figures = result(file)
        found = {"adapter": figures["adapter"], **figures["results"][0]} if figures else {"batch_size": batch}
        context.add("steps", {**found, "network": network, "problem": outcome.complaint()})


def training(context) -> None:
    """Whole epochs with their data; the last epoch's rate counts."""
    for network, _, size, batch in NETWORKS:
        # An epoch should take about a second and a half. Without a measured rate, it is short.
        most = MOST_SHAPES if size == 32 else MOST_PICTURES
        images = int(max(2 * batch, min(most, 1.5 * context.scale * rate_of(context.report, network))))
        out = context.fresh(f"run-{network}")
        command = [context.program("wgrad"), "train", "--epochs", 3, "--batch-size", batch, "--out", out]
        command += ["--no-report", "--tuning", "none"]
        if network != "tutorial":
            command += ["--model", network]
        if size == 32 and context.data_dir:
            data = "cifar10"
            command += ["--dataset", data, "--data-dir", context.data_dir, "--limit", images]
        elif size == 32:
            data = "shapes"
            command += ["--dataset", data, "--limit", images]
        else:
            data = f"generated pictures of {size} x {size}"
            folder = context.fresh("generated-pictures")
            pictures.write_folder(folder, size, images, pictures.CLASSES)
            command += ["--dataset", f"folder:{folder}", "--image-size", size]
        outcome = context.run(command)
        history = result(out / "history.json")
        epochs = history["epochs"] if history else []
        found = {"images_per_second": epochs[-1]["images_per_second"], "epochs": len(epochs)} if epochs else {}
        row = {"network": network, "batch_size": batch, "images": images, "data": data}
        context.add("training", {**row, **found, "problem": outcome.complaint()})


def rate_of(report: dict, network: str) -> float:
    """Images a second of the steps that were measured."""
    rates = [row["train"]["images_per_second"] for row in report["steps"] if row["network"] == network and "train" in row]
    return rates[0] if rates else 0.0


def pytorch(context) -> None:
    script = machine.ROOT / "benches" / "peers" / "pytorch_steps.py"
    about = context.run([context.python, script, "--about"], most=60)
    if about.state != "done":
        context.note(about)
        return
    context.report["pytorch"] = {**json.loads(about.out.splitlines()[-1]), "steps": []}
    seconds = max(0.1, 0.4 * context.scale)
    quick = ["eager", "channels_last", *(["cuda_graph"] if context.report["pytorch"]["cuda_graph"] else [])]
    # Compilers take long, so they come last.
    for modes in (quick, ["compile"]):
        for network, batch in STEPS if modes == quick else STEPS[:3]:
            command = [context.python, script, "--modes", *modes, "--networks", network, "--batch-sizes", batch]
            outcome = context.run([*command, "--seconds", seconds], most=60 * context.scale)
            rows = [json.loads(line) for line in outcome.out.splitlines() if line.startswith('{"network"')]
            problem = outcome.complaint()
            if problem:
                lost = {"network": network, "batch_size": batch, "modes": modes[len(rows) :], "problem": problem}
                rows.append(lost)
            context.report["pytorch"]["steps"] += rows
            context.save()


def tune(context) -> None:
    if os.name == "nt":
        context.note("left out, because its choices would replace the user's own: Windows has no variable for another cache")
        return
    # Its choices stay out of the user's own cache, which macOS has below the home directory.
    variable = "HOME" if sys.platform == "darwin" else "XDG_CACHE_HOME"
    cache = {variable: str(context.folder / "cache")}
    for network, _, size, batch in NETWORKS:
        command = [context.program("wgrad"), "tune", "--batch-size", batch, "--image-size", size]
        outcome = context.run([*command, *model(network)], env=cache)
        lines = [line.split() for line in outcome.out.splitlines() if line.startswith("sum ")]
        row = {"network": network, "batch_size": batch, "seconds": round(outcome.seconds, 1)}
        if lines:
            row["rule_microseconds"], row["best_microseconds"] = map(float, lines[-1][-2:])
            row["table"] = outcome.out
        context.add("tune", {**row, "problem": outcome.complaint()})


def dispatches(context) -> None:
    for network, _, _, batch in NETWORKS:
        file = context.fresh(f"dispatch-{network}.json")
        outcome = context.run([context.program("dispatch"), batch, spelled(network), f"--json={file}"])
        figures = result(file)
        found = figures["results"] if figures else {}
        row = {**found, "network": network, "batch_size": batch, "problem": outcome.complaint()}
        context.add("dispatches", row)


def model(network: str) -> list[str]:
    return [] if network == "tutorial" else ["--model", network]


def spelled(network: str) -> str:
    """The network as the benchmarks want it."""
    size = SIZES[network]
    return network if size == 32 else f"{network}@{size}"


def result(file: pathlib.Path) -> dict | None:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None


# Each part with its share of the time, in the order of their worth.
PARTS = [
    (devices, 10.0),
    (self_test, 80.0),
    (steps, 130.0),
    (training, 70.0),
    (pytorch, 110.0),
    (tune, 40.0),
    (dispatches, 40.0),
]
