"""Flavor: the size of an instance."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from reconciler import quantity
from reconciler.kinds.base import Kind, Problem, Size, Spec, Text, register
from reconciler.objects import Value


class ExtraSpecs(
    Spec,
    frozen=True,
    kw_only=True,
    rename={
        "cpu_sockets": "hw:cpu_sockets",
        "cpu_cores": "hw:cpu_cores",
        "cpu_threads": "hw:cpu_threads",
        "watchdog_action": "hw:watchdog_action",
        "mem_page_size": "hw:mem_page_size",
        "rng_allowed": "hw_rng:allowed",
        "cpu_shares": "quota:cpu_shares",
        "cpu_period": "quota:cpu_period",
        "cpu_quota": "quota:cpu_quota",
        "disk_total_bytes_sec": "quota:disk_total_bytes_sec",
        "disk_total_iops_sec": "quota:disk_total_iops_sec",
        "vif_inbound_average": "quota:vif_inbound_average",
        "vif_outbound_average": "quota:vif_outbound_average",
    },
):
    """Names and meaning are OpenStack's: https://docs.openstack.org/nova/latest/configuration/extra-specs.html."""

    cpu_sockets: Annotated[int, Meta(ge=1, le=512, description="Sockets that the guest sees.")] | None = None
    cpu_cores: Annotated[int, Meta(ge=1, le=512, description="Cores per socket.")] | None = None
    cpu_threads: Annotated[int, Meta(ge=1, le=8, description="Threads per core.")] | None = None
    watchdog_action: (
        Annotated[Literal["poweroff", "reset", "pause", "none"], Meta(description="What a guest that hangs gets.")]
        | None
    ) = None
    mem_page_size: Annotated[Literal["small", "large"], Meta(description="Pages that back its memory.")] | None = None
    rng_allowed: Annotated[bool, Meta(description="Whether it has a random number generator.")] | None = None
    cpu_shares: Annotated[int, Meta(ge=2, le=262144, description="Its weight when CPUs are short.")] | None = None
    cpu_period: Annotated[int, Meta(ge=1000, le=1000000, description="Microseconds of `quota:cpu_quota`.")] | None = (
        None
    )
    cpu_quota: (
        Annotated[int, Meta(ge=1000, le=17592186044415, description="Microseconds of CPU time in a period, per vCPU.")]
        | None
    ) = None
    disk_total_bytes_sec: Annotated[int, Meta(ge=1, le=1 << 50, description="Bytes per second, per disk.")] | None = (
        None
    )
    disk_total_iops_sec: (
        Annotated[int, Meta(ge=1, le=1 << 40, description="Operations per second, per disk.")] | None
    ) = None
    vif_inbound_average: Annotated[int, Meta(ge=1, le=1 << 31, description="KiB per second into a NIC.")] | None = None
    vif_outbound_average: Annotated[int, Meta(ge=1, le=1 << 31, description="KiB per second out of a NIC.")] | None = (
        None
    )


@functools.lru_cache(maxsize=4096)
def extra_fields(spec: FlavorSpec) -> Mapping[str, Value]:
    """The declared extra specs as fields: `extra.hw:cpu_cores`."""
    values = {f"extra.{name}": value for name, value in msgspec.to_builtins(spec.extra_specs).items()}
    return {path: value for path, value in values.items() if value is not None}


class FlavorSpec(Spec, frozen=True, kw_only=True):
    """Editing a flavor is a change of every instance that uses it, each under its own impact and consent."""

    vcpus: Annotated[int, Meta(ge=1, le=512, description="Virtual CPUs.")]
    memory: Annotated[Size, Meta(description="Guest memory, in whole MiB.")]
    disk: Annotated[Size, Meta(description="Size of the root disk; it can grow, never shrink.")]
    max_vcpus: (
        Annotated[int, Meta(ge=1, le=512, description="Virtual CPUs that a running guest can grow to.")] | None
    ) = None
    max_memory: Annotated[Size, Meta(description="Memory that a running guest can grow to.")] | None = None
    extra_specs: Annotated[ExtraSpecs, Meta(description="Finer traits, under OpenStack's names.")] = ExtraSpecs()
    description: Text = ""


LEAST_MEMORY, MOST_MEMORY = 16 << 20, 16 << 40
MEMORY_UNIT = 1 << 20
LEAST_DISK, MOST_DISK = 1 << 20, 256 << 40


def _check(spec: FlavorSpec) -> Iterator[Problem]:
    yield from _bounds("spec.memory", spec.memory, LEAST_MEMORY, MOST_MEMORY)
    yield from _whole("spec.memory", spec.memory)
    yield from _bounds("spec.disk", spec.disk, LEAST_DISK, MOST_DISK)
    yield from _headroom(spec)
    yield from _topology(spec)
    yield from _share(spec.extra_specs)


def _headroom(spec: FlavorSpec) -> Iterator[Problem]:
    if spec.max_vcpus is not None and spec.max_vcpus < spec.vcpus:
        yield _below("spec.maxVcpus", "vcpus", spec.vcpus)
    if spec.max_memory is not None:
        yield from _bounds("spec.maxMemory", spec.max_memory, LEAST_MEMORY, MOST_MEMORY)
        yield from _whole("spec.maxMemory", spec.max_memory)
        if quantity.parse(spec.max_memory) < quantity.parse(spec.memory):
            yield _below("spec.maxMemory", "memory", spec.memory)


def _below(path: str, start: str, value: object) -> Problem:
    detail = (
        f"A guest starts with `{start}: {value}`, and grows from there. Write at least as much, or remove this line."
    )
    return Problem(path, "max-below-start", "maximum is below the start", detail)


def _topology(spec: FlavorSpec) -> Iterator[Problem]:
    """A guest is given its topology once, with all the CPUs that it may ever have."""
    extra = spec.extra_specs
    declared = {"sockets": extra.cpu_sockets, "cores": extra.cpu_cores, "threads": extra.cpu_threads}
    named = [name for name, value in declared.items() if value is not None]
    product = math.prod(declared[name] or 1 for name in named)
    most = spec.max_vcpus or spec.vcpus
    if named and product != most:
        what = "maxVcpus" if spec.max_vcpus else "vcpus"
        detail = (
            f"Sockets times cores times threads is {product} (what is absent counts as 1), and `{what}` is {most}."
            " They must be equal."
        )
        yield Problem(f"spec.extraSpecs.hw:cpu_{named[0]}", "bad-topology", "CPU topology does not fit", detail)


def _share(extra: ExtraSpecs) -> Iterator[Problem]:
    """A share of CPU time is time per period: one number alone says nothing, or something else on the next host."""
    pair = {"quota:cpu_quota": extra.cpu_quota, "quota:cpu_period": extra.cpu_period}
    given = [name for name, value in pair.items() if value is not None]
    if len(given) == 1:
        (missing,) = pair.keys() - given
        detail = f"It means something beside `{missing}` only. Add that, such as `{missing}: 100000` (microseconds)."
        yield Problem(f"spec.extraSpecs.{given[0]}", "half-a-pair", "half of a pair is missing", detail)


def _bounds(path: str, size: str, least: int, most: int) -> Iterator[Problem]:
    if not least <= quantity.parse(size) <= most:
        detail = f"{size} is not between {quantity.render(least)} and {quantity.render(most)}."
        yield Problem(path, "out-of-bounds", "value is out of bounds", detail)


def _whole(path: str, size: str) -> Iterator[Problem]:
    """Hypervisors count memory in MiB, and libvirt rounds in silence: the difference would never close."""
    wanted = quantity.parse(size)
    if wanted % MEMORY_UNIT and wanted >= LEAST_MEMORY:
        lower = quantity.render(wanted - wanted % MEMORY_UNIT)
        detail = f"{size} is no whole number of MiB, in which guests get their memory. Did you mean `{lower}`?"
        yield Problem(path, "not-whole", "memory is not in whole MiB", detail)


KIND = register(Kind(name="Flavor", scope="fleet", spec=FlavorSpec, check=_check))
