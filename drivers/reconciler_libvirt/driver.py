"""The driver: one fleet on one libvirt host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Files, HostConfig, Lease, Notice, Progress
from reconciler.expectation import Expectations
from reconciler.objects import Observed
from reconciler.observation import Complete, Failed, Foreign, Partial, Sighting, Snapshot
from reconciler.plan import Step
from reconciler_libvirt import doctor, facts, readiness, reading, rereading, survey
from reconciler_libvirt.access import Access
from reconciler_libvirt.connection import calls
from reconciler_libvirt.objects import image, instance, network, security_group, volume
from reconciler_libvirt.reading import HostReading
from reconciler_libvirt.site import Site, Task
from reconciler_libvirt.understood import Understood
from reconciler_libvirt.watching import Watch


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
    "Volume": volume,
    "Network": network,
    "SecurityGroup": security_group,
    "Instance": instance,
}
STORED = ("Image", "Instance", "Volume")
"""Kinds with volumes; with the last volume goes the pool."""


class LibvirtDriver:
    """One host. Several threads may apply steps at once."""

    def __init__(self, host: HostConfig, files: Files) -> None:
        self._config = host
        self._access = Access(host, files)
        self._expectations = Expectations()
        self._watch: Watch | None = None
        self._addresses: dict[str, Address] = {}
        """Of what was seen, by UUID: the name of what was renamed is that of its origin."""

    @property
    def _site(self) -> Site:
        return self._access.site

    def lock(self) -> AbstractContextManager[Lease]:
        """Become the host's only writer, or raise `DriverError` (held). The lock goes when the process goes."""
        return self._site.channel.lock()

    def lead(self, term: float) -> AbstractContextManager[Lease]:
        """Become the fleet's controller as far as this host can tell, or raise `DriverError` (held)."""
        return self._site.channel.lead(self._config.fleet_id, term)

    def watch(self, heard: Callable[[Notice], None]) -> bool:
        """Tell whenever something of ours on the host changes; False when the host cannot. Raises `DriverError` when
        it cannot be reached.
        """
        if self._watch:
            self._watch.end()
        self._watch = self._access.hear(self._addresses, heard)
        return self._watch is not None

    def observe(self) -> Snapshot:
        """All that is ours on the host; never modifies. What could not be seen is a gap."""
        host = self._config.name
        try:
            site = self._access.again()
            understood = Understood(self._config.cache)
            seen = reading.read(site, understood)
            understood.save()
            host_facts = facts.read(site, seen.table)
            pool = site.storage.foreign()
        except DriverError as error:
            return Snapshot(host=host, status=Failed(str(error)))
        found = [*self._found(seen), *([pool] if pool else [])]
        self._addresses.update((one.uid, one.key.address) for one in found if isinstance(one, Observed))
        return Snapshot(
            host=host,
            status=Partial(seen.gaps) if seen.gaps else Complete(),
            facts=host_facts,
            objects=tuple(sorted((one for one in found if isinstance(one, Observed)), key=lambda one: one.key)),
            foreign=tuple(sorted({one for one in found if isinstance(one, Foreign)}, key=str)),
        )

    def glance(self) -> str:
        """What libvirt shows costs as much as it takes to look at it."""
        return ""

    def _found(self, seen: HostReading) -> Iterator[Observed | Foreign]:
        for kind in KINDS.values():
            yield from kind.observe(self._site, seen)

    def apply(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        """Carry a step out and return what is there now, read back (None when it is gone)."""
        self._access.again()
        with calls("the step was under way"):  # what only looks is not told of call by call
            result = self._carry_out(step, commit, progress)
        self._expectations.over(step)
        self._addresses.update({result.uid: result.key.address} if result else {})
        return result

    def _carry_out(self, step: Step, commit: str, progress: Progress) -> Observed | None:
        kind = KINDS[step.key.address.kind]
        observed = self._look(step)
        if step.verb == "delete":
            if observed:
                self._expectations.check(step, observed)
                kind.delete(self._site, observed, progress)
            if step.key.address.kind in STORED:
                self._site.storage.remove_if_empty(progress)
            return self._look(step)
        if step.wanted is None:
            raise DriverError(ErrorClass.YOURS, f"step {step.id} wants nothing")
        if not self._expectations.done(step, observed):
            try:
                kind.ensure(Task.of(self._site, step, step.wanted, commit, progress))
            except ValueError as error:
                raise DriverError(ErrorClass.YOURS, f"{step.key}: {error}") from error
        return self._look(step)

    def _look(self, step: Step) -> Observed | None:
        """The object that a step means, as it is now. Raises `DriverError` (exists) when another's is in its place,
        or in that of something it needs.
        """
        seen = self._read(step)
        found = list(self._found(seen))
        self._refuse_foreign(step, seen, [one for one in found if isinstance(one, Foreign)])
        return next((one for one in found if isinstance(one, Observed) and _means(step, one)), None)

    def _read(self, step: Step) -> HostReading:
        """Only what the step's object is made of."""
        site, address = self._site, step.key.address
        needs = step.wanted.needs if step.wanted else ()
        if address.kind == "Image":
            return HostReading(volumes=site.storage.read(site.identity.name(address) + "."))
        if address.kind == "Volume":
            return reading.read_volumes(site, _origin(step))
        if address.kind == "SecurityGroup":
            return HostReading(table=site.table.observe())
        if address.kind == "Network":
            return rereading.read_network(site, _origin(step))
        networks = [need.address for need in needs if need.address.kind == "Network"]
        seen = rereading.read_instance(site, _origin(step), networks)
        return reading.read(site) if step.wanted is None and not _shows(seen, address) else seen

    def _refuse_foreign(self, step: Step, seen: HostReading, foreign: list[Foreign]) -> None:
        """Nothing is made over, or on top of, what is not ours."""
        concerned = {step.key, *(step.wanted.needs if step.wanted else ())}
        for one in foreign:
            if one.claims in concerned or one.what == "table":
                message = f"{one.what} {one.name} is in the way of {step.key}: {one.reason}"
                raise DriverError(ErrorClass.EXISTS, message)
        identity, origin = self._site.identity, _origin(step)
        for reading_ in (*seen.domains, *seen.networks):
            if reading_.uuid == identity.uuid(origin) and reading_.name != identity.name(origin):
                message = f"{reading_.name} has the UUID of {step.key}; rename it back, or remove it if nobody needs it"
                raise DriverError(ErrorClass.EXISTS, message)

    def ready(self, instance: Address, check: str) -> str:
        """Look once whether an instance passes a readiness check: empty when it does."""
        site = self._access.again()
        with calls("looking whether it is ready"):
            return readiness.missing(site, instance, check)

    def survey(self) -> Sequence[Sighting]:
        """Everything on the host, ours or not."""
        site = self._access.again()
        with calls("looking at everything"):
            return survey.survey(site)

    def proxy(self) -> Sequence[str]:
        """The command that SSH takes as `ProxyCommand`; empty when none is needed."""
        return self._site.channel.proxy()

    def console(self, address: Address) -> Sequence[str]:
        """The command that shows an instance's serial console."""
        for found in instance.observe(self._site, reading.read(self._site)):
            if isinstance(found, Observed) and found.key.address == address:
                name = self._site.identity.name(found.origin)
                return self._console(name)
        raise DriverError(ErrorClass.GONE, f"{address} is not on host {self._site.host}")

    def _console(self, name: str) -> Sequence[str]:
        """On a host that is reached by ssh, virsh runs there."""
        chosen = self._site.settings
        login, uri = chosen.login if chosen.transport == "ssh" else None, chosen.uri()
        shown = ["virsh", "-c", uri, "console", name]
        return login.command([*chosen.channel.prefix, *shown], "-tt") if login else shown

    def reach(self) -> Sequence[str]:
        """A command prefix under which the guests can be connected to; one behind ssh gets one word that a shell
        there reads.
        """
        channel = self._site.channel
        return [*(channel.tunnel.login.words() if channel.tunnel else ()), *channel.prefix]

    def doctor(self) -> Sequence[tuple[bool, str, str]]:
        """Checks of the host: (passed, what was checked, what to do when it failed)."""
        return list(doctor.checks(self._site))

    def close(self) -> None:
        """Let go of the host."""
        if self._watch:
            self._watch.end()
        self._access.close()


def _origin(step: Step) -> Address:
    """A deletion does not say the origin; what is found under the address tells it."""
    return step.wanted.origin if step.wanted else step.key.address


def _shows(seen: HostReading, address: Address) -> bool:
    """Whether a domain bears that address: one that was renamed has a name and volumes of its origin's."""
    forms = (one.stored or one.running for one in seen.domains)
    return any(form is not None and form.record.address == address for form in forms)


def _means(step: Step, observed: Observed) -> bool:
    """Whether it is the object of the step: by its identity, whatever address is written on it."""
    same = observed.key.address == step.key.address or observed.origin == _origin(step)
    return same and observed.key.part == step.key.part
