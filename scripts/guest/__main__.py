"""Builds the tiny guest, `python3 scripts/guest FOLDER`, from Debian's packages and prints the folder that holds it.

The guest is a kernel, an initial RAM disk with busybox and dropbear, and a small root disk: `kernel`, `initrd`,
`disk.qcow2` and their `SHA256SUMS`. It needs apt, dpkg and qemu-img, no root, and installs nothing. The same packages
give the same bytes. A guest that this recipe built before is reused.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
KERNEL_PACKAGE = "linux-image-cloud-amd64"
PACKAGES = ("busybox-static", "dropbear-bin")
PROGRAMS = {"busybox": "bin/busybox", "dropbear": "sbin/dropbear", "dropbearkey": "sbin/dropbearkey"}
LIBRARIES = ("ld-linux-x86-64", "libc", "libcrypt", "libz", "libgmp", "libtomcrypt", "libtommath")
# In the order of their dependencies. Without virtio_balloon a change of memory is accepted and ignored; button and
# evdev let the guest see its power button.
MODULES = (
    *("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci", "failover"),
    *("net_failover", "virtio_net", "virtio_blk", "cdrom", "isofs", "virtio_balloon", "virtio-rng", "button", "evdev"),
)
DISK_BYTES = 16 << 20
OWN = {"init": "init", "udhcpc": "etc/udhcpc", "network.awk": "etc/network.awk", "disk": "bin/disk"}
FILES = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": b"root:x:0:\n",
    "etc/shells": b"/bin/sh\n",
    "etc/acpi/PWRF/00000080": b"#!/bin/sh\npoweroff -f\n",
}


def main(folder: Path) -> None:
    """Build into `folder` unless the guest is there; print where it is."""
    target = folder / recipe()
    if not (target / "SHA256SUMS").exists():
        folder.mkdir(parents=True, exist_ok=True)
        say(f"building the tiny guest in {target}")
        with tempfile.TemporaryDirectory(dir=folder) as work:
            build(Path(work), target)
    print(target)


def say(text: str) -> None:
    """Talk goes to stderr; stdout has the answer."""
    print(text, file=sys.stderr, flush=True)


def recipe() -> str:
    """What tells one recipe from another: a digest of this folder's files."""
    parts = [path.name.encode() + path.read_bytes() for path in sorted(HERE.iterdir()) if path.is_file()]
    return "guest-" + hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def build(work: Path, target: Path) -> None:
    """Make all files in `work`, then let them appear at `target` at once."""
    root, made = work / "root", work / "made"
    root.mkdir()
    made.mkdir()
    know_packages()
    unpack(work, root)
    (made / "kernel").write_bytes(only(root, "vmlinuz-*").read_bytes())
    (made / "initrd").write_bytes(archive(content(root)))
    make_disk(work / "disk.raw", made / "disk.qcow2")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(made.iterdir())]
    (made / "SHA256SUMS").write_text("".join(sums))
    made.chmod(0o755)
    made.rename(target)


def unpack(work: Path, root: Path) -> None:
    """Download the packages with what they depend on, and unpack them."""
    kernel = next(name for name in depends(download(work, KERNEL_PACKAGE)) if name.startswith("linux-image-"))
    run("dpkg", "-x", str(download(work, kernel)), str(root))
    waiting, seen = list(PACKAGES), set(PACKAGES)
    while waiting:
        package = download(work, waiting.pop())
        run("dpkg", "-x", str(package), str(root))
        new = [name for name in depends(package) if name not in seen]
        waiting += new
        seen.update(new)


def know_packages() -> None:
    """A machine that never asked what packages there are has to, once."""
    shown = subprocess.run(["apt-cache", "show", KERNEL_PACKAGE], capture_output=True, check=False)
    if shown.returncode:
        run(*([] if os.geteuid() == 0 else ["sudo"]), "apt-get", "update", "-q")


def download(work: Path, package: str) -> Path:
    """Fetch one package by its name."""
    run("apt-get", "download", "-q", package, cwd=work)
    return only(work, f"{package}_*.deb")


def depends(package: Path) -> list[str]:
    """The names of the packages that a package depends on (the first of alternatives)."""
    fields = run("dpkg-deb", "-f", str(package), "Depends", "Pre-Depends")
    return re.findall(r"(?:^(?:Pre-)?Depends:|,) *([a-z0-9][a-z0-9+.-]*)", fields, re.MULTILINE)


def run(*command: str, cwd: Path | None = None) -> str:
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def only(root: Path, pattern: str) -> Path:
    """The first file of that name anywhere below `root`."""
    found = sorted(path for path in root.rglob(pattern) if path.is_file())
    if not found:
        raise SystemExit(f"no {pattern} in Debian's packages: this recipe needs to be adapted to this release")
    return found[0]


def content(root: Path) -> Iterator[tuple[str, int, bytes]]:
    """Every file of the initial RAM disk: path, mode, bytes."""
    for name, path in OWN.items():
        yield path, 0o755, (HERE / name).read_bytes()
    for name, path in PROGRAMS.items():
        yield path, 0o755, only(root, name).read_bytes()
    for name in LIBRARIES:
        library = only(root, f"{name}.so.*")
        folder = "lib64" if name.startswith("ld-") else "lib"
        yield f"{folder}/{soname(library)}", 0o755, library.read_bytes()
    for name in MODULES:
        module = only(root, f"{name}.ko*")
        data = module.read_bytes()
        yield f"lib/modules/{name}.ko", 0o644, lzma.decompress(data) if module.suffix == ".xz" else data
    yield "lib/modules/order", 0o644, "".join(f"{name}\n" for name in MODULES).encode()
    for path, data in FILES.items():
        yield path, 0o755 if data.startswith(b"#!") else 0o644, data


def soname(library: Path) -> str:
    """`libz.so.1.2.13` is looked for as `libz.so.1`."""
    return re.sub(r"(\.so\.\d+).*", r"\1", library.name)


def archive(files: Iterator[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive in the kernel's format (newc), with nothing in it that differs between two builds."""
    entries = {path: (0o100000 | mode, data) for path, mode, data in files}
    folders = {str(folder) for path in entries for folder in Path(path).parents if str(folder) != "."}
    entries |= dict.fromkeys(folders, (0o040755, b""))
    records = [record(path, number, *entries[path]) for number, path in enumerate(sorted(entries), 1)]
    return b"".join([*records, record("TRAILER!!!", 0, 0, b"")])


def record(path: str, inode: int, mode: int, data: bytes) -> bytes:
    """One file of the archive: header, name and data, each padded to four bytes."""
    name = path.encode() + b"\0"
    numbers = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % number for number in numbers) + name
    return header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4)


def make_disk(raw: Path, disk: Path) -> None:
    """A root disk that says what it is in its first bytes, and is empty behind them."""
    raw.write_bytes(b"tiny guest\n")
    os.truncate(raw, DISK_BYTES)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(disk))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python3 scripts/guest FOLDER")
    main(Path(sys.argv[1]).absolute())
