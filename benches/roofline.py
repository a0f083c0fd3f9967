"""Writes docs/roofline.md: every dispatch of the training and evaluation steps of five networks beside the adapter's ceilings.

    python benches/roofline.py

It runs `cargo bench --bench dispatch` for each network, which measures the ceilings in the same run. Dispatches of one kernel
with as many operations and bytes share a row.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "roofline.md"
BEGIN = "<!-- The tables are written by `python benches/roofline.py`. -->"
# Title, batch size, and the bench's name of the network.
NETWORKS = [
    ("Tutorial", 32, "tutorial"),
    ("ResNet-20", 128, "resnet20"),
    ("MobileNetV2 at 96 x 96", 32, "mobilenet_v2@96"),
    ("airbench94's network", 500, "models/airbench.toml"),
    ("EfficientNet-Lite0 at 224 x 224", 32, "efficientnet_lite0@224"),
]
# Below this share of the nearer ceiling, neither of the two is what a dispatch waits for.
NEAR = 0.4


def measured(command: list[str], batch: int, network: str) -> dict:
    """What the bench says of a network."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        subprocess.run([*command, str(batch), network, f"--json={file.name}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return json.load(open(file.name))


def bound(step: dict, ceilings: dict) -> str:
    """The ceiling that a dispatch is nearer to, if it is near one."""
    if step["roofline"] < NEAR:
        return "neither"
    arithmetic = step["flops"] / ceilings["flops_per_second"]
    return "arithmetic" if arithmetic > step["bytes"] / ceilings["bytes_per_second"] else "memory"


def table(profile: dict) -> str:
    """The dispatches of a step, those that are alike in one row, in the order of their first."""
    rows: dict[tuple, list[dict]] = {}
    for step in profile["steps"]:
        rows.setdefault((step["kind"], step["flops"], step["bytes"]), []).append(step)
    lines = ["| dispatch | kernel | number | us each | share | GFLOP/s | GB/s | roofline | bound by |", "|---|---|--:|--:|--:|--:|--:|--:|---|"]
    for (kind, flops, size), steps in rows.items():
        seconds = sum(step["microseconds"] for step in steps) / 1e6
        alike = {"flops": flops, "bytes": size, "roofline": sum(step["roofline"] for step in steps) / len(steps)}
        lines.append(
            f"| {steps[0]['name']} | {kind} | {len(steps)} | {seconds / len(steps) * 1e6:,.0f} "
            f"| {100 * sum(step['share'] for step in steps):.1f} % | {len(steps) * flops / seconds / 1e9:.1f} "
            f"| {len(steps) * size / seconds / 1e9:.1f} | {100 * alike['roofline']:.0f} % | {bound(alike, profile['ceilings'])} |"
        )
    return "\n".join(lines)


def section(title: str, result: dict) -> str:
    """The tables of a network: of its training step and of its evaluation step."""
    text = f"## {title}\n"
    for profile in result["results"]["profiles"][:2]:
        total = sum(step["microseconds"] for step in profile["steps"]) / 1000
        ceilings = profile["ceilings"]
        text += (
            f"\n{profile['title']}: {total:,.1f} ms in {len(profile['steps'])} dispatches. Ceilings: "
            f"{ceilings['flops_per_second'] / 1e9:.1f} GFLOP/s and {ceilings['bytes_per_second'] / 1e9:.1f} GB/s.\n\n{table(profile)}\n"
        )
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dispatch", help="the bench, already built (else cargo builds it)")
    args = parser.parse_args()
    command = [args.dispatch, "--bench"] if args.dispatch else ["cargo", "bench", "--bench", "dispatch", "--"]
    sections = []
    for title, batch, network in NETWORKS:
        result = measured(command, batch, network)
        print(f"{title}: measured", flush=True)
        sections.append(section(title, result))
    day = datetime.date.today()
    where = f"{result['adapter']}, {result['driver_info']}, {day.day} {day:%B %Y}."
    before = DOCUMENT.read_text().partition(BEGIN)[0]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{where}\n\n" + "\n".join(sections))


if __name__ == "__main__":
    main()
