"""Programs that run within limits of time."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time


class Stopped(Exception):
    """A signal asked this process to end."""


class Outcome:
    """How a program ended, and what it printed until then."""

    def __init__(self, state: str, code: int | None, seconds: float, out: str, err: str):
        self.state = state  # "done", "failed", or "cut off"
        self.code = code
        self.seconds = seconds
        self.out = out
        self.err = err

    def complaint(self) -> str | None:
        """Why there is no result, in a line; None if the program ended well."""
        if self.state == "done":
            return None
        lines = [line for line in self.err.splitlines() if line.strip()]
        last = lines[-1].strip()[:300] if lines else ""
        if self.state == "cut off":
            return f"cut off after {self.seconds:.0f} s" + (f"; last line: {last}" if last else "")
        return last or f"exit code {self.code}"


class TimeBox:
    """The time that the whole report may take, divided among its parts. What a part leaves is the next one's."""

    def __init__(self, seconds: float, shares: dict[str, float], log: pathlib.Path):
        self.seconds = seconds
        self.start = time.monotonic()
        self.log = log
        total, before = sum(shares.values()), 0.0
        self.deadlines = {}
        for part, share in shares.items():
            before += share
            self.deadlines[part] = self.start + seconds * before / total

    def elapsed(self) -> float:
        return time.monotonic() - self.start

    def left(self, part: str) -> float:
        """Seconds that `part` still has."""
        return self.deadlines[part] - time.monotonic()

    def run(self, part: str, command: list, most: float = float("inf"), env: dict | None = None) -> Outcome:
        """Runs a program until it ends, its part has no time left, or `most` seconds are over. Then it and its children are
        killed."""
        start = time.monotonic()
        limit = min(most, self.left(part))
        command = [str(word) for word in command]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            own_group = {"start_new_session": True} if os.name == "posix" else {}
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, **(env or {})},
                    **own_group,
                )
            except OSError as error:
                return Outcome("failed", None, 0.0, "", str(error))
            try:
                code = process.wait(max(limit, 0.0))
                state = "done" if code == 0 else "failed"
            except subprocess.TimeoutExpired:
                code, state = None, "cut off"
            finally:
                if process.poll() is None:
                    kill(process)
            texts = [read(file) for file in (out, err)]
        outcome = Outcome(state, code, time.monotonic() - start, *texts)
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n{''.join(texts)}\n{state}, {outcome.seconds:.1f} s\n\n")
        return outcome


def kill(process: subprocess.Popen) -> None:
    if os.name == "posix":
        # A group that has ended in the meantime can't be killed. For one of zombies only, macOS refuses the permission.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def read(file) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def stop_on_signals() -> None:
    """Makes the signals that end a process raise `Stopped` instead."""

    def stop(number, _frame):
        raise Stopped(signal.Signals(number).name)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
