"""One instance being changed: what every part of that looks at."""

from __future__ import annotations

import msgspec

from reconciler.address import Address
from reconciler.objects import Fields
from reconciler_simulator.calls import Calls
from reconciler_simulator.model import Domain, Form, Nic, Volume
from reconciler_simulator.objects.instance_form import form_of
from reconciler_simulator.site import Site, Task


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One instance being changed."""

    site: Site
    calls: Calls
    task: Task
    origin: Address

    @property
    def name(self) -> str:
        """The domain's name."""
        return self.site.identity.name(self.origin)

    @property
    def uuid(self) -> str:
        """The domain's UUID."""
        return self.site.identity.uuid(self.origin)

    @property
    def fields(self) -> Fields:
        """What is wanted."""
        return self.task.wanted.fields

    @property
    def domain(self) -> Domain | None:
        """The domain as it is now."""
        return self.calls.read().domains.get(self.name)

    @property
    def running(self) -> Form | None:
        """The running form as it is now."""
        return self.domain.running if self.domain else None

    def volume(self, name: str) -> Volume | None:
        """A volume as it is now."""
        return self.calls.read().volumes.get(name)

    def form(self) -> Form:
        """The form that is to be stored."""
        return form_of(self.site, self.calls.read(), self.task.wanted)

    def kept_nics(self) -> dict[str, Nic]:
        """The NICs that are to work from now on: those that run, and the wanted ones."""
        return {**self.form().nics, **(self.running.nics if self.running else {})}
