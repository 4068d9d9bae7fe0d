"""Looks at hosts: what they show is kept for the next plan, and told where it is new."""

from __future__ import annotations

import time
from collections.abc import Collection

from reconciler.observation import Failed
from reconciler.reconcile import Around, Loaded, files_of
from reconciler.serve.course import Course
from reconciler.serve.files import LatestFiles
from reconciler.serve.links import Links, Look
from reconciler.serve.patience import HOST, Patience
from reconciler.serve.publishing import Publisher
from reconciler.serve.telling import overview
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.overview import Shown


class Looking:
    """Only one thread may use it."""

    def __init__(
        self,
        course: Course,
        links: Links,
        patience: Patience,
        publisher: Publisher,
        journal: Journal,
        conditions: Conditions,
        shown: Shown,
    ) -> None:
        self._course, self._links, self._patience, self._publisher = course, links, patience, publisher
        self._journal, self._conditions, self._shown = journal, conditions, shown
        self._files = LatestFiles()
        self._errors: dict[str, str] = {}

    def use(self, loaded: Loaded, known: Around) -> None:
        """From now on it is about the hosts of this commit, with its files."""
        self._files.use(files_of(loaded, known))
        self._links.use(known.hosts)

    @property
    def hosts(self) -> list[str]:
        """Those that it is about."""
        return [link.config.name for link in self._links.all]

    def connect(self) -> None:
        """Connect to all hosts, and look at nothing. What comes of it is remembered: else one that was to be tried
        again would be so at once, for ever, by a controller that stands by.
        """
        self._links.look(self.hosts, self._files, observing=False)
        connected, now = self._links.connected, time.monotonic()
        for name in self.hosts:
            if name in connected:
                self._patience.backoff.worked(f"{HOST}{name}")
            else:
                self._patience.host_failed(name, now)

    def look(self, hosts: Collection[str]) -> dict[str, Look]:
        """Look at these hosts."""
        begun = time.monotonic()
        looks = self._links.look(hosts, self._files)
        text = f"looked at {', '.join(sorted(looks))}"
        self._journal.tell("Observed", text, "debug", seconds=time.monotonic() - begun)
        for link in self._links.all:
            if link.config.name in looks:
                self._tell(link.config.name, looks[link.config.name], link.snapshot.status)
        self._show()
        self._publish()
        return looks

    def _publish(self) -> None:
        loaded, known = self._course.loaded, self._course.around
        if loaded and known:
            self._publisher.keep(
                loaded, self._links.snapshots, self._links.hosts, known.undeclared, self._shown.applied
            )

    def _tell(self, name: str, look: Look, status: object) -> None:
        error = status.error if isinstance(status, Failed) else ""
        if look.failed:
            self._patience.host_failed(name, time.monotonic())
        else:
            self._patience.backoff.worked(f"{HOST}{name}")
        if error and error != self._errors.get(name):
            self._journal.tell("HostFailed", f"{name}: {error}", "error", host=name)
        elif not error and look.recovered:
            self._journal.tell("HostSeen", f"{name} is seen", host=name)
        self._errors[name] = error

    def lost(self, hosts: Collection[str]) -> None:
        """The connection to these is gone."""
        self._links.lost(hosts)
        now = time.monotonic()
        for host in hosts:
            self._patience.host_failed(host, now)
            self._journal.tell("HostLost", f"the connection to {host} is lost", "warning", host=host)
        if hosts:
            self._show()

    def _show(self) -> None:
        """Publish how the hosts are."""
        self._shown.hosts = tuple(overview.host_status(link) for link in self._links.all)
        bad = [each.name for each in self._shown.hosts if each.seen != "complete"]
        if bad:
            self._conditions.put("HostsReady", "False", "NotSeen", f"not completely seen: {', '.join(bad)}")
        else:
            self._conditions.put("HostsReady", "True", "Seen")

    def close(self) -> None:
        """Let go of everything."""
        self._files.use(None)
        self._links.close()
