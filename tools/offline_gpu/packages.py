"""Mesa's drivers for GPUs, its no-op devices and spirv-val, from Debian's newest packages, in a directory of their own."""

import pathlib
import platform
import shutil
import subprocess

PACKAGES = ["mesa-vulkan-drivers", "mesa-drm-shim", "libvulkan1", "spirv-tools"]
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "http://deb.debian.org/debian"
LIBRARIES = pathlib.Path("usr/lib/x86_64-linux-gnu")


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
        first = ["--preload", str(self.libraries / preload)] if preload else []
        loader = self.libraries / "ld-linux-x86-64.so.2"
        return [str(loader), *first, "--library-path", str(self.libraries), str(program), *map(str, arguments)]


def open_root(folder: pathlib.Path) -> Root:
    """Fetches the packages if they are not there yet. This needs no rights of root, 160 MB of downloads and 700 MB of disk."""
    root = Root(folder)
    if not (folder / "complete").exists():
        fetch(folder)
        root = Root(folder)
    try:
        subprocess.run(root.command(root.folder / "usr/bin/spirv-val", "--version"), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
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
    (folder / "sources.list").write_text(f"deb [arch=amd64 signed-by={KEYRING}] {mirror()} sid main\n")
    (folder / "apt.conf").write_text(
        f"""Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
Dir::Cache::Archives "{folder}/debs";
Debug::NoLocking "true";
APT::Sandbox::User "";
"""
    )
    apt = ["apt-get", "-qq", "-c", str(folder / "apt.conf")]
    for command in (
        [*apt, "update", "--error-on=any"],
        [*apt, "install", "--yes", "--no-install-recommends", "--download-only", *PACKAGES],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise Missing(f"{' '.join(command)}: {lines[-1] if lines else done.returncode}")
    for archive in sorted((folder / "debs").glob("*.deb")):
        subprocess.run(["dpkg", "-x", archive, folder / "root"], check=True)
    (folder / "complete").touch()


def mirror() -> str:
    """The mirror that this machine's own apt uses, if it is one of Debian."""
    done = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True)
    sites = [site for site in done.stdout.split() if site.endswith("/debian") or site.endswith("/debian/")]
    return sites[0] if sites else MIRROR
