"""The kinds of resources, one module each. Importing this package registers them all."""

from reconciler.kinds import (
    flavor,
    fleet,
    host,
    image,
    instance_objects,
    keypair,
    network_objects,
    project,
    security_group,
    volume,
)
from reconciler.kinds.base import REGISTRY

__all__ = [
    "REGISTRY",
    "flavor",
    "fleet",
    "host",
    "image",
    "instance_objects",
    "keypair",
    "network_objects",
    "project",
    "security_group",
    "volume",
]
