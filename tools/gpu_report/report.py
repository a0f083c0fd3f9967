"""Measures wgrad on this machine's GPU, and PyTorch beside it.

It writes OUT/gpu-report.json after each figure and OUT/gpu-report.md, the tables for docs/speed.md, after each part. If it
is stopped, both have what was measured until then. OUT/log.txt has what the programs printed.

BIN=DIR takes the programs `wgrad`, `step` and `dispatch` from DIR. Otherwise cargo builds them, before the time counts.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

import machine
import parts
import tables
from time_box import Outcome, Stopped, TimeBox, stop_on_signals

MINUTES = 8.0


class Context:
    """What the parts share: the report, the programs, and the time."""

    def __init__(self, args, programs: dict[str, pathlib.Path]):
        self.programs = programs
        self.folder = args.out
        self.data_dir = args.data_dir
        self.python = args.python
        self.scale = min(1.0, args.minutes / MINUTES)
        shares = {part.__name__: share for part, share in parts.PARTS}
        self.box = TimeBox(60 * args.minutes, shares, args.out / "log.txt")
        self.part = ""
        self.report = {
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "minutes": args.minutes,
            "seconds": 0.0,
            "ended": "killed",  # Whoever is killed can't say so later.
            "machine": machine.describe(),
            "parts": {part: {"state": "not begun"} for part in shares},
            "devices": [],
            "self_test": None,
            "steps": [],
            "training": [],
            "pytorch": None,
            "tune": [],
            "dispatches": [],
        }

    def program(self, name: str) -> pathlib.Path:
        return self.programs.get(name, pathlib.Path(name + machine.EXE))

    def fresh(self, name: str) -> pathlib.Path:
        """A path in the output directory at which nothing is left of an earlier report, which would pass for a new result."""
        path = self.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        return path

    def run(self, command: list, most: float = float("inf"), env: dict | None = None) -> Outcome:
        if self.box.left(self.part) <= 0:
            return Outcome("cut off", None, 0.0, "", "")
        print(f"{self.box.elapsed():5.0f} s  {' '.join(str(word) for word in command)}", flush=True)
        return self.box.run(self.part, command, most, env)

    def add(self, kind: str, row: dict) -> None:
        """Adds a row of results."""
        self.report[kind].append({key: value for key, value in row.items() if value is not None})
        self.save()

    def note(self, outcome: Outcome | str) -> None:
        """Says in the report how the part ended."""
        text = outcome if isinstance(outcome, str) else outcome.complaint()
        if text:
            self.report["parts"][self.part]["problem"] = text
        self.save()

    def begin(self, part: str) -> None:
        self.part = part
        self.report["parts"][part] = {"state": "begun"}
        self.save()

    def finish(self, start: float) -> None:
        entry = self.report["parts"][self.part]
        problem = entry.get("problem") or any("problem" in row for row in self.rows())
        entry["state"] = "incomplete" if problem else "done"
        entry["seconds"] = round(self.box.elapsed() - start, 1)
        self.save()
        self.save_tables()

    def rows(self) -> list[dict]:
        found = self.report[self.part]
        return found if isinstance(found, list) else (found or {}).get("steps", [])

    def save_tables(self) -> None:
        write(self.folder / "gpu-report.md", tables.markdown(self.report))

    def save(self) -> None:
        self.report["seconds"] = round(self.box.elapsed(), 1)
        write(self.folder / "gpu-report.json", json.dumps(self.report, indent=1) + "\n")


def write(path: pathlib.Path, text: str) -> None:
    """Replaces a file at once, so that nobody ever reads half of it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)


def measure(context: Context) -> None:
    context.fresh("gpu-report.md")
    try:
        for part, _ in parts.PARTS:
            start = context.box.elapsed()
            context.begin(part.__name__)
            part(context)
            context.finish(start)
        context.report["ended"] = None
    except Stopped as signal:
        context.report["ended"] = f"stopped by {signal}"
    except Exception as error:
        context.report["ended"] = f"{context.part}: {error!r}"
        raise
    finally:
        context.save()
        context.save_tables()


def main() -> int:
    parser = argparse.ArgumentParser(
        "gpu_report.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=MINUTES, help="time for everything (%(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("gpu-report"), help="directory of the results")
    parser.add_argument("--data-dir", type=pathlib.Path, help="CIFAR-10's files, for training; generated images without")
    parser.add_argument("--python", default=sys.executable, help="the Python that has PyTorch (this one)")
    parser.add_argument("--build", type=pathlib.Path, metavar="DIR", help="only build, and copy the programs to DIR")
    args = parser.parse_args()
    if args.build:
        machine.copy_programs(args.build)
        return 0
    if not args.minutes > 0:
        parser.error("--minutes: give more than 0")
    given = os.environ.get("BIN")
    programs = machine.in_directory(pathlib.Path(given)) if given else machine.build()
    args.out.mkdir(parents=True, exist_ok=True)
    args.out = args.out.resolve()
    stop_on_signals()
    context = Context(args, programs)
    measure(context)
    print(f"\n{(args.out / 'gpu-report.md').read_text()}\n{args.out / 'gpu-report.json'}")
    if context.report["ended"]:
        print(context.report["ended"], file=sys.stderr)
        return 1
    passed = (context.report["self_test"] or {}).get("passed")
    return 1 if passed is False else 0


if __name__ == "__main__":
    sys.exit(main())
