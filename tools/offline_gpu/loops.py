"""The main loops of matrix products in the machine code that drivers list: what a multiply-add costs there."""

from __future__ import annotations

import dataclasses
import pathlib
import re

# NVK's blocks: `block 7 L10 [6, 35] -> {`, a line for each instruction, `} -> [8, 29]`.
NAK_BLOCK = re.compile(r"block(?:\.u)? (\d+) L\d+ \[([\d, ]*)\] -> \{\n(.*?)\n?\} ->", re.DOTALL)
# Honeykrisp's blocks: `block7 {`, a line for each instruction, `} -> block8 block29  from block6 block35`. A program is listed
# before, between and after its compiler's passes, and then its preamble is.
AGX_BLOCK = re.compile(r"^block(\d+) \{\n(.*?)^\}(?: ->(?: block\d+)*)?(?: +from((?: block\d+)*))?", re.DOTALL | re.MULTILINE)
AGX_PROGRAM = "shader: MESA_SHADER_COMPUTE"
AGX_FINAL = 2


@dataclasses.dataclass
class Block:
    number: int
    before: list[int]
    instructions: list[str]


@dataclasses.dataclass
class Loop:
    multiply_adds: int
    instructions: int
    shared_loads: int

    @staticmethod
    def main_of(blocks: list[Block]) -> "Loop | None":
        """The loop with the most multiply-adds, if any has some; of those around each other the innermost."""
        by_number = {block.number: block for block in blocks}
        found = []
        for head in blocks:
            ends = [number for number in head.before if number >= head.number]
            body, open_ends = {head.number}, ends
            while ends and open_ends:
                number = open_ends.pop()
                if number not in body:
                    body.add(number)
                    open_ends += by_number[number].before
            if len(body) > 1 or head.number in head.before:
                found.append(Loop.of([line for number in body for line in by_number[number].instructions]))
        rank = lambda loop: (loop.multiply_adds, -loop.instructions)
        return max((loop for loop in found if loop.multiply_adds), key=rank, default=None)

    @staticmethod
    def of(lines: list[str]) -> "Loop":
        has = lambda *names: sum(any(name in line for name in names) for line in lines)
        return Loop(has("ffma"), len(lines) - has("nop"), has("ld.shared", "local_load"))


def nak(text: str) -> Loop | None:
    """The main loop of a program that NVK lists."""
    blocks = [
        Block(int(number), [int(n) for n in re.findall(r"\d+", before)], [line.split("//")[0] for line in body.splitlines()])
        for number, before, body in NAK_BLOCK.findall(text)
    ]
    return Loop.main_of(blocks)


def agx(text: str) -> list[Loop | None]:
    """The main loops of the programs that Honeykrisp lists, in their order."""
    loops = []
    for program in text.split(AGX_PROGRAM)[1:]:
        listings: list[list[Block]] = []
        for number, body, before in AGX_BLOCK.findall(program):
            if int(number) == 0:
                listings.append([])
            listings[-1].append(Block(int(number), [int(n) for n in re.findall(r"\d+", before)], body.splitlines()))
        loops.append(Loop.main_of(listings[AGX_FINAL]) if len(listings) > AGX_FINAL else None)
    return loops


def of_pipelines(out: pathlib.Path, listed: str) -> dict[str, Loop]:
    """For each kernel the loop in which a multiply-add costs most, from the files of a run and from what it printed."""
    names, handles = {}, []
    for line in (out / "pipelines.txt").read_text().splitlines():
        first, *values = line.split("\t")
        what, _, handle = first.partition(" ")
        if what == "statistics":
            handles.append(handle)
        elif what == "name" and "; " in values[0]:
            names[handle] = values[0].split("; ")[0]
    in_order = dict(zip(handles, agx(listed)))
    kernels: dict[str, Loop] = {}
    for handle, kernel in names.items():
        listing = out / f"{handle}.NAK_assembly.txt"
        loop = nak(listing.read_text()) if listing.exists() else in_order.get(handle)
        if loop and "product/tile" in kernel:
            old = kernels.setdefault(kernel, loop)
            kernels[kernel] = max(old, loop, key=lambda loop: loop.instructions / loop.multiply_adds)
    return kernels
