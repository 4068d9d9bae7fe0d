"""A driver, opened on a bench, with what a test wants to do to it in short words."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from reconciler.address import Address
from reconciler.driver import Driver
from reconciler.identity import Identity
from reconciler.impact import Impact
from reconciler.objects import Observed, Wanted
from reconciler.observation import Snapshot
from reconciler.plan import Step
from tests.support.contract import KEY, Bench, manifest
from tests.support.scene import scene

COMMIT = "c0ffee"


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
        """Create objects in their order and in one run, or finish what is there of them."""
        there = self.snapshot()
        with self._opened() as driver:
            for each in wanted:
                assert driver.apply(_creation(each, _found(there, each)), COMMIT, self.watch)

    def create(self, wanted: Wanted, watch: Watch | None = None, commit: str = COMMIT) -> Observed:
        """Make an object, or finish what is there of it."""
        return self._apply(_creation(wanted, self.look(wanted)), watch, commit)

    def update(
        self,
        wanted: Wanted,
        impact: Impact = Impact.LIVE,
        paths: tuple[str, ...] | None = None,
        *,
        watch: Watch | None = None,
        waiting: tuple[str, ...] = (),
        expect: str | None = None,
        commit: str = COMMIT,
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
        """A run of its own, so that no driver may lean on what it remembers of another step."""
        with self._opened() as driver:
            return driver.apply(step, commit, watch or self.watch)

    def _opened(self) -> contextlib.closing[Driver]:
        return contextlib.closing(self.bench.driver.open(self.bench.config, self.bench.files))

    def delete(self, wanted: Wanted, watch: Watch | None = None) -> None:
        """Delete an object, or what is there of it."""
        observed = self.look(wanted)
        step = Step(id="d", key=wanted.key, verb="delete", expect=observed.digest() if observed else "gone")
        assert self._run(step, watch, COMMIT) is None

    def snapshot(self) -> Snapshot:
        """What the host shows."""
        return self.driver.observe()

    def look(self, wanted: Wanted) -> Observed | None:
        """The object of that identity."""
        return _found(self.snapshot(), wanted)

    def seen(self, wanted: Wanted) -> Observed:
        """The object of that identity, which is there."""
        observed = self.look(wanted)
        assert observed is not None, wanted.key
        return observed

    def name(self, address: str, part: str = "") -> str:
        """What something of ours is called on the hypervisor."""
        return self.identity.name(Address.parse(address), part)


def _found(snapshot: Snapshot, wanted: Wanted) -> Observed | None:
    found = [each for each in snapshot.objects if (each.origin, each.key.part) == (wanted.origin, wanted.key.part)]
    assert len(found) <= 1, found
    return found[0] if found else None


def _creation(wanted: Wanted, observed: Observed | None) -> Step:
    expect = observed.digest() if observed and observed.incomplete else None
    return Step(id=f"create {wanted.key}", key=wanted.key, verb="create", wanted=wanted, expect=expect)


def shown(observed: Observed | None, wanted: Wanted) -> dict[str, object]:
    """The stored form of an object, as far as it is wanted."""
    return {path: observed.stored.get(path) for path in wanted.fields} if observed else {}


def with_fields(wanted: Wanted, **fields: Any) -> Wanted:
    """The same wanted object with other values; `__` in a name stands for a dot."""
    return replace(wanted, fields={**wanted.fields, **{path.replace("__", "."): v for path, v in fields.items()}})
