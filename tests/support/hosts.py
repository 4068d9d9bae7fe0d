"""Hosts of the suite's own: libvirtd with QEMU in namespaces, so that the machine's own libvirt is never touched.

A host has its own network, processes, name and libvirt folders. It answers at a socket path from outside; `prefix`
is the way in for everything else. It ends with `stop`, and also when the process that made it ends.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.support import host_init
from tests.support.spaces import Space

POOL = "/var/lib/libvirt/reconciler"
PROGRAMS = (
    *("libvirtd", "virtlogd", "virsh", "qemu-system-x86_64", "qemu-img", "nft", "dnsmasq", "ip"),
    *("unshare", "nsenter", "mount", "kill", "sysctl", "ssh", "sshd", "certtool", "mmdebstrap", "mke2fs"),
)
START_SECONDS = 30

T = TypeVar("T")


def why_not() -> str:
    """Why no host can be made on this machine; empty when one can."""
    if not sys.platform.startswith("linux"):
        return "needs Linux"
    missing = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "needs root, to make namespaces"
    try:
        importlib.import_module("libvirt")
    except ImportError as error:
        return f"libvirt-python cannot be imported: {error}"
    return ""


def _path() -> str:
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": _path()}


def until(probe: Callable[[], T], seconds: float, what: str) -> T:
    """The first true answer of `probe`, asked again and again; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)
    return answer


class Host:
    """A running test host."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="vmr-"))  # short: a socket's path has at most 107 bytes
        self.socket = self.folder / "run/libvirt/libvirt-sock"
        self.log = self.folder / "host.log"
        _furnish(self.folder)
        self.start()

    def start(self) -> None:
        """Switch the host on; what it was told to keep is as it was when it was switched off."""
        init = [sys.executable, "-I", "-S", host_init.__file__, str(self.folder), self.name]
        unshare = ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
        self._unshare = subprocess.Popen(
            [*unshare, "--propagation", "private", *init],
            stdin=subprocess.PIPE,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            env=_environment(),
        )
        try:
            until(self._answers, START_SECONDS, f"libvirtd of {self.name}")
        except AssertionError:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The host's process 1, as seen from outside."""
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children").read_text().split()
        return int(children[0])

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command so that it runs on the host as root."""
        return ("nsenter", "-t", str(self.pid), "-a")

    @property
    def uri(self) -> str:
        """For libvirt's own tools."""
        return f"qemu+unix:///system?socket={self.socket}"

    @property
    def connection(self) -> dict[str, object]:
        """The host's section of a trusted configuration, without `driver`."""
        return {
            "transport": "unix",
            "socket": str(self.socket),
            "pool": POOL,
            "channel": {"prefix": list(self.prefix)},
        }

    def run(self, *command: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command on the host."""
        line = [*self.prefix, *command]
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, check=False, env=_environment())
        if check and done.returncode:
            raise AssertionError(f"on {self.name}: {' '.join(command)} exited {done.returncode}: {done.stderr}")
        return done

    def virsh(self, *command: str, check: bool = True) -> str:
        """What virsh answers on the host."""
        return self.run("virsh", "-q", "-c", "qemu:///system", *command, check=check).stdout

    @property
    def libvirtd(self) -> str:
        """The daemon's process, as the host numbers it."""
        return self.run("cat", "/run/libvirtd.pid").stdout.strip()

    def restart_libvirtd(self, *options: str) -> None:
        """End the daemon and start it anew; guests and networks stay up."""
        self.stop_libvirtd()
        self.start_libvirtd(*options)

    def stop_libvirtd(self) -> None:
        """End the daemon; guests and networks stay up."""
        pid = self.libvirtd
        self.run("kill", pid)
        until(lambda: self.run("kill", "-0", pid, check=False).returncode, 20, "the old libvirtd to end")

    def start_libvirtd(self, *options: str) -> None:
        """Start the daemon."""
        self.run("libvirtd", "-d", *options)
        until(self._answers, START_SECONDS, f"libvirtd of {self.name}")

    def switch_off(self) -> None:
        """End process 1, and daemon and guests with it."""
        if self._unshare.stdin:
            self._unshare.stdin.close()
        self._unshare.wait(timeout=20)

    def reboot(self) -> None:
        """What a power cut leaves: what is on disk. Its processes, and so its `prefix`, are others."""
        self.switch_off()
        shutil.rmtree(self.folder / "run")
        (self.folder / "kvm").unlink(missing_ok=True)
        _make_run(self.folder)
        self.start()

    def stop(self) -> None:
        """End the host; nothing stays."""
        self.switch_off()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        if self._unshare.poll() is not None:
            raise AssertionError(f"the host {self.name} ended: {self.log.read_text()}")
        return self.socket.exists() and self.run("virsh", "-c", "qemu:///system", "uri", check=False).returncode == 0


def _furnish(folder: Path) -> None:
    """The folders that a host sees as its own /run, /etc/libvirt and so on; libvirt's default network is left out."""
    folder.chmod(0o711)  # QEMU runs as its own user
    # Settings only: what is defined on the machine itself (domains, networks, pools) is none of the host's business.
    shutil.copytree("/etc/libvirt", folder / "etc", ignore=shutil.ignore_patterns("qemu", "storage", "secrets"))
    for name in host_init.PRIVATE:
        (folder / name).mkdir(mode=0o755, exist_ok=True)
    _make_run(folder)
    (folder / "etc/libvirtd.conf").write_text(f'host_uuid = "{uuid.uuid4()}"\nauth_unix_rw = "none"\n')
    # The machine's control groups are shared by all hosts, so they are left alone.
    (folder / "etc/qemu.conf").write_text("cgroup_controllers = []\n")


def _make_run(folder: Path) -> None:
    (folder / "run").mkdir(mode=0o755, exist_ok=True)
    (folder / "run/lock").mkdir()


@contextlib.contextmanager
def running(name: str) -> Iterator[Host]:
    """A host for the length of a block."""
    host = Host(name)
    try:
        yield host
    finally:
        host.stop()


INTERFACE = "eth1"
"""What a host calls its end of the wire."""


class Wired:
    """Hosts side by side, each plugged into one switch: a network namespace, whose `wire` is one more machine on it."""

    def __init__(self, *names: str) -> None:
        self.switch = Space()
        self.switch.ip("link add wire type bridge", "link set wire up")
        with ThreadPoolExecutor(len(names)) as threads:
            self.hosts = list(threads.map(Host, names))
        for host in self.hosts:
            self.plug_in(host)

    def plug_in(self, host: Host) -> None:
        """Join a host to the switch; one that was switched off is no longer."""
        far = f"to-{host.name}"
        self.switch.ip(f"link add {far} type veth peer name {INTERFACE} netns {host.pid}")
        self.switch.ip(f"link set {far} master wire", f"link set {far} up")

    def stop(self) -> None:
        """End them all."""
        for host in self.hosts:
            host.stop()
        self.switch.close()


@contextlib.contextmanager
def wired(*names: str) -> Iterator[Wired]:
    """Some hosts on one wire for the length of a block."""
    made = Wired(*names)
    try:
        yield made
    finally:
        made.stop()
