"""The bench of the simulator."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Concatenate, ParamSpec

import msgspec
import pytest

from reconciler.driver import DriverType, Files, HostConfig
from reconciler_simulator import DRIVER, admin, hypervisor, ownership
from reconciler_simulator.state import State
from reconciler_simulator.store import Store
from tests.support.contract import FLEET_ID, OTHER_FLEET_ID, Damage, Folder, Thing, manifest

P = ParamSpec("P")
IMAGES = {"tiny": b"a disk", "other": b"another disk"}


def unfiltered(state: State) -> list[str]:
    """The running NICs whose links are up and that nothing filters."""
    entries = state.filters.values()
    filtered = {(entry.domain, entry.nic, entry.mac, entry.address, entry.address6) for entry in entries}
    return [
        f"{name}/{alias}"
        for name, domain in state.domains.items()
        for alias, nic in (domain.running.nics if domain.running else {}).items()
        if nic.link == "up" and (name, alias, nic.mac, nic.address, nic.address6) not in filtered
    ]


class SimulatorBench:
    """A simulated host with its state in a folder."""

    driver: DriverType = DRIVER

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "sim.json")
        connection: dict[str, object] = {
            "state": str(self.store.path),
            "pools": {"fast": "1Ti"},
            "physical_networks": ["uplink"],
        }
        self.config = HostConfig(name="sim", driver="simulator", fleet="test", fleet_id=FLEET_ID, connection=connection)
        self.files: Files = Folder(folder)
        for name, content in IMAGES.items():
            (folder / name).write_bytes(content)

    def _do(self, call: Callable[Concatenate[State, P], None], *args: P.args, **kwargs: P.kwargs) -> None:
        with self.store.changing() as state:
            call(state, *args, **kwargs)
            self.store.write(state)

    def manifests(self) -> str:
        images = {name: hashlib.sha256(content).hexdigest() for name, content in IMAGES.items()}
        return (
            manifest("Fleet", "test", id=FLEET_ID)
            + manifest("Host", self.config.name, driver="simulator")
            + manifest("Flavor", "small", vcpus=1, memory="128Mi", disk="1Gi")
            + manifest("Flavor", "large", vcpus=2, memory="256Mi", disk="2Gi")
            + "".join(
                manifest("Image", name, source=name, sha256=digest, format="raw") for name, digest in images.items()
            )
        )

    def subnet(self) -> str:
        return "10.77.0"

    def pool(self) -> str:
        return "fast"

    def wire(self) -> str:
        return "uplink"

    def vlans(self) -> bool:
        return True

    def await_guest(self, name: str) -> None:
        """A make-believe guest follows at once."""

    def serials(self, name: str) -> list[str]:
        running = self.store.read().domains[name].running
        return sorted(disk.serial for disk in running.data.values()) if running else []

    def stop_guest(self, name: str) -> None:
        self._do(hypervisor.stop_domain, name)

    def shut_guest_down(self, name: str) -> None:
        self._do(admin.shut_down, name)

    def crash_guest(self, name: str) -> None:
        self._do(admin.crash, name)

    def restart_daemon(self) -> None:
        admin.restart(self.store)

    def set_stored_memory(self, name: str, memory: int) -> None:
        self._do(admin.set_memory, name, memory, "stored")

    def drop_filters(self, name: str) -> None:
        self._do(admin.drop_filters, name)

    def stop_network(self, name: str) -> None:
        self._do(hypervisor.stop_network, name)

    def lose_volume(self, name: str) -> None:
        self._do(admin.lose_volume, name)

    def write(self, name: str, text: str) -> None:
        self._do(admin.write, name, text)

    def written(self, name: str) -> str:
        return self.store.read().volumes[name].written

    def boot(self, name: str) -> object:
        return self.store.read().domains[name].starts

    def unfiltered(self) -> list[str]:
        return unfiltered(self.store.read())

    def plant(self, thing: Thing, name: str, uuid: str) -> None:
        self._do(admin.plant, thing, name, uuid)

    def damage(self, name: str, damage: Damage) -> None:
        state = self.store.read()
        thing = state.domains.get(name) or state.networks[name]
        ledger = ownership.read(thing.metadata)
        stranger = ownership.text_of(msgspec.structs.replace(ledger, fleet=OTHER_FLEET_ID))
        elements = {
            "stranger": (stranger,),
            "malformed": ("{",),
            "oversized": (thing.metadata[0] + " " * (1 << 20),),
            "duplicated": thing.metadata * 2,
        }[damage]
        self._do(admin.set_metadata, name, elements)

    def table(self) -> str:
        return "reconciler_" + FLEET_ID[:8]

    def everything(self) -> object:
        return msgspec.to_builtins(self.store.read().whole())


@contextlib.contextmanager
def bench(request: pytest.FixtureRequest) -> Iterator[SimulatorBench]:
    """A host without anything on it."""
    yield SimulatorBench(request.getfixturevalue("tmp_path"))
