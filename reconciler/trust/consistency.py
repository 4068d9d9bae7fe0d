"""What can be wrong with a trusted configuration whose fields are all of the right form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler import cidr
from reconciler.kinds import REGISTRY
from reconciler.mistake import Mistake
from reconciler.secret import SecretSource
from reconciler.suggest import did_you_mean, listed, shown

_LONGEST = 3600
_DRIVER = "Say which driver reaches it, such as `driver: libvirt`."
_URI = "libvirt runs commands that a URI names. Write its parts instead: `transport: unix` and `socket`."


def mistakes_in(plain: Any) -> list[Mistake]:
    """The mistakes of a configuration that its schema accepts: hosts, secrets, rules, ranges that cannot be meant."""
    return [*_host_mistakes(plain), *_secret_mistakes(plain), *_rule_mistakes(plain), *_range_mistakes(plain)]


def _host_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for name, entry in fleet.get("hosts", {}).items():
            path = ("fleets", fleet_id, "hosts", name)
            if not isinstance(entry.get("driver"), str):
                found.append(Mistake((*path, "driver"), "no-driver", "host has no driver", _DRIVER, at_key=True))
            if "uri" in entry:
                found.append(Mistake((*path, "uri"), "host-uri", "URIs are not accepted", _URI, at_key=True))
            if not _is_patience(entry.get("patience", 1)):
                detail = f"`patience` is how many seconds the host has to show what is on it: from 1 to {_LONGEST}."
                found.append(Mistake((*path, "patience"), "out-of-bounds", "value is out of bounds", detail))
    return found


def _is_patience(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= _LONGEST


def _secret_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for where, entry in _sources(fleet):
            given = msgspec.convert(entry, SecretSource).given
            if len(given) != 1:
                detail = (
                    f"A secret comes from exactly one of `file`, `environment` and `command`; this has {len(given)}."
                )
                path = ("fleets", fleet_id, *where)
                found.append(Mistake(path, "one-of", "exactly one is needed", detail, at_key=True))
    return found


def _sources(fleet: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Wherever a fleet's section says where a secret comes from."""
    for name, entry in fleet.get("secrets", {}).items():
        yield ("secrets", name), entry
    if (token := (fleet.get("repository") or {}).get("token")) is not None:
        yield ("repository", "token"), token
    for forge, entry in fleet.get("controller", {}).get("webhooks", {}).items():
        if entry is not None:
            yield ("controller", "webhooks", forge), entry


def _rule_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for number, rule in enumerate(fleet.get("rules", ())):
            for index, kind in enumerate(rule.get("kinds", ())):
                if kind != "*" and kind not in REGISTRY:
                    path = ("fleets", fleet_id, "rules", number, "kinds", index)
                    detail = f"{shown(kind)} is none of {listed(sorted(REGISTRY))}.{did_you_mean(kind, REGISTRY)}"
                    found.append(Mistake(path, "unknown-kind", "unknown kind", detail))
    return found


def _range_mistakes(plain: Any) -> list[Mistake]:
    found = []
    for fleet_id, fleet in (plain.get("fleets") or {}).items():
        for project, entry in fleet.get("projects", {}).items():
            for index, text in enumerate(entry.get("cidrs", ())):
                path = ("fleets", fleet_id, "projects", project, "cidrs", index)
                if wrong := _no_range(text):
                    detail = f"{shown(text)} is no range of addresses. {wrong}"
                    found.append(Mistake(path, "bad-cidr", "not a network", detail))
    return found


def _no_range(text: str) -> str:
    try:
        cidr.parse(text)
    except ValueError as problem:
        return str(problem)
    return ""
