"""Prints the tables of docs/training-beside-pytorch.md from the files that side_by_side.py wrote.

    python benches/peers/side_by_side_tables.py DIR
"""

import json
import math
import pathlib
import statistics
import sys
from collections import defaultdict

import numpy as np


def summary(values: list[float], digits: int = 4) -> str:
    """Mean, standard deviation and standard error of the mean."""
    mean, count = statistics.mean(values), len(values)
    if count < 2:
        return f"{mean:.{digits}f} | | "
    deviation = statistics.stdev(values)
    return f"{mean:.{digits}f} | {deviation:.{digits}f} | {deviation / math.sqrt(count):.{digits}f}"


def kind(run: dict) -> str:
    if run["program"] == "wgrad":
        return "wgrad"
    return f"PyTorch {run['dtype']}, weights {run['weights']}, order {run['order']}, Adam {run['adam']}"


def epochs(runs: list[dict]) -> None:
    print("| run | figure | epoch | n | mean | deviation | standard error |\n|---|---|---|---|---|---|---|")
    for figure in "accuracy", "loss", "test_accuracy":
        for epoch in 1, 3, 5, 10:
            groups = defaultdict(list)
            for run in runs:
                if len(run["epochs"]) >= epoch:
                    groups[kind(run)].append(run["epochs"][epoch - 1][figure])
            for name, values in sorted(groups.items()):
                print(f"| {name} | {figure} | {epoch} | {len(values)} | {summary(values)} |")


def hundreds(run: dict) -> dict[int, tuple[float, float]]:
    """Loss and accuracy of the images between each mark and the one before."""
    result = {}
    for before, mark in zip(run["marks"], run["marks"][1:]):
        images = mark["images"] - before["images"]
        figures = (mark[key] - before[key] for key in ("loss", "hits"))
        result[mark["updates"]] = tuple(figure / images for figure in figures)
    return result


def side_by_side(runs: list[dict], folder: pathlib.Path) -> None:
    """Differences of runs that began alike, in the first epoch."""
    by_seed = defaultdict(dict)
    for run in runs:
        if run["program"] == "wgrad" or (run["weights"], run["order"], run["adam"]) == ("wgrad", "wgrad", "keras"):
            by_seed[run["seed"]][run.get("dtype", "wgrad")] = run
    pairs = [("wgrad", "float64"), ("float32", "float64"), ("wgrad", "float32")]
    rows = defaultdict(lambda: defaultdict(list))
    for seed, group in sorted(by_seed.items()):
        for first, second in pairs:
            if first not in group or second not in group:
                continue
            one, other = hundreds(group[first]), hundreds(group[second])
            weights = [np.load(folder / (group[name]["file"] + ".npy"), mmap_mode="r") for name in (first, second)]
            for place, updates in enumerate(sorted(one)[: min(map(len, weights)) - 1]):
                if updates not in other or updates > 1563:
                    continue
                row = rows[updates][first, second]
                way = np.linalg.norm(weights[1][place + 1].astype(float) - weights[1][0])
                distance = np.linalg.norm(weights[0][place + 1].astype(float) - weights[1][place + 1]) / way
                row.append((one[updates][0] - other[updates][0], one[updates][1] - other[updates][1], distance))
    print("| step | " + " | ".join(f"{a} - {b}: n, loss, accuracy, distance" for a, b in pairs) + " |")
    for updates, row in sorted(rows.items()):
        cells = []
        for pair in pairs:
            if not row[pair]:
                cells.append("")
                continue
            loss, accuracy, distance = np.array(row[pair]).T
            root = lambda values: math.sqrt(np.mean(values**2))
            cells.append(f"{len(loss)}, {root(loss):.4f}, {root(accuracy):.4f}, {distance.mean():.2g}")
        print(f"| {updates} | " + " | ".join(cells) + " |")
    for pair in pairs:
        for place, name in enumerate(("loss", "accuracy")):
            values = [row[place] for _, each in sorted(rows.items()) for row in each[pair]]
            if values:
                print(f"{pair[0]} - {pair[1]}, {name} of all hundreds: n {len(values)} mean, deviation, error {summary(values, 5)}")


def restarts(folder: pathlib.Path) -> None:
    rows = [row for path in folder.glob("restarts-*.json") for row in json.loads(path.read_text())["rows"]]
    if not rows:
        return
    print("| epochs | n | median distance wgrad - float64 | float32 - float64 | wgrad - float32 |\n|---|---|---|---|---|")
    for first, last in (1, 1), (2, 4), (5, 7), (8, 10), (1, 10):
        chosen = [row for row in rows if first <= row["epoch"] <= last and row["updates"] > 0]
        if chosen:
            names = ("distance wgrad", "distance float32", "distance wgrad float32")
            medians = (f"{statistics.median(row[name] for row in chosen):.3f}" for name in names)
            print(f"| {first} to {last} | {len(chosen)} | " + " | ".join(medians) + " |")
    print("| difference | figure | n | mean | deviation | standard error |\n|---|---|---|---|---|---|")
    for one, other in ("wgrad", "float64"), ("float32", "float64"), ("wgrad", "float32"):
        for figure, scale in ("loss", 1), ("hits", 3200):
            values = [(row[f"{figure} {one}"] - row[f"{figure} {other}"]) / scale for row in rows if row["updates"]]
            print(f"| {one} - {other} | {figure} | {len(values)} | {summary(values, 6)} |")


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    runs = []
    for path in sorted(folder.glob("*.json")):
        run = json.loads(path.read_text())
        if "program" in run:
            runs.append({**run, "file": path.stem})
    epochs(runs)
    side_by_side(runs, folder)
    restarts(folder)


if __name__ == "__main__":
    main()
