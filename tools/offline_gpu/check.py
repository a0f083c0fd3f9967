"""Compiles every pipeline of four networks with Mesa's compilers for GPUs, on a machine that needs none.

Mesa's no-op devices accept everything and compute nothing, so the drivers open and compile as on a GPU. A Vulkan layer
(layer.rs) asks them what they made of each pipeline. This fails

- on a spill and on scratch memory,
- where registers or instructions are more than a tenth above docs/gpu-compilers.md, if Mesa's version is the table's,
- on a module that spirv-val refuses, but for a known fault of naga (modules.py).

With --loops it shows instead what a multiply-add costs in the main loops of matrix products (loops.py).

With another version of Mesa than the table's it reports all of this and succeeds. Where the packages can't be had, it says
so and succeeds.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import loops
from modules import Validation
from packages import Missing, Root, open_root
from table import Cell, Table, worse, write_loops

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "gpu-compilers.md"
MOST_GROWTH = 0.1
# A run takes seconds; a driver that waits for its device would wait for ever.
LIMIT = 120

# Name, driver, library of the no-op device, and the variable that says which device it is.
DEVICES = [
    ("NVK, Ampere", "nouveau", "nouveau", {"NOUVEAU_CHIPSET": "170"}),
    ("NVK, Ada", "nouveau", "nouveau", {"NOUVEAU_CHIPSET": "194"}),
    ("RADV, RDNA 2", "radeon", "amdgpu", {"AMDGPU_GPU_ID": "navi21"}),
    ("RADV, RDNA 3", "radeon", "amdgpu", {"AMDGPU_GPU_ID": "navi31"}),
    ("Honeykrisp, M1", "asahi", "asahi", {}),
    ("Turnip, Adreno 740", "freedreno", "freedreno", {"FD_GPU_ID": "740"}),
]
# Devices whose machine code is listed, and what has the driver print it.
LISTED = {"NVK, Ada": {}, "Honeykrisp, M1": {"AGX_MESA_DEBUG": "shaders"}}
# Of this device the modules are validated: naga writes the same for all, but for what a driver lacks.
VALIDATED = "NVK, Ada"
NETWORKS = {
    "tutorial": [],
    "ResNet-20": ["--model", "resnet20", "--batch-size", "128"],
    "MobileNetV2": ["--model", "mobilenet_v2", "--image-size", "96"],
    "ResNet-18": ["--model", "resnet18", "--image-size", "128", "--batch-size", "128"],
}
# The drivers' names of what is counted; the numbers of several names are added.
STATISTICS = {
    "registers": ["Number of GPRs", "VGPRs", "GPRs", "Registers used"],
    "instructions": ["Instruction count", "Instructions", "Instruction Count"],
    "spills": ["Spills to memory", "Spilled SGPRs", "Spilled VGPRs", "Spills", "STP Count"],
    "scratch": ["SLM size", "Scratch size", "Scratch"],
}


def build_layer(folder: pathlib.Path) -> None:
    library = folder / "layer.so"
    source = pathlib.Path(__file__).with_name("layer.rs")
    command = ["rustc", "--edition", "2024", "--crate-type", "cdylib", "-D", "warnings", "-o", library, source]
    subprocess.run(command, check=True)
    layer = {
        "name": "VK_LAYER_WGRAD_pipelines",
        "type": "GLOBAL",
        "library_path": str(library),
        "api_version": "1.3.0",
        "implementation_version": "1",
        "description": "reports what compilers made of pipelines",
    }
    (folder / "layer.json").write_text(json.dumps({"file_format_version": "1.0.0", "layer": layer}))


def compile_on(
    root: Root, layer: pathlib.Path, wgrad: pathlib.Path, device: tuple, network: str, out: pathlib.Path, listed: bool = False
) -> str:
    """Has a driver compile the pipelines of a network, one after the other if their code is `listed`. Returns what it prints."""
    name, driver, shim, chip = device
    out.mkdir()
    environment = {
        **chip,
        "HOME": str(out),
        "PATH": os.environ.get("PATH", ""),
        "MESA_SHADER_CACHE_DISABLE": "true",
        "VK_DRIVER_FILES": str(root.folder / f"usr/share/vulkan/icd.d/{driver}_icd.json"),
        "VK_LAYER_PATH": str(layer),
        "VK_INSTANCE_LAYERS": "VK_LAYER_WGRAD_pipelines",
        "WGPU_DEBUG": "1",  # hands names to the layer
        "PIPELINES": str(out / "pipelines.txt"),
    }
    one_core = None
    if listed:
        environment |= {"LISTINGS": str(out), **LISTED[name]}
        one_core = lambda: os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    elif name == VALIDATED:
        environment["MODULES"] = str(out)
    arguments = ["summary", "--plan", "--compile", *NETWORKS[network]]
    command = root.command(wgrad, *arguments, preload=f"lib{shim}_noop_drm_shim.so")
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, cwd=out, preexec_fn=one_core)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done in {LIMIT} s") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"exit code {done.returncode}")
    return done.stdout


def cells_of(file: pathlib.Path) -> dict[str, Cell]:
    """For each kernel the most that one of its pipelines takes."""
    statistics, cells = {}, {}
    for line in file.read_text().splitlines():
        first, *values = line.split("\t")
        what, _, handle = first.partition(" ")
        if what == "failed":
            raise RuntimeError("a pipeline does not compile")
        if what == "statistics":
            statistics[handle] = dict(value.split("=", 1) for value in values[1:])
        elif what == "name" and "; " in values[0]:
            # Those without such a name are wgpu's own.
            kernel = values[0].split("; ")[0]
            found = statistics.get(handle)
            if found is None:
                raise RuntimeError(f"the driver gives no statistics of {kernel}")
            numbers = {what: sum(int(found.get(name, 0)) for name in names) for what, names in STATISTICS.items()}
            cells.setdefault(kernel, Cell()).include(Cell(**numbers))
    if not cells:
        raise RuntimeError("the layer saw no pipeline")
    return cells


def spilled(rows: dict) -> list[str]:
    lines = []
    for (network, kernel), cells in sorted(rows.items()):
        for device, cell in cells.items():
            if cell.spills or cell.scratch:
                lines.append(f"{device}: {kernel} of {network} has {cell.spills} spills, {cell.scratch} bytes of scratch")
    return lines


def check(root: Root, wgrad: pathlib.Path, update: bool) -> int:
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        build_layer(folder)
        runs = [(device, network) for device in DEVICES for network in NETWORKS]

        def run(number: int, device: tuple, network: str) -> dict[str, Cell]:
            out = folder / f"{number} {device[0]} {network}"
            compile_on(root, folder, wgrad, device, network, out)
            return cells_of(out / "pipelines.txt")

        rows, wrong = {}, []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            futures = [pool.submit(run, number, *job) for number, job in enumerate(runs)]
            for (device, network), future in zip(runs, futures):
                try:
                    cells = future.result()
                except (RuntimeError, OSError, ValueError) as error:
                    wrong.append(f"{device[0]}: {network}: {error}")
                    continue
                for kernel, cell in cells.items():
                    rows.setdefault((network, kernel), {})[device[0]] = cell
        modules = Validation(root, folder)
    if update and wrong:
        print("\n".join(wrong), "The table was not written.", sep="\n")
        return 1
    wrong += spilled(rows) + modules.faults
    if update:
        Table(root.mesa, rows).write(DOCUMENT, [device[0] for device in DEVICES])
        print(f"{DOCUMENT.relative_to(ROOT)} has the table of Mesa {root.mesa}")
    old = Table.read(DOCUMENT)
    growth = worse(old.rows, rows, MOST_GROWTH)
    print(
        f"Mesa {root.mesa}: {len(rows)} kernels on {len(DEVICES)} devices, {modules.modules} modules, {modules.strides} of them with "
        f"strides that naga should not write ({modules.halves} not validated behind them); the table is of Mesa {old.mesa}"
    )
    for line in wrong + growth:
        print(line)
    new, gone = rows.keys() - old.rows.keys(), old.rows.keys() - rows.keys()
    for title, kernels in (("not in the table", new), ("only in the table", gone)):
        if kernels:
            print(f"{title}: {', '.join(f'{kernel} of {network}' for network, kernel in sorted(kernels))}")
    if root.mesa != old.mesa:
        print("The table is of another Mesa, so nothing here is an error.")
        return 0
    return 1 if wrong + growth else 0


def show_loops(root: Root, wgrad: pathlib.Path, update: bool) -> int:
    """What a multiply-add costs in the main loops, of each kernel where it costs most."""
    rows: dict[tuple[str, str], dict[str, loops.Loop]] = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        build_layer(folder)
        for device in DEVICES:
            for network in NETWORKS if device[0] in LISTED else ():
                out = folder / f"{device[0]} {network}"
                listed = compile_on(root, folder, wgrad, device, network, out, listed=True)
                for kernel, loop in loops.of_pipelines(out, listed).items():
                    rows.setdefault((network, kernel), {})[device[0]] = loop
    for (network, kernel), found in sorted(rows.items()):
        print(f"{network}: {kernel}: {found}")
    if update:
        write_loops(DOCUMENT, rows)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the table of docs/gpu-compilers.md")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT / "target" / "offline-gpu", help="where packages are kept")
    parser.add_argument("--wgrad", type=pathlib.Path, default=ROOT / "target" / "release" / "wgrad", help="the program")
    parser.add_argument("--loops", action="store_true", help="show main loops instead; with --update, write their table")
    args = parser.parse_args()
    try:
        root = open_root(args.root.resolve())
    except Missing as why:
        print(f"not checked: {why}")
        return 1 if args.update else 0
    if args.loops:
        return show_loops(root, args.wgrad.resolve(), args.update)
    return check(root, args.wgrad.resolve(), args.update)


if __name__ == "__main__":
    sys.exit(main())
