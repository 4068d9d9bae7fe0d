"""One look at a host: everything of ours that libvirt and the kernel show, read in bulk and parsed once."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import libvirt
import msgspec

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Ended
from reconciler_libvirt import ledger, links, names
from reconciler_libvirt.connection import calls
from reconciler_libvirt.ending import ended, going_down
from reconciler_libvirt.enforcement import TableState
from reconciler_libvirt.links import Link, Links
from reconciler_libvirt.site import Site
from reconciler_libvirt.understood import Understood
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.network import NetworkSpec
from reconciler_libvirt.xml.storage import Volume

T = TypeVar("T")
Spec = TypeVar("Spec", DomainSpec, NetworkSpec)

NOTHING = Understood()
"""For a look at one thing: what was just changed was never seen before."""
_THREADS = 4
"""XML is read twice as fast from four threads on one connection, and no faster from more."""
_STATES = (
    libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE,
    libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
    libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
)
_UNTOLD = (libvirt.VIR_DOMAIN_NOSTATE, 0)
"""The state of one that came or went between two calls."""
_RUNS = re.compile(r"<domain\b[^>]*\sid=")
"""How the XML of a domain that runs begins; one that does not has no number."""
_DERIVED = 5
"""The version of the UUIDs that we derive."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A domain or a network. `stored` and `running` are its forms as far as they bear our mark; `reason` says why
    they do not. `ended` says how a domain that is off came to its end.
    """

    name: str
    uuid: str
    active: bool
    paused: bool = False
    autostart: bool = False
    stored: DomainSpec | NetworkSpec | None = None
    running: DomainSpec | NetworkSpec | None = None
    reason: str = ""
    ended: Ended = ""


class HostReading(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen. `table` is None when the kernel could not be asked; `links` are the host's network devices;
    `gaps` say what was not seen.
    """

    domains: tuple[Reading, ...] = ()
    networks: tuple[Reading, ...] = ()
    volumes: Mapping[str, Volume] = {}
    named: Mapping[str, Mapping[str, Volume]] = {}
    table: TableState | None = None
    links: Links = {}
    gaps: tuple[str, ...] = ()

    @property
    def bridges(self) -> Mapping[str, str]:
        """The bridge of each device that is plugged into one."""
        return plugged(self.links)


def read(site: Site, understood: Understood = NOTHING) -> HostReading:
    """Look at the whole host. Raises `DriverError` when libvirt does not answer at all."""
    gaps: list[str] = []
    with calls("listing domains and networks"):
        domains = site.connection.listAllDomains()
        states = _States(site.connection)
        networks = site.connection.listAllNetworks()
    with ThreadPoolExecutor(_THREADS) as threads:
        volumes = threads.submit(_part, gaps, HostReading(), functools.partial(read_volumes, site))
        table = threads.submit(_part, gaps, None, site.table.observe)
        devices = threads.submit(_part, gaps, dict[str, Link](), functools.partial(links.read, site.channel))
        look = functools.partial(_look, site, gaps, understood)
        found = list(threads.map(look, _concerned(site, domains), itertools.repeat(states)))
        nets = list(threads.map(look, _concerned(site, networks)))
    if leaving := going_down(site.channel, [each.ended for each in found if each]):
        gaps.append(leaving)
    return HostReading(
        domains=tuple(autostarted(each, each.uuid in states.autostarted) for each in found if each),
        networks=tuple(reading for reading in nets if reading),
        volumes=volumes.result().volumes,
        named=volumes.result().named,
        table=table.result(),
        links=devices.result(),
        gaps=tuple(gaps),
    )


def autostarted(reading: Reading, autostart: bool) -> Reading:
    """The same of a domain that starts with its host, or does not."""
    return msgspec.structs.replace(reading, autostart=True) if autostart else reading


class _States:
    """How all domains are, asked for by one call each and not by one for each domain."""

    def __init__(self, connection: libvirt.virConnect) -> None:
        self._active, self._persistent, self.autostarted = (
            {each.UUIDString() for each in connection.listAllDomains(flag)} for flag in _STATES
        )
        told = connection.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
        self._states = {each.UUIDString(): (stats["state.state"], stats["state.reason"]) for each, stats in told}

    def of(self, domain: libvirt.virDomain) -> _Condition:
        """How one of them is."""
        identity = domain.UUIDString()
        active, persistent = identity in self._active, identity in self._persistent
        return _condition(active, persistent, *self._states.get(identity, _UNTOLD))


class _Condition(msgspec.Struct, frozen=True):
    """Whether it runs, whether it is stored, whether it is paused, and how it ended if it is off."""

    active: bool
    persistent: bool
    paused: bool = False
    ended: Ended = ""


def _condition(active: bool, persistent: bool, state: int, reason: int) -> _Condition:
    paused = state == libvirt.VIR_DOMAIN_PAUSED
    return _Condition(active, persistent, paused, "" if active else ended(state, reason))


def _ask(handle: libvirt.virDomain | libvirt.virNetwork) -> _Condition:
    """The same of one thing, as it is now."""
    active, persistent = bool(handle.isActive()), bool(handle.isPersistent())
    if not isinstance(handle, libvirt.virDomain):
        return _Condition(active, persistent)
    state, reason = handle.state()
    return _condition(active, persistent, state, reason)


def read_volumes(site: Site, of: Address | None = None) -> HostReading:
    """Look at storage only, all of it or what bears the name of one origin. Raises `DriverError` when a pool that
    volumes of ours lie in cannot be seen.
    """
    volumes = site.storage.read("" if of is None else site.identity.name(of) + ".")
    marks = (named for name in volumes if (named := names.read_volume(site.identity, name)) and named.role == "mark")
    needed = {names.read_made(mark.part)[1] for mark in marks if names.is_made(mark.part)}
    pools = sorted({*site.storage.named, *(pool for pool in needed if pool)})
    own = (site.identity.prefix if of is None else site.identity.name(of)) + "."
    found = {pool: site.storage.pool(pool).look(own, pool in needed) for pool in pools}
    return HostReading(volumes=volumes, named=found)


def _part(gaps: list[str], nothing: T, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except DriverError as error:
        gaps.append(str(error))
        return nothing


Handle = TypeVar("Handle", libvirt.virDomain, libvirt.virNetwork)


def _concerned(site: Site, handles: Iterable[Handle]) -> list[Handle]:
    """Those that bear our name, or a UUID of the derived sort, which may be ours under another name."""
    prefix = site.identity.prefix + "."
    return [one for one in handles if one.name().startswith(prefix) or one.UUID()[6] >> 4 == _DERIVED]


def _look(
    site: Site,
    gaps: list[str],
    understood: Understood,
    handle: libvirt.virDomain | libvirt.virNetwork,
    states: _States | None = None,
) -> Reading | None:
    """One domain or network; None when it went away while we looked, a gap when it cannot be read."""
    name = handle.name()
    try:
        return look(site, handle, understood, states)
    except DriverError as error:
        if error.error_class is not ErrorClass.GONE:
            gaps.append(str(error))
    except ValueError as error:
        gaps.append(f"{name}: {error}")
    return None


def look(
    site: Site,
    handle: libvirt.virDomain | libvirt.virNetwork,
    understood: Understood = NOTHING,
    states: _States | None = None,
) -> Reading:
    """One domain or network: as it is now, or a domain as it was when all `states` were asked for."""
    is_domain = isinstance(handle, libvirt.virDomain)
    parser = understood.domain if is_domain else understood.network
    inactive = libvirt.VIR_DOMAIN_XML_INACTIVE if is_domain else libvirt.VIR_NETWORK_XML_INACTIVE
    with calls(f"reading {handle.name()}"):
        now = states.of(handle) if states else _ask(handle)
        stored = handle.XMLDesc(inactive) if now.persistent else None
        running = handle.XMLDesc(0) if now.active else None
    if states and running and not _RUNS.match(running):  # it has stopped since, and this is its stored form
        return look(site, handle, understood)
    name, uuid = handle.name(), handle.UUIDString()
    reading = Reading(name=name, uuid=uuid, active=now.active, paused=now.paused, ended=now.ended)
    fleet_id = site.identity.fleet_id
    try:
        return msgspec.structs.replace(
            reading,
            stored=_read(parser, stored, fleet_id),
            running=_read(parser, running, fleet_id),
        )
    except ledger.NotOurs as verdict:
        return msgspec.structs.replace(reading, reason=str(verdict))


def _read(parser: Callable[[str, str], Spec], text: str | None, fleet_id: str) -> Spec | None:
    return None if text is None else parser(text, fleet_id)


def plugged(there: Links) -> dict[str, str]:
    """The bridge of each network device that is plugged into one."""
    return {name: link.master for name, link in there.items() if link.master}
