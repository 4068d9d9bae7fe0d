"""Builds a full Debian cloud guest, `python3 scripts/cloud-image FOLDER`, and prints the folder that holds it.

It is what a cloud image is: systemd, cloud-init, an SSH server and the guest agent, and nobody's keys. The folder has
`kernel`, `initrd`, `disk.qcow2` (one file system without partitions: the kernel is booted directly) and their
`SHA256SUMS`. It needs mmdebstrap, mke2fs, qemu-img and root; nothing is installed on the machine. A guest that this
recipe built before is reused.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SUITE = "bookworm"
PACKAGES = (
    *("cloud-init", "openssh-server", "linux-image-cloud-amd64", "systemd-sysv", "udev", "netplan.io"),
    *("systemd-resolved", "iproute2", "iputils-ping", "netcat-openbsd", "sudo", "qemu-guest-agent"),
)
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
FILES = {
    # Nothing but a seed disk is looked for: without one the guest would wait for metadata services at its boot. What
    # locales there are is settled here, since an emulated guest takes minutes to make one.
    "etc/cloud/cloud.cfg.d/90-guest.cfg": "datasource_list: [NoCloud, None]\nlocale: C.UTF-8\n",
    "etc/fstab": "/dev/vda / ext4 errors=remount-ro 0 1\n",
}
OWN = ("etc/ssh/ssh_host_*", "etc/hostname", "etc/machine-id", "var/lib/dbus/machine-id")
"""What must differ between two guests of one image: each makes its own at its first boot."""
SERVICES = ("systemd-networkd", "systemd-resolved", "ssh")
IDLE = (
    "e2scrub_reap.service",
    "e2scrub_all.timer",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
)
"""What would make an emulated guest's first minute longer, and is of no use to one that lives for a test."""
DISK = "2G"


def main(folder: Path) -> None:
    """Build into `folder` unless the guest is there; print where it is."""
    target = folder / recipe()
    if not (target / "SHA256SUMS").exists():
        folder.mkdir(parents=True, exist_ok=True)
        say(f"building the cloud guest in {target}; this takes a minute or two")
        with tempfile.TemporaryDirectory(dir=folder) as work:
            build(Path(work), target)
    print(target)


def say(text: str) -> None:
    """Talk goes to stderr; stdout has the answer."""
    print(text, file=sys.stderr, flush=True)


def recipe() -> str:
    """What tells one recipe from another: a digest of this file."""
    return "cloud-" + hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]


def build(work: Path, target: Path) -> None:
    """Make all files in `work`, then let them appear at `target` at once."""
    root, made = work / "root", work / "made"
    made.mkdir()
    fill(root)
    for role, name in (("kernel", "vmlinuz-*"), ("initrd", "initrd.img-*")):
        (made / role).write_bytes(only(root / "boot", name).read_bytes())
    make_disk(root, work / "disk.raw", made / "disk.qcow2")
    sums = [f"{digest(path)}  {path.name}\n" for path in sorted(made.iterdir())]
    (made / "SHA256SUMS").write_text("".join(sums))
    made.chmod(0o755)
    made.rename(target)


def fill(root: Path) -> None:
    """Install the packages into a folder, and take away what is one machine's own."""
    paths = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    packages = f"--include={','.join(PACKAGES)}"
    run("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", packages, *paths, SUITE, str(root))
    for path in (found for pattern in OWN for found in root.glob(pattern)):
        path.unlink()
    (root / "etc/machine-id").touch()
    for name, text in FILES.items():
        (root / name).write_text(text)
    run("chroot", str(root), "systemctl", "enable", *SERVICES)
    run("chroot", str(root), "systemctl", "mask", *IDLE)


def make_disk(root: Path, raw: Path, disk: Path) -> None:
    """A file system with the folder's content, made without mounting anything."""
    run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(root), str(raw), DISK)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", "-o", "compression_type=zstd", str(raw), str(disk))


def run(*command: str) -> None:
    """Run a command; its output is shown only when it fails."""
    environment = os.environ | {"PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin", "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def only(folder: Path, pattern: str) -> Path:
    """The first file of that name."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise SystemExit(f"no {pattern} in Debian's packages: this recipe needs to be adapted to this release")
    return found[0]


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python3 scripts/cloud-image FOLDER")
    main(Path(sys.argv[1]).absolute())
