"""XML that was understood before: what it says is kept by its digest, so that what did not change is not parsed again.

Kept is what follows from the text alone, and only of things that bear our mark. Nothing is remembered of a mistake.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec

from reconciler import objects
from reconciler.pack import Pack, version_of
from reconciler_libvirt.xml import domain, network
from reconciler_libvirt.xml.domain import DomainSpec
from reconciler_libvirt.xml.network import NetworkSpec
from reconciler_libvirt.xml.tree import parse

Spec = TypeVar("Spec", DomainSpec, NetworkSpec)

# Made at import: threads that come to a type first, both at once, would end the process.
_DOMAIN = msgspec.msgpack.Decoder(DomainSpec)
_NETWORK = msgspec.msgpack.Decoder(NetworkSpec)
_ENCODER = msgspec.msgpack.Encoder()


class Understood:
    """What the XML of one host's domains and networks was found to say. Threads may ask at once."""

    def __init__(self, path: str = "") -> None:
        """`path` is the file in which it is kept from run to run; empty: it is not."""
        self._pack = Pack(Path(path), _version()) if path else None

    def domain(self, text: str, fleet_id: str) -> DomainSpec:
        """As `xml.domain.read`, of the text."""
        known = self._known(key := _key("domain", fleet_id, text), _DOMAIN)
        return known or self._kept(key, domain.read(parse(text), fleet_id))

    def network(self, text: str, fleet_id: str) -> NetworkSpec:
        """As `xml.network.read`, of the text."""
        known = self._known(key := _key("network", fleet_id, text), _NETWORK)
        return known or self._kept(key, network.read(parse(text), fleet_id))

    def save(self) -> None:
        """Keep for the next run what is new."""
        if self._pack:
            self._pack.save()

    def _known(self, key: str, decoder: msgspec.msgpack.Decoder[Spec]) -> Spec | None:
        data = self._pack.get(key) if self._pack else None
        try:
            return None if data is None else decoder.decode(data)
        except msgspec.DecodeError:
            return None

    def _kept(self, key: str, spec: Spec) -> Spec:
        if self._pack:
            self._pack.put(key, _ENCODER.encode(spec))
        return spec


def _key(kind: str, fleet_id: str, text: str) -> str:
    return hashlib.blake2b(f"{kind} {fleet_id} {text}".encode(), digest_size=20).hexdigest()


def _version() -> str:
    """That of the code which understands, and of what it is made of."""
    here, core = Path(__file__).parent, Path(objects.__file__).parent
    modules = [*here.glob("*.py"), *here.glob("xml/*.py"), *core.glob("*.py")]
    return f"{version_of(modules)} {msgspec.__version__}"
