"""One line per resource: what someone who looks through a list wants to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.kinds.base import Resource
from reconciler.objects import Observed, Value
from reconciler.publickey import fingerprint
from reconciler.report.line import counted
from reconciler.report.value import render

Objects = Sequence[Observed]


def one_line(resource: Resource | None, objects: Objects) -> str:
    """A few words: from the declaration if there is one, else from what stands."""
    if resource is not None:
        declared = _DECLARED[resource.address.kind]
        return declared(resource.spec, objects)
    first = objects[0]
    standing = _STANDING.get(first.key.address.kind)
    return standing(first.stored) if standing else ""


def _instance(spec: Any, objects: Objects) -> str:
    return f"flavor {spec.flavor}, image {spec.image}"


def _network(spec: Any, objects: Objects) -> str:
    return " ".join(word for word in (spec.mode, spec.cidr, spec.cidr6) if word)


def _security_group(spec: Any, objects: Objects) -> str:
    if not objects:
        return ""
    rules, members = (objects[0].stored.get(path) or () for path in ("rules", "members"))
    return f"{_number(rules, 'rule')}, {_number(members, 'member')}"


def _number(value: object, noun: str) -> str:
    return counted(len(value) if isinstance(value, tuple) else 0, noun)


def _image(spec: Any, objects: Objects) -> str:
    return f"{spec.format} sha256:{spec.sha256[:12]}"


def _flavor(spec: Any, objects: Objects) -> str:
    return f"{counted(spec.vcpus, 'vCPU')}, {spec.memory} memory, {spec.disk} disk"


def _keypair(spec: Any, objects: Objects) -> str:
    return fingerprint(spec.public_key) if spec.public_key else ""


def _project(spec: Any, objects: Objects) -> str:
    limits = {name: getattr(spec.quotas, name) for name in spec.quotas.__struct_fields__}
    return ", ".join(f"{name} {limit}" for name, limit in limits.items() if limit is not None) or "no quotas"


def _volume(spec: Any, objects: Objects) -> str:
    origin = f"from image {spec.image}" if spec.image else "blank"
    return f"{spec.size} {spec.format}, {origin}, {spec.deletion_policy}"


def _host(spec: Any, objects: Objects) -> str:
    return f"{spec.state}, {spec.driver or 'as in the trusted configuration'}"


def _fleet(spec: Any, objects: Objects) -> str:
    return str(spec.id)


_DECLARED: dict[str, Callable[[Any, Objects], str]] = {
    "Fleet": _fleet,
    "Project": _project,
    "Host": _host,
    "Flavor": _flavor,
    "Image": _image,
    "Network": _network,
    "Keypair": _keypair,
    "SecurityGroup": _security_group,
    "Volume": _volume,
    "Instance": _instance,
}
_STANDING: dict[str, Callable[[Mapping[str, Value]], str]] = {
    "Instance": lambda fields: f"{render('vcpus', fields.get('vcpus'))} vCPU, image {fields.get('image') or '-'}",
    "Network": lambda fields: f"{fields.get('mode') or '-'} {fields.get('cidr') or '-'}",
    "SecurityGroup": lambda fields: f"{_number(fields.get('rules'), 'rule')}",
    "Volume": lambda fields: f"{render('size', fields.get('size'))} {fields.get('format') or '-'}",
    "Image": lambda fields: str(fields.get("format") or "-"),
}
