"""The trusted configuration: how hosts are reached, which folders images may come from, and where secrets are had.

It is a file beside the controller and never part of a commit, because whoever writes it can run commands on every
host. So it must not be writable by others, and connections are given in parts: a URI can name a command to run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from reconciler.address import Address
from reconciler.desired import Desired
from reconciler.diagnostic import Diagnostic
from reconciler.document import Document
from reconciler.driver import DriverError, HostConfig
from reconciler.installed import driver_names, driver_type
from reconciler.kinds.base import Problem, Resource
from reconciler.kinds.instance import secret_of
from reconciler.mistake import Mistake
from reconciler.secret import SecretSource
from reconciler.suggest import did_you_mean, listed, shown
from reconciler.trust.configuration import TrustError, mistaken, read, unreadable
from reconciler.trust.fields import Configuration, FleetTrust
from reconciler.trust.projects import idle, suspects
from reconciler.xdg import cache_home, config_home, state_home

__all__ = ["Trust", "TrustError", "load"]

SIMULATOR = "simulator"
_ENTRY = """
fleets:
  {fleet_id}:
    hosts:
      {host}:
        driver: libvirt
        transport: unix
        socket: /run/libvirt/libvirt-sock
        pool: /var/lib/reconciler/images
        channel: {{prefix: []}}"""
_PASTED = """
fleets:
  {fleet_id}:
    secrets:
      {name}: {{file: /etc/reconciler/secrets/{name}}}"""
_STEP = re.compile(r"\.([^.\[\]`]+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
"""How msgspec says where a mistake is."""


class Trust:
    """The trusted configuration, read. `document` finds the places of its fields; None when there is no file."""

    def __init__(self, path: Path, configuration: Configuration, document: Document | None) -> None:
        self.path = path
        self._fleets = configuration.fleets
        self._document = document

    def folders(self, fleet_id: str) -> tuple[Path, ...]:
        """Where a fleet's images that are relative paths are looked for, in this order."""
        return tuple(Path(folder) for folder in self._of(fleet_id).folders)

    def fleet(self, fleet_id: str) -> FleetTrust:
        """All that is trusted for a fleet; one without a section has the defaults."""
        return self._of(fleet_id)

    @property
    def fleets(self) -> Mapping[str, FleetTrust]:
        """The sections, by fleet id."""
        return self._fleets

    def secrets(self, fleet_id: str) -> Mapping[str, SecretSource]:
        """Where each secret of a fleet comes from."""
        return self._of(fleet_id).secrets

    def missing_secrets(self, desired: Desired) -> list[Diagnostic]:
        """A warning for each `secretRef` that has no entry here: what needs it could not be made."""
        known = self._of(desired.fleet_id).secrets
        return [
            self._no_secret(desired, resource, name, known)
            for address, resource in sorted(desired.resources.items())
            if address.kind == "Instance" and (name := secret_of(resource.spec)) and name not in known
        ]

    def idle_projects(self, desired: Desired) -> tuple[str, ...]:
        """Entries of a fleet's `projects` that bind nothing: no such project is declared."""
        return idle(self._of(desired.fleet_id).projects, desired)

    def misspelt_projects(self, desired: Desired) -> list[Diagnostic]:
        """A warning for each of them that is probably a mistake."""
        section = ("fleets", desired.fleet_id, "projects")
        what = "entry is of no project"
        return [
            self._warned(Mistake((*section, name), "idle-project-entry", what, detail, at_key=True))
            for name, detail in suspects(self._of(desired.fleet_id).projects, desired).items()
        ]

    def hosts(self, desired: Desired) -> tuple[list[HostConfig], list[Diagnostic]]:
        """How each host that the fleet declares is reached; which of them cannot be, and which others there are."""
        found: list[HostConfig] = []
        mistakes: list[Diagnostic] = []
        for address, resource in sorted(desired.resources.items()):
            if address.kind == "Host":
                host = self._host(desired, resource)
                if isinstance(host, Diagnostic):
                    mistakes.append(host)
                else:
                    found.append(host)
        return found, mistakes or [self._not_declared(desired, name) for name in self.undeclared(desired)]

    def undeclared(self, desired: Desired) -> tuple[str, ...]:
        """Hosts of the fleet that no manifest names: nobody looks at them, whatever is still on them."""
        hosts = sorted(self._of(desired.fleet_id).hosts)
        return tuple(name for name in hosts if Address("Host", None, name) not in desired.resources)

    def _host(self, desired: Desired, resource: Resource) -> HostConfig | Diagnostic:
        entry = self._entry(desired, resource)
        if isinstance(entry, Diagnostic):
            return entry
        host = _host(desired, resource.address.name, entry)
        try:
            driver_type(host.driver).check(host)
        except DriverError as problem:
            return self._bad_section(desired, host, str(problem))
        return host

    def _entry(self, desired: Desired, resource: Resource) -> dict[str, Any] | Diagnostic:
        name, simulated = resource.address.name, resource.spec.driver == SIMULATOR
        entry = self._of(desired.fleet_id).hosts.get(name)
        if entry is None:
            return {"driver": SIMULATOR} if simulated else self._no_entry(desired, resource)
        if simulated and entry["driver"] != SIMULATOR:
            detail = f"{self.path} says {shown(entry['driver'])}. Remove this line, or the host's entry there."
            summary = "host is simulated here and real in the trusted configuration"
            return resource.mistake(Problem("spec.driver", "host-driver", summary, detail))
        if entry["driver"] not in driver_names():
            return self._no_driver(desired, name, entry["driver"])
        return entry

    def _not_declared(self, desired: Desired, name: str) -> Diagnostic:
        detail = (
            f"Nothing on {name} is seen or changed, and whatever may still run there is not made elsewhere without "
            f"consent. Declare Host/{name}, or remove its entry once it is empty."
        )
        path = ("fleets", desired.fleet_id, "hosts", name)
        summary = "host of this fleet is not declared"
        return self._warned(Mistake(path, "undeclared-host", summary, detail, at_key=True))

    def _warned(self, mistake: Mistake) -> Diagnostic:
        """What is to be said of an entry."""
        assert self._document is not None, "an entry comes from a file"
        return msgspec.structs.replace(mistaken(self._document, mistake), severity="warning")

    def _no_entry(self, desired: Desired, resource: Resource) -> Diagnostic:
        known = self._of(desired.fleet_id).hosts
        paste = _ENTRY.format(fleet_id=desired.fleet_id, host=resource.address.name)
        detail = (
            f"How a host is reached is not for a commit to say.{did_you_mean(resource.address.name, known)}\n"
            f"Write this into {self.path}, or `driver: simulator` into the manifest:\n{paste}"
        )
        summary = "host is not in the trusted configuration"
        return resource.mistake(Problem("metadata.name", "no-host-entry", summary, detail))

    def _no_secret(
        self, desired: Desired, resource: Resource, name: str, known: Mapping[str, SecretSource]
    ) -> Diagnostic:
        detail = (
            f"{self.path} has no such entry for this fleet, and without it {resource.address} cannot be made anew."
            f"{did_you_mean(name, known)}\nWrite it there, with one of `file`, `environment` and `command`:\n"
            + _PASTED.format(fleet_id=desired.fleet_id, name=name)
        )
        summary = "secret is not in the trusted configuration"
        problem = Problem("spec.userDataFrom.secretRef", "no-secret-entry", summary, detail, severity="warning")
        return resource.mistake(problem)

    def _bad_section(self, desired: Desired, host: HostConfig, why: str) -> Diagnostic:
        """What its driver has against a host's section, at the field that it names."""
        words, _, at = why.partition(" - at ")
        section = ("fleets", desired.fleet_id, "hosts", host.name)
        inner = [name or int(index) for name, index in _STEP.findall(at)]
        unknown = _UNKNOWN.search(words)
        path = (*section, *inner, *([unknown[1]] if unknown else []))
        summary = "host's section is not valid"
        mistake = Mistake(
            path, "bad-host-entry", summary, f"{words[:1].upper()}{words[1:]}.", at_key=bool(unknown) or not inner
        )
        assert self._document is not None, "without a file there is nothing that can be wrong"
        return mistaken(self._document, mistake)

    def _no_driver(self, desired: Desired, host: str, driver: str) -> Diagnostic:
        path = ("fleets", desired.fleet_id, "hosts", host, "driver")
        installed = driver_names()
        detail = f"{shown(driver)} is none of {listed(installed)}.{did_you_mean(driver, installed)}"
        assert self._document is not None, "an entry comes from a file"
        return mistaken(self._document, Mistake(path, "no-driver", "driver is not installed", detail))

    def _of(self, fleet_id: str) -> FleetTrust:
        return self._fleets.get(fleet_id) or FleetTrust()


def load(path: Path | None) -> Trust:
    """Read the trusted configuration: of `path`, else of $RECONCILER_CONFIG, else of the usual place, where it may be
    absent. Raises `TrustError` when it cannot be read, has mistakes, or can be written by others.
    """
    named = path or _from_environment()
    path = named or config_home() / "reconciler" / "config.yaml"
    try:
        return Trust(path, *read(path))
    except FileNotFoundError:
        if named:
            raise unreadable(path, "There is no such file.") from None
        return Trust(path, Configuration(), None)


def _from_environment() -> Path | None:
    text = os.environ.get("RECONCILER_CONFIG", "")
    return Path(text) if text else None


def _host(desired: Desired, name: str, entry: dict[str, Any]) -> HostConfig:
    connection = {key: value for key, value in entry.items() if key not in ("driver", "patience")}
    if entry["driver"] == SIMULATOR:
        folder = state_home() / "reconciler" / SIMULATOR / desired.fleet_id
        connection.setdefault("state", str(folder / f"{name}.json"))
    return HostConfig(
        name=name,
        driver=entry["driver"],
        fleet=desired.name,
        fleet_id=desired.fleet_id,
        connection=connection,
        patience=entry.get("patience"),
        cache=str(cache_home() / "reconciler" / "hosts" / desired.fleet_id / f"{name}.pack"),
    )
