"""What an instance has beyond its size, image and NICs, where somebody declares it: as fields, and as parts of a
domain.

A field that nobody declares is shown only where it differs from what a guest has by itself, and stays as it is. One
that was declared and no longer is goes back to that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

from msgspec.structs import replace

from reconciler.driver import DriverError, ErrorClass
from reconciler.objects import Value
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.traits import Traits
from reconciler_libvirt.xml.tuning import Tuning

T = TypeVar("T")

MAX_VCPUS, MAX_MEMORY = "vcpus.max", "memory.max"
AUTOSTART = "autostart"
_TOPOLOGY = ("extra.hw:cpu_sockets", "extra.hw:cpu_cores", "extra.hw:cpu_threads")
_PAGES = "extra.hw:mem_page_size"
_TRAITS: Mapping[str, tuple[str, Value]] = {
    "firmware": ("uefi", "bios"),
    "secureBoot": ("secure_boot", False),
    "guestAgent": ("agent", True),
    "extra.hw_rng:allowed": ("random", True),
    _PAGES: ("huge_pages", "small"),
    "extra.hw:watchdog_action": ("watchdog", None),
}
"""Field, attribute of `Traits`, and what a guest has by itself."""
_WORDS: Mapping[str, tuple[str, str]] = {"firmware": ("bios", "uefi"), _PAGES: ("small", "large")}
"""How a field says no and yes."""
_TUNING: Mapping[str, str] = {
    "extra.quota:cpu_shares": "shares",
    "extra.quota:cpu_period": "period",
    "extra.quota:cpu_quota": "quota",
    "extra.quota:disk_total_bytes_sec": "disk_bytes",
    "extra.quota:disk_total_iops_sec": "disk_operations",
    "extra.quota:vif_inbound_average": "inbound",
    "extra.quota:vif_outbound_average": "outbound",
}


def shown(spec: DomainSpec, owned: Collection[str]) -> Iterator[tuple[str, Value]]:
    """The fields of a domain's form. `owned` are those that were declared when it was last applied."""
    for path, value, usual in _all(spec):
        if path in owned or value != usual:
            yield path, value


def _all(spec: DomainSpec) -> Iterator[tuple[str, Value, Value]]:
    """Field, value, and what a guest has by itself."""
    yield MAX_VCPUS, spec.max_vcpus or spec.vcpus, spec.vcpus
    yield MAX_MEMORY, spec.max_memory or spec.memory, spec.memory
    for path, (name, usual) in _TRAITS.items():
        value = getattr(spec.traits, name)
        yield path, _WORDS[path][value] if path in _WORDS else value, usual
    for path, number in zip(_TOPOLOGY, spec.traits.topology or (None, None, None), strict=True):
        yield path, number, None
    for path, name in _TUNING.items():
        yield path, getattr(spec.tuning, name), None


def with_extras(spec: DomainSpec, fields: Mapping[str, Value], stored: DomainSpec | None) -> DomainSpec:
    """A spec with what is declared of these, and with what is stored of those that nobody ever declared."""
    owned = stored.record.owned if stored else {}

    def chosen(path: str, there: T, usual: T, read: Callable[[Value], T]) -> T:
        value = fields.get(path)
        if value is not None:
            return read(value)
        return usual if stored is None or path in owned or path in fields else there

    before = stored or spec
    vcpus = chosen(MAX_VCPUS, before.max_vcpus, None, _number)
    memory = chosen(MAX_MEMORY, before.max_memory, None, _number)
    traits = {
        name: chosen(path, getattr(before.traits, name), getattr(Traits(), name), _reader(path))
        for path, (name, _) in _TRAITS.items()
    }
    tuning = {
        name: chosen(path, there := getattr(before.tuning, name), None if there is None else 0, _number)
        for path, name in _TUNING.items()
    }
    sized = replace(
        spec,
        max_vcpus=vcpus if vcpus and vcpus > spec.vcpus else None,
        max_memory=memory if memory and memory > spec.memory else None,
        tuning=Tuning(**tuning),
    )
    return replace(sized, traits=Traits(**traits, topology=_topology(sized, fields, before, owned)))


def _number(value: Value) -> int | None:
    return value if isinstance(value, int) else None


def _reader(path: str) -> Callable[[Value], Value]:
    return (lambda value: value == _WORDS[path][1]) if path in _WORDS else (lambda value: value)


def _topology(
    spec: DomainSpec, fields: Mapping[str, Value], before: DomainSpec, owned: Collection[str]
) -> tuple[int, int, int] | None:
    """What is not declared of it counts as one, if anything is."""
    most, there = spec.max_vcpus or spec.vcpus, before.traits.topology
    sockets, cores, threads = (_number(fields.get(path)) for path in _TOPOLOGY)
    if sockets is None and cores is None and threads is None:
        left = not any(path in owned or path in fields for path in _TOPOLOGY)
        return there if left and there and _product(there) == most else None
    found = (sockets or 1, cores or 1, threads or 1)
    if _product(found) != most:
        message = f"{spec.name}: {most} vCPUs do not make {found[0]} sockets of {found[1]} cores of {found[2]} threads"
        raise DriverError(ErrorClass.YOURS, message)
    return found


def _product(topology: tuple[int, int, int]) -> int:
    sockets, cores, threads = topology
    return sockets * cores * threads
