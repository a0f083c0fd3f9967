"""What this machine is, and where its programs are."""

from __future__ import annotations

import json
import os
import pathlib
import platform
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ["wgrad", "step", "dispatch"]
EXE = ".exe" if os.name == "nt" else ""


def output(*command: str) -> str | None:
    """What a program prints; None if it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=ROOT)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()


def describe() -> dict:
    smi = output("nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv,noheader")
    return {
        "system": platform.platform(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "nvidia_smi": smi,
        "commit": output("git", "rev-parse", "--short", "HEAD"),
    }


def build() -> dict[str, pathlib.Path]:
    """Builds the programs with cargo."""
    command = ["cargo", "bench", "--no-run", "--bench", "step", "--bench", "dispatch"]
    try:
        done = subprocess.run(
            [*command, "--message-format", "json-render-diagnostics"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
    except OSError as error:
        raise SystemExit(f"cargo: {error}; install Rust, or set BIN to a directory with {', '.join(PROGRAMS)}") from None
    if done.returncode != 0:
        raise SystemExit("cargo could not build the programs")
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {
        message["target"]["name"]: pathlib.Path(message["executable"])
        for message in messages
        if message.get("executable") and message["target"]["name"] in PROGRAMS
    }


def in_directory(directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """The programs of a directory."""
    if not (directory / f"wgrad{EXE}").is_file():
        raise SystemExit(f"BIN={directory}: there is no wgrad{EXE} in it")
    found = {name: (directory / f"{name}{EXE}").resolve() for name in PROGRAMS}
    return {name: path for name, path in found.items() if path.is_file()}


def copy_programs(directory: pathlib.Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, path in build().items():
        shutil.copy2(path, directory / f"{name}{EXE}")
        print(directory / f"{name}{EXE}")
