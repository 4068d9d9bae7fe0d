"""The kinds of resources, a module or a package each. Importing this package registers them all."""

from reconciler.kinds import flavor, fleet, host, image, instance, keypair, network, project, security_group, volume
from reconciler.kinds.base import REGISTRY
from reconciler.kinds.instance import objects as instance_objects
from reconciler.kinds.network import objects as network_objects

__all__ = [
    "REGISTRY",
    "flavor",
    "fleet",
    "host",
    "image",
    "instance",
    "instance_objects",
    "keypair",
    "network",
    "network_objects",
    "project",
    "security_group",
    "volume",
]
