"""Observation of a real libvirtd: a host of the test suite's own, with as many defined domains."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import msgspec

from benchmarks.fleet import FLEET_ID, PER_HOST
from benchmarks.measure import Cost, Figure, cold, least
from reconciler.address import Address
from reconciler.driver import HostConfig
from reconciler.identity import Identity
from reconciler.objects import digest
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.xml import domain
from reconciler_libvirt.xml.device import NicSpec
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.tree import render
from tests.support import hosts
from tests.support.hosts import Host

TIMES = 3
THREADS = 8
_OWNED = ("powerState", "vcpus", "memory", "disk.size", "image", "machine", "virtType", "seed.hostname", "seed.keys")
_OF_A_NIC = ("network", "mac", "address", "securityGroups", "dnsName", "filter")


def figures(counts: list[int]) -> Iterator[Figure]:
    """For each number of domains, with and without what an earlier observation has left."""
    if reason := hosts.why_not():
        raise SystemExit(f"Nothing is measured on a real libvirtd ({reason}); leave it out with an empty --domains.")
    with hosts.running("bench") as host:
        defined = 0
        for count in sorted(counts):
            _define(host, range(defined, count))
            defined = count
            yield from _observations(host, count)


def _observations(host: Host, count: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        cache = Path(folder) / "host.pack"
        config = HostConfig(
            name=host.name,
            driver="libvirt",
            fleet="bench",
            fleet_id=FLEET_ID,
            connection=host.connection,
            cache=str(cache),
        )
        command = ["benchmarks.observe", msgspec.json.encode(config).decode(), str(count)]
        first = [_without(cache, command) for _ in range(TIMES)]
        again = [cold(command, {}) for _ in range(TIMES)]
        floor = least(cold(["benchmarks.floor", "libvirt", host.uri], {}) for _ in range(TIMES))
    yield Figure(what="observation of libvirt, nothing cached", size=count, cost=least(first), floor=floor)
    yield Figure(what="observation of libvirt", size=count, cost=least(again), floor=floor)
    yield Figure(what="floor: domains listed, dumped and parsed", size=count, cost=floor)


def _without(cache: Path, command: list[str]) -> Cost:
    cache.unlink(missing_ok=True)
    return cold(command, {})


def _define(host: Host, numbers: range) -> None:
    """Domains as we make them, with nothing behind their disks: nobody starts them."""
    connection = libvirt.open(host.uri)
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(lambda number: connection.defineXML(_xml(number)), numbers))
    finally:
        connection.close()


def _xml(number: int) -> str:
    identity, address = (
        Identity(FLEET_ID),
        Address("Instance", f"shop-{number // PER_HOST:03}", f"web-{number % PER_HOST}"),
    )
    name, network = identity.name(address), Address("Network", address.project, "lan")
    paths = (*_OWNED, *(f"nics.lan.{path}" for path in _OF_A_NIC))
    spec = DomainSpec(
        name=name,
        uuid=identity.uuid(address),
        record=Record(
            fleet_id=FLEET_ID,
            address=address,
            origin=address,
            commit=uuid.uuid5(uuid.NAMESPACE_URL, name).hex,
            owned={path: digest(path) for path in paths},
            noted={"seed.hostname": address.name, "seed.keys": ("SHA256:" + "A" * 43,), "nics.lan.address": "10.0.0.2"},
        ),
        virt_type="qemu",
        machine="q35",
        vcpus=1,
        memory=512 << 20,
        root=f"{hosts.POOL}/{name}.root",
        seed=f"{hosts.POOL}/{name}.seed",
        nics=(
            NicSpec(
                name="lan",
                mac=identity.mac(network, str(number)),
                network=identity.name(network),
                tap="t" + identity.short(f"{address}/lan"),
            ),
        ),
    )
    return render(domain.write(spec))
