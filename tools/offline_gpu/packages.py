"""Mesa's drivers for GPUs, its no-op devices and spirv-val, from Debian's newest packages, in a directory of their own."""

from __future__ import annotations

import pathlib
import platform
import shutil
import subprocess
import time

PACKAGES = ["mesa-vulkan-drivers", "mesa-drm-shim", "libvulkan1", "spirv-tools"]
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "http://deb.debian.org/debian"
LIBRARIES = pathlib.Path("usr/lib/x86_64-linux-gnu")
# Seconds in which the packages must have come and been unpacked.
LIMIT = 120


class Missing(Exception):
    """Why the packages can't be had here."""


class Root:
    """The directory into which the packages were unpacked. Nothing in it is installed; its programs run from there."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder / "root"
        self.libraries = self.folder / LIBRARIES
        archives = sorted((folder / "debs").glob("mesa-vulkan-drivers_*.deb"))
        self.mesa = archives[-1].name.split("_")[1].split("-")[0] if archives else ""

    def command(self, program: pathlib.Path, *arguments, preload: str | None = None) -> list[str]:
        """A command that runs `program` with the libraries of the packages, and with one of them before all others."""
        # The loader splits the argument at blanks. A name without its directory has none, and is found as all libraries are.
        first = ["--preload", preload] if preload else []
        loader = self.libraries / "ld-linux-x86-64.so.2"
        return [str(loader), *first, "--library-path", str(self.libraries), str(program), *map(str, arguments)]


def open_root(folder: pathlib.Path) -> Root:
    """Fetches the packages if they are not there yet. This needs no rights of root, 100 MB of downloads and 460 MB of disk."""
    # Lists of directories are divided by these, and nothing stands for them.
    if any(divider in str(folder) for divider in ":;"):
        raise Missing(f"the path {folder} has a colon or a semicolon")
    try:
        if not (folder / "complete").exists():
            fetch(folder)
        root = Root(folder)
        subprocess.run(root.command(root.folder / "usr/bin/spirv-val", "--version"), check=True, capture_output=True)
    except OSError as error:
        raise Missing(str(error)) from None
    except subprocess.CalledProcessError as error:
        raise Missing(f"programs of the packages don't run here: {error}") from None
    return root


def fetch(folder: pathlib.Path) -> None:
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise Missing("the packages are for Linux on x86_64")
    for program in ("apt-get", "dpkg"):
        if not shutil.which(program):
            raise Missing(f"there is no {program}")
    if not KEYRING.exists():
        raise Missing(f"there is no {KEYRING}, which signs the packages; install debian-archive-keyring")
    for name in ("debs/partial", "lists/partial", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # Nothing counts as installed, so that apt fetches whatever the packages need.
    (folder / "status").touch()
    (folder / "apt.conf").write_text(
        f"""Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
Dir::Cache::Archives "{folder}/debs";
Debug::NoLocking "true";
APT::Sandbox::User "";
Acquire::http::Timeout "15";
Acquire::Retries "1";
"""
    )
    apt = ["apt-get", "-qq", "-c", str(folder / "apt.conf")]
    end = time.monotonic() + LIMIT
    update(folder, apt, end)
    run([*apt, "install", "--yes", "--no-install-recommends", "--download-only", *PACKAGES], end)
    for archive in sorted((folder / "debs").glob("*.deb")):
        try:
            run(["dpkg", "-x", str(archive), str(folder / "root")], end)
        except Missing:
            # apt would take a damaged archive of the right size for a good one.
            if time.monotonic() < end:
                archive.unlink(missing_ok=True)
            raise
    (folder / "complete").touch()


def update(folder: pathlib.Path, apt: list[str], end: float) -> None:
    """Fetches the lists of packages: from this machine's own mirror, or else from Debian's."""
    # A mirror that does not answer leaves half of the time.
    mirrors = {own_mirror(end): (time.monotonic() + end) / 2, MIRROR: end}
    failure = None
    for mirror, until in mirrors.items():
        (folder / "sources.list").write_text(f"deb [arch=amd64 signed-by={KEYRING}] {mirror} sid main\n")
        try:
            run([*apt, "update", "--error-on=any"], until)
            return
        except Missing as why:
            failure = why
    raise failure


def own_mirror(end: float) -> str:
    """The mirror of Debian that this machine's own apt uses."""
    try:
        targets = run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(SITE)"], end).splitlines()
    except Missing:
        targets = []
    # Others that keep packages for Debian, too, have sites with such an end.
    sites = [line.split()[-1].rstrip("/") for line in targets if line.startswith("Debian ")]
    return next((site for site in sites if site.endswith("/debian")), MIRROR)


def run(command: list[str], end: float) -> str:
    """What a program prints that succeeds before the time `end`."""
    left = max(end - time.monotonic(), 0.0)
    text = " ".join(command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=True, timeout=left)
    except subprocess.TimeoutExpired:
        raise Missing(f"{text}: not done within {LIMIT} s, which all packages may take") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines()
        raise Missing(f"{text}: {lines[-1] if lines else f'exit code {error.returncode}'}") from None
    return done.stdout
