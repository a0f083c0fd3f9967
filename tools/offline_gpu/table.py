"""The table of docs/gpu-compilers.md, which is the record that later builds are compared with."""

import dataclasses
import pathlib
import re

BEGIN = "<!-- The table is written by `make offline-gpu ARGS=--update`. -->"
END = "<!-- End of the table. -->"
BEGIN_LOOPS = "<!-- The table is written by `make offline-gpu ARGS='--loops --update'`. -->"
CELL = re.compile(r"(\d+) / (\d+)(?:, (\d+) spills)?(?:, (\d+) bytes of scratch)?")


@dataclasses.dataclass
class Cell:
    """What a driver's compiler made of the pipelines of a kernel: the most of each of them."""

    registers: int = 0
    instructions: int = 0
    spills: int = 0
    scratch: int = 0

    def include(self, other: "Cell") -> None:
        for field in dataclasses.fields(self):
            setattr(self, field.name, max(getattr(self, field.name), getattr(other, field.name)))

    def __str__(self) -> str:
        text = f"{self.registers} / {self.instructions}"
        text += f", {self.spills} spills" if self.spills else ""
        return text + (f", {self.scratch} bytes of scratch" if self.scratch else "")

    @staticmethod
    def parse(text: str) -> "Cell | None":
        found = CELL.fullmatch(text)
        return Cell(*(int(number or 0) for number in found.groups())) if found else None


def markdown(lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def replace(path: pathlib.Path, begin: str, text: str) -> None:
    """Puts `text` between the comment `begin` and the next end of a table."""
    before, _, rest = path.read_text().partition(begin)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{END}{after}")


def write_loops(path: pathlib.Path, rows: dict) -> None:
    """The table of main loops: for each network and kernel, a loop by device."""
    devices = list(dict.fromkeys(device for found in rows.values() for device in found))
    heads = [f"{device}, {what}" for device in devices for what in ("instructions", "shared loads")]
    lines = [["network", "kernel", *heads], ["---"] * (2 + len(heads))]
    for (network, kernel), found in sorted(rows.items()):
        cells = []
        for device in devices:
            loop = found.get(device)
            cells += [f"{loop.instructions / loop.multiply_adds:.2f}", f"{256 * loop.shared_loads / loop.multiply_adds:g}"] if loop else ["", ""]
        lines.append([network, kernel, *cells])
    replace(path, BEGIN_LOOPS, markdown(lines))


# A network and a kernel; for each device, a cell.
Rows = dict[tuple[str, str], dict[str, Cell]]


class Table:
    """Rows, and the version of Mesa that they are of."""

    def __init__(self, mesa: str, rows: Rows):
        self.mesa = mesa
        self.rows = rows

    def write(self, path: pathlib.Path, devices: list[str]) -> None:
        heads = ["network", "kernel", *devices]
        lines = [heads, ["---"] * len(heads)]
        for (network, kernel), cells in sorted(self.rows.items()):
            lines.append([network, kernel, *(str(cells.get(device, "")) for device in devices)])
        replace(path, BEGIN, f"Mesa {self.mesa}.\n\n{markdown(lines)}")

    @staticmethod
    def read(path: pathlib.Path) -> "Table":
        text = path.read_text().partition(BEGIN)[2].partition(END)[0]
        mesa = re.search(r"Mesa (\S+)\.\n", text)
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
        rows: Rows = {}
        for network, kernel, *cells in lines[2:]:
            found = {device: Cell.parse(cell) for device, cell in zip(lines[0][2:], cells)}
            rows[network, kernel] = {device: cell for device, cell in found.items() if cell}
        return Table(mesa[1] if mesa else "", rows)


def worse(old: Rows, new: Rows, most: float) -> list[str]:
    """Where registers or instructions grew by more than the share `most`."""
    lines = []
    for (network, kernel), cells in sorted(new.items()):
        for device, cell in cells.items():
            before = old.get((network, kernel), {}).get(device)
            for what in ("registers", "instructions") if before else ():
                was, now = getattr(before, what), getattr(cell, what)
                if now > was * (1 + most):
                    lines.append(f"{device}: {kernel} of {network} takes {now} {what} and took {was}")
    return lines
