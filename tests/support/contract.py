"""What the contract suite (`tests/contract`) needs of a hypervisor, and what it makes of that.

A `Bench` is one clean host and the hands of somebody who works on it behind our back. Each driver has one: a module
with `bench(request)`, a context manager that gives a clean host and leaves a clean one (`tests/contract/conftest.py`
lists them). A `Rig` is the driver, opened on a bench, with what a test wants to do to it in short words.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from msgspec.structs import replace

from reconciler.address import Address
from reconciler.driver import Driver, DriverError, DriverType, ErrorClass, Files, HostConfig
from reconciler.identity import Identity
from reconciler.impact import Impact
from reconciler.objects import Observed, Wanted
from reconciler.observation import Snapshot
from reconciler.plan import Step
from tests.support.scene import scene

FLEET_ID = "5f3c1a52-7a39-4c6e-9c3e-0b6f6a1d2e4b"
OTHER_FLEET_ID = "0d9a7f0e-2c1b-4d57-8a35-6f4e3c2b1a09"
MIB = 1 << 20
KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)).decode()

Thing = Literal["domain", "network", "volume", "table"]
Damage = Literal["stranger", "malformed", "oversized", "duplicated"]

WEB = "Instance/default/web"
LAN = "Network/default/lan"
SSH = "SecurityGroup/default/ssh"
TINY = "Image/tiny"
DATA = "Volume/default/data"
SECRET = "correct-horse-battery-staple"
"""What every secret is, so that a test can look for it."""


class Bench(Protocol):
    """One clean host, and somebody with its administrator's rights. Names are names on the hypervisor."""

    config: HostConfig
    driver: DriverType
    files: Files

    def manifests(self) -> str:
        """Fleet, Host, Flavors `small` and `large` (more of everything), Images `tiny` and `other` (not the same)."""

    def subnet(self) -> str:
        """The first three numbers of a /24 that the host can have a network in, such as `10.77.0`."""

    def pool(self) -> str:
        """A storage pool that is not the fleet's own, and that volumes may lie in."""

    def wire(self) -> str:
        """What manifests call a physical network of the host."""

    def vlans(self) -> bool:
        """Whether the host's kernel has VLANs."""

    def await_guest(self, name: str) -> None:
        """Wait until the guest of a running domain has come so far that it follows what it is asked for."""

    def serials(self, name: str) -> list[str]:
        """The serials of the data disks that a running domain has, as its guest can see them."""

    def stop_guest(self, name: str) -> None:
        """Pull the plug of a domain."""

    def shut_guest_down(self, name: str) -> None:
        """Let a guest switch itself off, and wait until it has."""

    def crash_guest(self, name: str) -> None:
        """Let a running domain die, and wait until it has."""

    def restart_daemon(self) -> None:
        """End the daemon and start it anew; guests run on."""

    def set_stored_memory(self, name: str, memory: int) -> None:
        """Change what a domain will have at its next start, in bytes."""

    def drop_filters(self, name: str) -> None:
        """Take away what filters a domain's NICs, and leave the links up."""

    def stop_network(self, name: str) -> None:
        """Make a network inactive."""

    def lose_volume(self, name: str) -> None:
        """Delete a volume."""

    def write(self, name: str, text: str) -> None:
        """Leave a mark in a volume (of the fleet's own pool), as a guest that writes to its disk does."""

    def written(self, name: str) -> str:
        """The mark that is in a volume; empty when there is none."""

    def boot(self, name: str) -> object:
        """Something about a running domain that differs after each cold start."""

    def unfiltered(self) -> list[str]:
        """The running NICs of all domains whose links are up and that nothing filters."""

    def plant(self, thing: Thing, name: str, uuid: str) -> None:
        """Make something that is not ours. A volume is a plain one with some content; a table is the fleet's."""

    def damage(self, name: str, damage: Damage) -> None:
        """Spoil our metadata on a domain or a network: another fleet's id, no sense, far too much of it, twice."""

    def table(self) -> str:
        """The name of the fleet's table in the packet filter."""

    def everything(self) -> object:
        """All that the host has, ours or not, so that any change of it shows."""


class Folder:
    """`Files` from one folder. Of secrets it has one: `motd`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, source: str, sha256: str) -> Path:
        """The file of that name, verified."""
        path = self._folder / source
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise DriverError(ErrorClass.YOURS, f"{path} has another digest than {sha256}")
        return path

    def secret(self, name: str) -> str:
        """The text of a secret."""
        if name != "motd":
            raise DriverError(ErrorClass.YOURS, f"there is no secret {name!r}")
        return f"#cloud-config\nbootcmd: [echo {SECRET}]\n"


class Cut(BaseException):
    """A run is cut off in front of a call, as by `kill -9`."""


class Watch:
    """The `Progress` of a test: the call log; `look` is asked in front of each call; `cut` is the call never made."""

    def __init__(self, look: Callable[[], None] = lambda: None, cut: int = 0) -> None:
        self.calls: list[tuple[str, str]] = []
        self._look = look
        self._cut = cut

    def call(self, name: str, target: str) -> None:
        """Log it."""
        self._look()
        if len(self.calls) + 1 == self._cut:
            raise Cut
        self.calls.append((name, target))

    def note(self, text: str) -> None:
        """Nothing that a test would ask for."""


def manifest(kind: str, name: str, /, **spec: Any) -> str:
    """One YAML document; JSON is YAML."""
    metadata = {"name": name, **spec.pop("metadata", {})}
    return (
        "---\n" + json.dumps({"apiVersion": "reconciler/v1", "kind": kind, "metadata": metadata, "spec": spec}) + "\n"
    )


class Rig:
    """A driver, opened on a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.identity = Identity(bench.config.fleet_id)
        self.driver: Driver = bench.driver.open(bench.config, bench.files)
        self.watch = Watch()

    def scene(
        self,
        *more: str,
        ports: int | str = 22,
        protected: bool = False,
        lan: Mapping[str, Any] | None = None,
        **web: Any,
    ) -> dict[str, Wanted]:
        """A keypair, a network, a security group and one instance `web`, which `web` changes; `lan` changes the
        network, and `more` are further manifests.
        """
        network = {"cidr": f"{self.bench.subnet()}.0/24", "dns": {"domain": "shop.internal"}, **(lan or {})}
        nics = {"lan": {"address": f"{self.bench.subnet()}.10"}}
        spec = {"flavor": "small", "image": "tiny", "keypairs": ["admin"], "securityGroups": ["ssh"], "networks": nics}
        return scene(
            self.bench.config.name,
            self.bench.manifests()
            + manifest("Keypair", "admin", publicKey=KEY)
            + manifest("Network", "lan", **network)
            + manifest("SecurityGroup", "ssh", ingress=[{"protocol": "tcp", "ports": ports}])
            + manifest("Instance", "web", **{**spec, **web, "protected": protected})
            + "".join(more),
        )

    def make(self, wanted: Iterable[Wanted]) -> None:
        """Create objects, in their order."""
        for each in wanted:
            self.create(each)

    def create(self, wanted: Wanted, watch: Watch | None = None, commit: str = "c0ffee") -> Observed:
        """Make an object, or finish what is there of it."""
        observed = self.look(wanted)
        expect = observed.digest() if observed and observed.incomplete else None
        step = Step(id=f"create {wanted.key}", key=wanted.key, verb="create", wanted=wanted, expect=expect)
        return self._apply(step, watch, commit)

    def update(
        self,
        wanted: Wanted,
        impact: Impact = Impact.LIVE,
        paths: tuple[str, ...] | None = None,
        *,
        watch: Watch | None = None,
        waiting: tuple[str, ...] = (),
        expect: str | None = None,
        commit: str = "c0ffee",
    ) -> Observed:
        """Change an object, from what it is now or from what `expect` says. All changes unless `paths` says which."""
        observed = self.look(wanted)
        expect = expect or (observed.digest() if observed else "")
        step = Step(
            id=f"update {wanted.key}",
            key=wanted.key,
            verb="update",
            wanted=wanted,
            impact=impact,
            paths=tuple(wanted.fields) if paths is None else paths,
            waiting=waiting,
            expect=expect,
        )
        return self._apply(step, watch, commit)

    def _apply(self, step: Step, watch: Watch | None, commit: str) -> Observed:
        observed = self._run(step, watch, commit)
        assert observed is not None
        return observed

    def _run(self, step: Step, watch: Watch | None, commit: str) -> Observed | None:
        """Each step is a run of its own, so that no driver may lean on what it remembers of another."""
        with contextlib.closing(self.bench.driver.open(self.bench.config, self.bench.files)) as driver:
            return driver.apply(step, commit, watch or self.watch)

    def delete(self, wanted: Wanted, watch: Watch | None = None) -> None:
        """Delete an object, or what is there of it."""
        observed = self.look(wanted)
        step = Step(id="d", key=wanted.key, verb="delete", expect=observed.digest() if observed else "gone")
        assert self._run(step, watch, "c0ffee") is None

    def snapshot(self) -> Snapshot:
        """What the host shows."""
        return self.driver.observe()

    def look(self, wanted: Wanted) -> Observed | None:
        """The object of that identity."""
        found = [o for o in self.snapshot().objects if (o.origin, o.key.part) == (wanted.origin, wanted.key.part)]
        assert len(found) <= 1, found
        return found[0] if found else None

    def seen(self, wanted: Wanted) -> Observed:
        """The object of that identity, which is there."""
        observed = self.look(wanted)
        assert observed is not None, wanted.key
        return observed

    def name(self, address: str, part: str = "") -> str:
        """What something of ours is called on the hypervisor."""
        return self.identity.name(Address.parse(address), part)


def shown(observed: Observed | None, wanted: Wanted) -> dict[str, object]:
    """The stored form of an object, as far as it is wanted."""
    return {path: observed.stored.get(path) for path in wanted.fields} if observed else {}


def with_fields(wanted: Wanted, **fields: Any) -> Wanted:
    """The same wanted object with other values; `__` in a name stands for a dot."""
    return replace(wanted, fields={**wanted.fields, **{path.replace("__", "."): v for path, v in fields.items()}})
