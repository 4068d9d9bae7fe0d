"""The driver: one fleet on one libvirt host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Files, HostConfig, Lease, Progress
from reconciler.identity import Identity
from reconciler.objects import Observed, Wanted
from reconciler.observation import Complete, Failed, Foreign, Partial, Snapshot
from reconciler.plan import Step
from reconciler_libvirt import doctor, facts, reading
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.connection import connect, settings
from reconciler_libvirt.enforcement import Table
from reconciler_libvirt.objects import image, instance, network, security_group
from reconciler_libvirt.reading import HostReading
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.storage import Storage


class Kind(Protocol):
    """What a module of `objects` has."""

    def observe(self, site: Site, reading: HostReading) -> Iterator[Observed | Foreign]:
        """All that is there of the kind."""

    def ensure(self, task: Task) -> None:
        """Bring one object to what is wanted."""

    def delete(self, site: Site, observed: Observed, progress: Progress) -> None:
        """Remove one object."""


KINDS: dict[str, Kind] = {
    "Image": image,
    "Network": network,
    "SecurityGroup": security_group,
    "Instance": instance,
}


class LibvirtDriver:
    """One host. Several threads may apply steps at once."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._begun: set[str] = set()

    @classmethod
    def open(cls, host: HostConfig, files: Files) -> LibvirtDriver:
        """Connect. Raises `DriverError`."""
        chosen = settings(host.name, host.connection)
        identity, channel = Identity(host.fleet_id), Channel(chosen.channel.prefix)
        connection = connect(chosen)
        site = Site(
            host=host.name,
            identity=identity,
            settings=chosen,
            connection=connection,
            channel=channel,
            storage=Storage(connection, identity, chosen.pool, channel),
            table=Table(identity, channel),
            files=files,
        )
        return cls(site)

    def lock(self) -> AbstractContextManager[Lease]:
        """Become the host's only writer, or raise `DriverError` (held). The lock goes when the process goes."""
        return self._site.channel.lock()

    def observe(self) -> Snapshot:
        """All that is ours on the host; never modifies. What could not be seen is a gap."""
        host = self._site.host
        try:
            seen = reading.read(self._site)
            host_facts = facts.read(self._site, seen.table)
        except DriverError as error:
            return Snapshot(host=host, status=Failed(str(error)))
        found = list(self._found(seen))
        if pool := self._site.storage.foreign():
            found.append(pool)
        return Snapshot(
            host=host,
            status=Partial(seen.gaps) if seen.gaps else Complete(),
            facts=host_facts,
            objects=tuple(sorted((one for one in found if isinstance(one, Observed)), key=lambda one: one.key)),
            foreign=tuple(sorted({one for one in found if isinstance(one, Foreign)}, key=str)),
        )

    def _found(self, seen: HostReading) -> Iterator[Observed | Foreign]:
        for kind in KINDS.values():
            yield from kind.observe(self._site, seen)

    def apply(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        """Carry a step out and return what is there now, read back (None when it is gone)."""
        kind = KINDS[step.key.address.kind]
        observed = self._look(step)
        if step.verb == "delete":
            if observed:
                self._expect(step, observed)
                kind.delete(self._site, observed, progress)
            return self._look(step)
        if step.wanted is None:
            raise DriverError(ErrorClass.YOURS, f"step {step.id} wants nothing")
        if not self._done(step, observed):
            try:
                kind.ensure(Task.of(self._site, step, step.wanted, commit, progress))
            except ValueError as error:
                raise DriverError(ErrorClass.YOURS, f"{step.key}: {error}") from error
        return self._look(step)

    def _look(self, step: Step) -> Observed | None:
        """The object that a step means, as it is now. Raises `DriverError` (exists) when another's is in its place."""
        for found in KINDS[step.key.address.kind].observe(self._site, self._read(step)):
            if isinstance(found, Foreign) and found.claims == step.key:
                raise DriverError(ErrorClass.EXISTS, f"{found.what} {found.name} is in the way: {found.reason}")
            if isinstance(found, Observed) and _means(step, found):
                return found
        return None

    def _read(self, step: Step) -> HostReading:
        """Only what the step's object is made of."""
        site, address = self._site, step.key.address
        origin = step.wanted.origin if step.wanted else address
        if address.kind == "Image":
            return HostReading(volumes=site.storage.read())
        if address.kind == "SecurityGroup":
            return HostReading(table=site.table.observe())
        if address.kind == "Network":
            return HostReading(networks=tuple(reading.read_networks(site, [site.identity.name(origin)])))
        return reading.read_instance(site, origin)

    def _done(self, step: Step, observed: Observed | None) -> bool:
        """Whether a create finds what it would make; raises (race) at anything but what was planned on."""
        if step.expect is None and observed and step.wanted and _identical(step.wanted, observed):
            return True
        self._expect(step, observed)
        return False

    def _expect(self, step: Step, observed: Observed | None) -> None:
        """The object must be what was planned on, unless this very step has begun: then it is our own half work."""
        if step.id not in self._begun and (observed.digest() if observed else None) != step.expect:
            raise DriverError(ErrorClass.RACE, f"{step.key} is not what the plan was made for; plan again")
        self._begun.add(step.id)

    def console(self, address: Address) -> Sequence[str]:
        """The command that shows an instance's serial console."""
        for found in instance.observe(self._site, reading.read(self._site)):
            if isinstance(found, Observed) and found.key.address == address:
                name = self._site.identity.name(found.origin)
                return ["virsh", "-c", self._site.settings.uri, "console", name]
        raise DriverError(ErrorClass.GONE, f"{address} is not on host {self._site.host}")

    def reach(self) -> Sequence[str]:
        """A command prefix under which the guests can be connected to."""
        return self._site.channel.prefix

    def doctor(self) -> Sequence[tuple[bool, str, str]]:
        """Checks of the host: (passed, what was checked, what to do when it failed)."""
        return list(doctor.checks(self._site))

    def close(self) -> None:
        """Let go of the connection."""
        self._site.connection.close()


def _means(step: Step, observed: Observed) -> bool:
    """Whether it is the object of the step: by its identity, whatever address is written on it."""
    origin = step.wanted.origin if step.wanted else None
    return observed.key.part == step.key.part and (observed.key == step.key or observed.origin == origin)


def _identical(wanted: Wanted, observed: Observed) -> bool:
    """Whether an object is what is wanted already, in each of its forms."""
    forms = [observed.stored] + ([observed.running] if observed.running else [])
    same = all(form.get(path, value) == value for form in forms for path, value in wanted.fields.items())
    whole = wanted.fields.keys() <= observed.stored.keys() and not observed.incomplete
    return same and whole and wanted.guards == observed.guards
