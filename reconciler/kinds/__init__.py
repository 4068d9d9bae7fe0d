"""The kinds of resources, one module each. Importing this package registers them all."""

from reconciler.kinds import flavor, fleet, host, image, instance, keypair, network, security_group
from reconciler.kinds.base import REGISTRY

__all__ = ["REGISTRY", "flavor", "fleet", "host", "image", "instance", "keypair", "network", "security_group"]
