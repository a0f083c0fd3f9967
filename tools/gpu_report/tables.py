"""The report as Markdown, in the form of docs/speed.md."""

from __future__ import annotations

import datetime

import parts

TITLES = {name: title for name, title, _, _ in parts.NETWORKS}
MODES = {"eager": "PyTorch, eager", "channels_last": "channels_last", "compile": "torch.compile", "cuda_graph": "CUDA graph"}


def markdown(report: dict) -> str:
    sections = [
        f"## On a GPU\n\n{introduction(report)}",
        step_table(report),
        other_table(report),
        dispatch_table(report),
        tune_table(report),
        missing(report),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def introduction(report: dict) -> str:
    device = adapter(report)
    day = datetime.date.fromisoformat(report["started"][:10])
    machine = report["machine"]
    where = ", ".join(
        [
            device.get("name", "no adapter"),
            *([f"{device['backend'].capitalize()}, driver {device['driver_info'] or device['driver']}"] if device else []),
            f"{machine['cores']} cores of {machine['processor']}",
            f"{day.day} {day:%B %Y}",
        ]
    )
    text = f"{where}. "
    peer = report["pytorch"]
    if peer:
        text += (
            f"PyTorch {peer['version']} with {peer['build']} ran on the same machine, in float32 without TF32, with its images "
            "on the device (`benches/peers/pytorch_steps.py`). "
        )
    text += "The figures are milliseconds of a whole training step with its update, from `tools/gpu_report.sh`."
    test = report["self_test"]
    if test:
        failed = len(test["failed"])
        verdict = f"{failed} of {test['cases']} cases failed" if failed else f"all {test['cases']} cases passed"
        text += f" In `wgrad self-test`, {verdict}."
    return text


def adapter(report: dict) -> dict:
    """The adapter that the programs chose, or else the first that is no software."""
    chosen = {row["adapter"] for row in report["steps"] if "adapter" in row}
    found = [device for device in report["devices"] if device["name"] in chosen]
    found += [device for device in report["devices"] if device["type"] != "software"] + report["devices"]
    return found[0] if found else {}


def step_table(report: dict) -> str:
    measured = {(row["network"], row["batch_size"]): row["train"] for row in report["steps"] if "train" in row}
    peers = {}
    for row in (report["pytorch"] or {}).get("steps", []):
        if "train_ms" in row:
            peers[row["network"], row["batch_size"], row["mode"]] = row["train_ms"]
    modes = [mode for mode in MODES if any(key[2] == mode for key in peers)]
    lines = []
    for network, batch in sorted(parts.STEPS, key=lambda step: (list(TITLES).index(step[0]), step[1])):
        cells = [peers.get((network, batch, mode)) for mode in modes]
        step = measured.get((network, batch))
        if step or any(cells):
            own = f"**{number(step['milliseconds'])}**" if step else ""
            lines.append([f"{TITLES[network]}, {batch}", own, *map(number, cells)])
    return table(["network, batch", "wgrad", *(MODES[mode] for mode in modes)], lines)


def other_table(report: dict) -> str:
    lines = []
    for row in report["steps"]:
        if "train" not in row:
            continue
        training = [
            run["images_per_second"]
            for run in report["training"]
            if (run["network"], run["batch_size"]) == (row["network"], row["batch_size"]) and "images_per_second" in run
        ]
        first = row.get("first_step_seconds", {})
        lines.append(
            [
                f"{TITLES[row['network']]}, {row['batch_size']}",
                f"{row['train']['images_per_second']:,.0f}",
                f"{training[0]:,.0f}" if training else "",
                number(row.get("evaluate", {}).get("milliseconds")),
                number(row["train"]["encode_microseconds"]),
                number(first.get("cold")),
                number(first.get("warm")),
            ]
        )
    heads = ["network, batch", "images/s", "images/s over epochs, with data", "ms of an evaluation step", "us to encode a step"]
    return table([*heads, "s to the first step, without the driver's cache", "with it"], lines)


def dispatch_table(report: dict) -> str:
    texts = []
    for found in report["dispatches"]:
        if not found.get("profiles"):
            continue
        profile = found["profiles"][0]
        ceilings = profile["ceilings"]
        lines = [
            [step["name"], number(step["microseconds"]), f"{step['gflops_per_second']:,.0f}", f"{100 * step['roofline']:.1f} %"]
            for step in profile["steps"]
        ]
        lines.append(["sum", number(profile["sum_microseconds"]), "", ""])
        heads = [f"dispatch, {TITLES[found['network']]}, batch {found['batch_size']}", "us", "GFLOP/s", "roofline"]
        texts.append(
            f"{table(heads, lines)}\n\nThe ceilings that `cargo bench --bench dispatch` measured are "
            f"{ceilings['flops_per_second'] / 1e12:.2f} TFLOP/s of multiply-adds in registers and "
            f"{ceilings['bytes_per_second'] / 1e12:.3f} TB/s of a copy."
        )
    return "\n\n".join(texts)


def tune_table(report: dict) -> str:
    lines = [
        [
            f"{TITLES[row['network']]}, {row['batch_size']}",
            number(row["rule_microseconds"]),
            number(row["best_microseconds"]),
            number(row["seconds"]),
        ]
        for row in report["tune"]
        if "best_microseconds" in row
    ]
    return table(["products of a step", "us by rule", "us as tuned", "s to tune"], lines)


def missing(report: dict) -> str:
    """What was not measured, so that nobody takes a gap for a zero."""
    lines = [f"The report was {report['ended']}."] if report["ended"] else []
    for part, entry in report["parts"].items():
        if entry["state"] in ("not begun", "begun"):
            lines.append(f"{part}: {entry['state']}")
        elif "problem" in entry:
            lines.append(f"{part}: {entry['problem']}")
        found = report[part]
        rows = found if isinstance(found, list) else (found or {}).get("steps", [])
        lines += [f"{part}, {row['network']}, {row['batch_size']}: {row['problem']}" for row in rows if "problem" in row]
    return "Not measured, or not wholly:\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""


def table(heads: list[str], lines: list[list[str]]) -> str:
    if not lines:
        return ""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
