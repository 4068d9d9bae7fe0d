"""Where the driver works: one fleet on one host, and the handles to reach it."""

from __future__ import annotations

import libvirt
import msgspec

from reconciler.address import Address, ObjectKey
from reconciler.driver import Files, Progress
from reconciler.identity import Identity
from reconciler.impact import Impact
from reconciler.objects import Wanted
from reconciler.plan import Step
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.enforcement import Table
from reconciler_libvirt.settings import Settings
from reconciler_libvirt.storage import Storage


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One fleet on one host."""

    host: str
    identity: Identity
    settings: Settings
    connection: libvirt.virConnect
    channel: Channel
    storage: Storage
    table: Table
    files: Files

    def key(self, address: Address, part: str = "") -> ObjectKey:
        """The object that stands for an address here."""
        return ObjectKey(self.host, address, part)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a step asks for, and how far it may go."""

    site: Site
    progress: Progress
    wanted: Wanted
    commit: str
    impact: Impact = Impact.NONE
    waiting: tuple[str, ...] = ()

    @classmethod
    def of(cls, site: Site, step: Step, wanted: Wanted, commit: str, progress: Progress) -> Task:
        """The task that a step is."""
        return cls(site=site, progress=progress, wanted=wanted, commit=commit, impact=step.impact, waiting=step.waiting)

    @property
    def may_restart(self) -> bool:
        """Whether the guest may be stopped and started."""
        return self.impact.rank >= Impact.RESTART.rank

    @property
    def may_rebuild(self) -> bool:
        """Whether its root disk may be made anew."""
        return self.impact.rank >= Impact.REBUILD.rank

    @property
    def name(self) -> str:
        """libvirt's name of the object."""
        return self.site.identity.name(self.wanted.origin)

    @property
    def uuid(self) -> str:
        """Its UUID."""
        return self.site.identity.uuid(self.wanted.origin)
