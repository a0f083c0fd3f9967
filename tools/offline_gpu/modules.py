"""Validation of SPIR-V by spirv-val."""

from __future__ import annotations

import hashlib
import pathlib
import re
import subprocess

from packages import Root

# naga gives every array a stride, though one in workgroup memory or of a function must not have any. Drivers ignore it.
# spirv-val ends at the first fault, so these strides are taken away where nothing else needs them, and the rest is validated.
STRIDE_FAULT = "-10684]"
# Arrays that are read and written by the host need their strides.
NEED_STRIDES = ("StorageBuffer", "Uniform", "PushConstant", "PhysicalStorageBuffer")


class Validation:
    """What spirv-val says of the modules of a directory; equal modules count once."""

    def __init__(self, root: Root, folder: pathlib.Path):
        self.root = root
        self.strides = 0
        self.halves = 0
        self.faults = []
        modules = {hashlib.sha256(file.read_bytes()).digest(): file for file in sorted(folder.rglob("*.spv"))}
        self.modules = len(modules)
        for file in modules.values():
            try:
                self.validate(file)
            except (RuntimeError, OSError, ValueError) as error:
                self.faults.append(f"{file.parent.name}: {error}")

    def validate(self, file: pathlib.Path) -> None:
        fault = self.fault(file)
        if fault and STRIDE_FAULT in fault:
            self.strides += 1
            fault = self.fault(self.without_strides(file))
        if fault and STRIDE_FAULT in fault:
            # An array that the host shares, too, keeps its stride and with it the known fault, which hides others.
            self.halves += 1
        elif fault:
            raise RuntimeError(f"spirv-val: {fault.splitlines()[0]}")

    def tool(self, name: str, *arguments) -> subprocess.CompletedProcess:
        command = self.root.command(self.root.folder / "usr/bin" / name, *arguments)
        return subprocess.run(command, capture_output=True, text=True)

    def fault(self, file: pathlib.Path) -> str | None:
        done = self.tool("spirv-val", "--target-env", "vulkan1.3", file)
        return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode != 0 else None

    def without_strides(self, file: pathlib.Path) -> pathlib.Path:
        text = self.tool("spirv-dis", "--raw-id", file).stdout
        kept = strip_strides(text)
        assembly = file.with_suffix(".spvasm")
        assembly.write_text(kept)
        stripped = file.with_suffix(".stripped")
        done = self.tool("spirv-as", "--preserve-numeric-ids", "--target-env", "vulkan1.3", assembly, "-o", stripped)
        if done.returncode != 0:
            raise RuntimeError(f"spirv-as: {done.stderr.strip() or f'exit code {done.returncode}'}")
        return stripped


def strip_strides(text: str) -> str:
    """The assembly without the strides of arrays that no memory of the host holds."""
    parts = {name: re.findall(r"%\d+", rest) for name, rest in re.findall(r"(%\d+) = OpType(?:Array|RuntimeArray|Struct) (.*)", text)}
    wanted = re.findall(rf"OpTypePointer (?:{'|'.join(NEED_STRIDES)}) (%\d+)", text)
    shared = set()
    while wanted:
        name = wanted.pop()
        if name not in shared:
            shared.add(name)
            wanted += parts.get(name, [])
    lines = []
    for line in text.splitlines():
        stride = re.match(r"\s*OpDecorate (%\d+) ArrayStride ", line)
        if not stride or stride[1] in shared:
            lines.append(line)
    return "\n".join(lines) + "\n"
