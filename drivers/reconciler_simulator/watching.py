"""What the make-believe host tells by itself, read from its state file: whoever changed it, this process or another.

As with libvirt, that is what becomes of domains and networks, and nothing of volumes or the packet filter. When the
file is begun anew, as after an administrator's `restart`, the watch is lost: what happened meanwhile is not known.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from reconciler.address import Address
from reconciler.driver import Notice
from reconciler_simulator import ownership
from reconciler_simulator.faults import Notices
from reconciler_simulator.journal import Journal
from reconciler_simulator.model import Domain, Network
from reconciler_simulator.ownership import Ledger
from reconciler_simulator.site import Site
from reconciler_simulator.state import Changes

LOOK = 0.05
"""Seconds between two looks at the file."""


class Watch:
    """A thread that looks whether the file has grown. `known` has the addresses of what was seen, by origin."""

    def __init__(
        self, site: Site, path: Path, known: Mapping[Address, Address], heard: Callable[[Notice], None]
    ) -> None:
        self._site, self._path, self._known, self._heard = site, path, known, heard
        self._decoder = msgspec.json.Decoder(Changes)
        self._over = threading.Event()
        self._journal = Journal(path)
        for _ in self._fresh():
            pass  # what was there before is for those who look

    def begin(self, mangled: Notices) -> None:
        """From now on tell what happens, `mangled` as somebody wishes."""
        arguments = (_Mangling(mangled, self._heard),)
        threading.Thread(target=self._run, args=arguments, name=f"watch {self._site.host}", daemon=True).start()

    def end(self) -> None:
        """Tell nothing more."""
        self._over.set()

    def _run(self, mangling: _Mangling) -> None:
        while not self._over.wait(LOOK):
            if not self._taken_up():
                self._heard(Notice(host=self._site.host, cause="the simulator's daemon was restarted", lost=True))
                return
            mangling.tell(list(self._news()))

    def _taken_up(self) -> bool:
        """Whether the file is the one that was read so far, or the host's first."""
        if self._journal.is_current():
            return True
        before, self._journal = self._journal, Journal(self._path)
        return before.empty

    def _fresh(self) -> Iterator[bytes]:
        try:
            yield from (line for _, line in self._journal.fresh())
        except ValueError:
            return  # its first line is still being written

    def _news(self) -> Iterator[Notice]:
        for line in self._fresh():
            changes = self._decoder.decode(line)
            yield from self._of("Instance", changes.domains)
            yield from self._of("Network", changes.networks)

    def _of(self, kind: str, things: Mapping[str, Domain | None] | Mapping[str, Network | None]) -> Iterator[Notice]:
        for name, thing in things.items():
            address = self._address(kind, name, thing)
            if address or self._site.claims(name):
                told = "is gone" if thing is None else "runs" if thing.running else "does not run"
                cause = f"its {ownership.THINGS[kind]} {told}"
                yield Notice(host=self._site.host, address=address, cause=cause)

    def _address(self, kind: str, name: str, thing: Domain | Network | None) -> Address | None:
        verdict = ownership.judge(self._site, kind, name, thing.uuid, thing.metadata) if thing else None
        if isinstance(verdict, Ledger):
            return Address.parse(verdict.address)
        named = self._site.named(kind, name)
        return self._known.get(named[0], named[0]) if named else None


class _Mangling:
    """Loses, repeats and turns round what is to be told, as a network of messages may."""

    def __init__(self, wishes: Notices, heard: Callable[[Notice], None]) -> None:
        self._wishes, self._heard = wishes, heard
        self._count = 0

    def tell(self, notices: list[Notice]) -> None:
        """Tell what was heard in one look, as far as it is not lost."""
        told = [each for each in notices if not self._loses()]
        for each in reversed(told) if self._wishes.reorder else told:
            for _ in range(self._wishes.repeat):
                self._heard(each)

    def _loses(self) -> bool:
        self._count += 1
        return self._wishes.lose > 0 and self._count % self._wishes.lose == 0
