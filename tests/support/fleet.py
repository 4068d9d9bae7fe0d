"""Small fleets, written as manifests: tests say what differs from the usual, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from reconciler.address import Address
from reconciler.desired import Desired, load
from reconciler.diagnostic import failed
from reconciler.manifest import Blob

FLEET_ID = "6b1f6f6e-4a53-4c1e-9d0e-3f1f5f0f7a11"
Manifest = dict[str, Any]


def manifest(kind: str, name: str, project: str | None = None, origin: str | None = None, **spec: Any) -> Manifest:
    """One manifest; `origin` is that of a renamed resource."""
    metadata = {"name": name, "project": project, "origin": origin}
    kept = {key: value for key, value in metadata.items() if value is not None}
    return {"apiVersion": "reconciler/v1", "kind": kind, "metadata": kept, "spec": spec}


def fleet(**spec: Any) -> Manifest:
    """The Fleet."""
    return manifest("Fleet", "lab", id=FLEET_ID, **spec)


def host(name: str = "kvm-01", **spec: Any) -> Manifest:
    """A host."""
    return manifest("Host", name, **spec)


def flavor(name: str = "small", **spec: Any) -> Manifest:
    """A flavor."""
    return manifest("Flavor", name, **{"vcpus": 1, "memory": "512Mi", "disk": "4Gi", **spec})


def image(name: str = "debian", content: str = "a", **spec: Any) -> Manifest:
    """An image whose content is named by one hex digit."""
    return manifest("Image", name, **{"source": f"{name}.qcow2", "sha256": content * 64, **spec})


def network(name: str = "lan", **spec: Any) -> Manifest:
    """A network of project shop."""
    return manifest("Network", name, "shop", **{"cidr": "10.10.0.0/24", **spec})


def volume(name: str = "data", **spec: Any) -> Manifest:
    """A volume of project shop."""
    return manifest("Volume", name, "shop", **{"size": "1Gi", **spec})


def group(name: str = "web", **spec: Any) -> Manifest:
    """A security group of project shop."""
    return manifest("SecurityGroup", name, "shop", **spec)


def instance(name: str = "web-1", origin: str | None = None, **spec: Any) -> Manifest:
    """An instance of project shop."""
    usual: Manifest = {"flavor": "small", "image": "debian", "networks": {"lan": {}}}
    return manifest("Instance", name, "shop", origin, **{**usual, **spec})


def blobs(manifests: Iterable[Manifest]) -> list[Blob]:
    """One file per manifest, named for it."""
    return [
        Blob(path=f"{each['kind']}-{each['metadata']['name']}.yaml", data=json.dumps(each).encode())
        for each in manifests
    ]


def desired(*manifests: Manifest) -> Desired:
    """What manifests desire; they have no mistakes."""
    found, diagnostics = load(blobs(manifests), lambda path: None)
    assert not failed(diagnostics), diagnostics
    return found


def usual(*more: Manifest) -> Desired:
    """A fleet of one host, one flavor, one image and one network, and what is added."""
    return desired(fleet(), host(), flavor(), image(), network(), *more)


def web(name: str = "web-1") -> Address:
    """The address of an instance."""
    return Address("Instance", "shop", name)
