"""The bench of the libvirt driver: a real libvirtd with QEMU, in namespaces of its own."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import libvirt
import libvirt_qemu
import pytest

from reconciler.address import Address
from reconciler.driver import DriverType, Files, HostConfig
from reconciler.identity import Identity
from reconciler_libvirt import DRIVER
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import Table
from tests.support.contract import FLEET_ID, Damage, Folder, Thing, manifest
from tests.support.guests import BOOT_SECONDS, GuestImage, open_port
from tests.support.hosts import POOL, Host, until
from tests.support.libvirt_contents import STORED, everything, raised, spoil

PRESS_SECONDS = 3.0

POOL_NAME = f"reconciler-{FLEET_ID[:8]}"
WIRE = "wire0"
"""The host's end of a physical network; nobody is at the other."""
TABLE = f"reconciler-{FLEET_ID[:8]}"
STOP_DEADLINE = 0.2
"""Seconds: these guests are told to stop while they boot, when nobody looks at the power button."""
FOLLOW_DEADLINE = 20.0
"""Seconds: these guests are told to let go of disks while they boot, and do so once they have."""
NAMED_POOL = "spare.folder"
"""A pool that volumes may lie in; `add_pool` makes it."""
MARK = "1M 512"
"""Where in a disk a mark stands, and how many bytes it has."""
DEVICES = "/machine/peripheral"
CLEAR = f"""
for family in inet bridge; do nft delete table $family {TABLE} 2>/dev/null || true; done
cd /sys/class/net
for device in *; do case $device in {WIRE}|rcb*|rcv*) ip link delete $device;; esac; done
rm -rf {POOL}
"""
"""Takes away, in one process, what libvirt does not know of."""


class LibvirtBench:
    """A clean host, and its administrator at work."""

    driver: DriverType = DRIVER

    def __init__(self, host: Host, image: GuestImage, folder: Path) -> None:
        self.host = host
        self.image = image
        self.files: Files = Folder(folder)
        self.connection = libvirt.open(host.uri)
        deadlines = {"stop_deadline": STOP_DEADLINE, "follow_deadline": FOLLOW_DEADLINE}
        wires = {"physical_networks": {"uplink": {"interface": WIRE}}}
        connection = {**host.connection, **deadlines, "pools": [NAMED_POOL], **wires}
        host.run("ip", "link", "add", WIRE, "type", "veth", "peer", "name", f"{WIRE}-far")
        self.config = HostConfig(
            name="kvm-01",
            driver="libvirt",
            fleet="test",
            fleet_id=FLEET_ID,
            connection=connection,
            cache=str(folder / "host.pack"),
        )
        for role in ("disk", "kernel", "initrd"):
            (folder / image.path(role).name).symlink_to(image.path(role))
        self.add_pool()
        self._other = folder / "other.raw"
        convert = ["qemu-img", "convert", "-q", "-O", "raw", str(image.path("disk")), str(self._other)]
        subprocess.run(convert, check=True)
        self._marks: list[str] = []

    def manifests(self) -> str:
        tiny: Any = self.image.manifest()
        other = copy.deepcopy(tiny)
        other["metadata"]["name"] = "other"
        digest = hashlib.sha256(self._other.read_bytes()).hexdigest()
        other["spec"].update(source=self._other.name, sha256=digest, format="raw")
        return (
            manifest("Fleet", "test", id=FLEET_ID)
            + manifest("Host", self.config.name, virtType="qemu")
            + manifest("Flavor", "small", vcpus=1, memory="128Mi", disk="1Gi")
            + manifest("Flavor", "large", vcpus=2, memory="256Mi", disk="2Gi")
            + "".join(f"---\n{json.dumps(image)}\n" for image in (tiny, other))
        )

    def subnet(self) -> str:
        return "10.77.0"

    def add_pool(self) -> None:
        """Make the pool that volumes may lie in, a plain folder."""
        self.host.run("mkdir", "-p", f"{POOL}/{NAMED_POOL}")
        self.host.virsh("pool-create-as", NAMED_POOL, "dir", "--target", f"{POOL}/{NAMED_POOL}")

    def _domain(self, name: str) -> libvirt.virDomain:
        return self.connection.lookupByName(name)

    def pool(self) -> str:
        return NAMED_POOL

    def await_guest(self, name: str) -> None:
        address = f"{self.subnet()}.10"
        until(lambda: open_port(self.host, address, 22), BOOT_SECONDS, f"{name} to listen at {address}")

    def serials(self, name: str) -> list[str]:
        """As QEMU has them."""
        devices = [each["name"] for each in self._qemu(name, "qom-list", path=DEVICES)]
        disks = [f"{DEVICES}/{device}/virtio-backend" for device in devices if device.startswith("ua-vol-")]
        return sorted(self._qemu(name, "qom-get", path=disk, property="serial") for disk in disks)

    def _qemu(self, name: str, execute: str, **arguments: str) -> Any:
        asked = json.dumps({"execute": execute, "arguments": arguments})
        return json.loads(libvirt_qemu.qemuMonitorCommand(self._domain(name), asked, 0))["return"]

    def wire(self) -> str:
        return "uplink"

    def vlans(self) -> bool:
        made = self.host.run("ip", "link", "add", "link", WIRE, "name", "probe", "type", "vlan", "id", "2", check=False)
        self.host.run("ip", "link", "delete", "probe", check=False)
        return made.returncode == 0

    def stop_guest(self, name: str) -> None:
        self._domain(name).destroy()

    def shut_guest_down(self, name: str) -> None:
        """A guest that has only just come up may not see the power button, so it is pressed again."""
        self.await_guest(name)
        pressed = 0.0

        def down() -> bool:
            nonlocal pressed
            if not self._domain(name).isActive():
                return True
            if time.monotonic() > pressed + PRESS_SECONDS:
                pressed = time.monotonic()
                with contextlib.suppress(libvirt.libvirtError):  # it may end in this moment
                    self._domain(name).shutdown()
            return False

        until(down, BOOT_SECONDS, f"{name} to end")

    def crash_guest(self, name: str) -> None:
        self.host.run("pkill", "-KILL", "-F", f"/run/libvirt/qemu/{name}.pid")
        self._await_end(name)

    def _await_end(self, name: str) -> None:
        until(lambda: not self._domain(name).isActive(), BOOT_SECONDS, f"{name} to end")

    def restart_daemon(self) -> None:
        self.connection.close()
        self.host.restart_libvirtd()
        self.connection = libvirt.open(self.host.uri)

    def set_stored_memory(self, name: str, memory: int) -> None:
        tree = ElementTree.fromstring(self._domain(name).XMLDesc(STORED))
        for tag in ("memory", "currentMemory"):
            node = tree.find(tag)
            assert node is not None
            node.set("unit", "bytes")
            node.text = str(memory)
        self.connection.defineXML(ElementTree.tostring(tree, encoding="unicode"))

    def drop_filters(self, name: str) -> None:
        table = Table(Identity(FLEET_ID), Channel(self.host.prefix))
        _, project, label = name.split(".")
        for owner, nic in table.observe().nics:
            if owner == Address("Instance", project, label):
                table.remove_nic(owner, nic)

    def stop_network(self, name: str) -> None:
        self.connection.networkLookupByName(name).destroy()

    def lose_volume(self, name: str) -> None:
        self.host.run("rm", f"{POOL}/{POOL_NAME}/{name}")

    def write(self, name: str, text: str) -> None:
        """Work on a disk as its guest would: through QEMU while that has it open."""
        self._marks.append(text)
        path, write = f"{POOL}/{POOL_NAME}/{name}", f"write -P {len(self._marks)} {MARK}"
        found = self._open_in(path)
        if found is None:
            self.host.run("qemu-io", "-f", "qcow2", "-c", write, path)
            return
        domain, alias = found
        for command in (write, "flush"):
            human = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
            order = f'qemu-io -d {DEVICES}/{alias}/virtio-backend "{command}"'
            said = libvirt_qemu.qemuMonitorCommand(domain, order, human)
            assert not said.strip(), said

    def _open_in(self, path: str) -> tuple[libvirt.virDomain, str] | None:
        """The running domain that has a file as a disk, and the alias of that."""
        for domain in self.connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
            for disk in ElementTree.fromstring(domain.XMLDesc(0)).iterfind("devices/disk"):
                source, alias = disk.find("source"), disk.find("alias")
                if source is not None and alias is not None and source.get("file") == path:
                    return domain, alias.get("name", "")
        return None

    def written(self, name: str) -> str:
        path = f"{POOL}/{POOL_NAME}/{name}"
        for pattern, text in enumerate(self._marks, 1):
            read = ["qemu-io", "-r", "-U", "-f", "qcow2", "-c", f"read -P {pattern} {MARK}", path]
            if self.host.run(*read, check=False).returncode == 0:
                return text
        return ""

    def boot(self, name: str) -> object:
        return self.host.run("cat", f"/run/libvirt/qemu/{name}.pid").stdout

    def unfiltered(self) -> list[str]:
        domains = self.connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        up = [(domain.name(), tap) for domain in domains for tap in raised(domain)]
        taps = self.host.run("nft", "list", "map", "bridge", TABLE, "from-tap", check=False).stdout if up else ""
        return [f"{name}/{tap}" for name, tap in up if f'"{tap}"' not in taps]

    def plant(self, thing: Thing, name: str, uuid: str) -> None:
        if thing == "domain":
            system = "<os><type>hvm</type></os>"
            self.connection.defineXML(
                f"<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory>65536</memory>{system}</domain>"
            )
        elif thing == "network":
            bridge = "<bridge name='planted'/>"
            self.connection.networkDefineXML(f"<network><name>{name}</name><uuid>{uuid}</uuid>{bridge}</network>")
        elif thing == "volume":
            self.host.virsh("vol-create-as", POOL_NAME, name, "1M")
        else:
            self.host.run("nft", "add", "table", "inet", name)

    def damage(self, name: str, damage: Damage) -> None:
        """Written into the definition, as somebody would with `virsh edit`."""
        if name in [domain.name() for domain in self.connection.listAllDomains()]:
            tree = ElementTree.fromstring(self._domain(name).XMLDesc(STORED))
            spoil(tree, damage)
            self.connection.defineXML(ElementTree.tostring(tree, encoding="unicode"))
        else:
            network = self.connection.networkLookupByName(name)
            tree = ElementTree.fromstring(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
            spoil(tree, damage)
            self.connection.networkDefineXML(ElementTree.tostring(tree, encoding="unicode"))

    def table(self) -> str:
        return TABLE

    def everything(self) -> object:
        return everything(self.connection, self.host)

    def clean(self) -> None:
        """Take everything away."""
        for domain in self.connection.listAllDomains():
            with contextlib.suppress(libvirt.libvirtError):
                domain.destroy()
            with contextlib.suppress(libvirt.libvirtError):
                domain.undefine()
        for each in (*self.connection.listAllNetworks(), *self.connection.listAllStoragePools()):
            persistent = each.isPersistent()
            if each.isActive():
                each.destroy()
            if persistent:
                each.undefine()
        self.host.run("sh", "-ec", CLEAR)
        self.connection.close()


@contextlib.contextmanager
def bench(request: pytest.FixtureRequest) -> Iterator[LibvirtBench]:
    """The suite's host, clean before and after."""
    host, image = request.getfixturevalue("libvirt_host"), request.getfixturevalue("tiny_image")
    made = LibvirtBench(host, image, request.getfixturevalue("tmp_path"))
    try:
        yield made
    finally:
        made.clean()
