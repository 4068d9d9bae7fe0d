"""What is remembered of hosts that were asked, also by a controller that only stands by."""

from __future__ import annotations

import time
from pathlib import Path

from reconciler.driver import DriverError, ErrorClass, HostConfig
from reconciler.reconcile import Options
from reconciler.serve.course import Course
from reconciler.serve.following.local import LocalBranch
from reconciler.serve.links import Links
from reconciler.serve.looking import Looking
from reconciler.serve.patience import LONGEST_AWAY, Patience
from reconciler.serve.publishing import Publisher
from reconciler.serve.telling.conditions import Conditions
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.overview import Shown
from tests.support.memory_driver import MemoryHost, MemoryType


class OneAway(MemoryType):
    """Hosts of which the one that is called `away` cannot be connected to."""

    def open(self, host: HostConfig, files: object) -> MemoryHost:
        if host.name == "away":
            raise DriverError(ErrorClass.TRANSIENT, "no route to host")
        return MemoryHost(host.name)


def test_who_only_connects_tries_again_what_failed_in_a_while_and_what_did_not_no_more() -> None:
    journal, conditions = Journal(), Conditions()
    course = Course(LocalBranch(Path(), "main"), Options(), "", journal, conditions)
    patience, links = Patience(journal), Links(lambda name: OneAway(), lambda notice: None)
    links.use([HostConfig(name=each, driver="memory", fleet="lab", fleet_id="f") for each in ("away", "near")])
    looking = Looking(course, links, patience, Publisher("", journal), journal, conditions, Shown())
    for name in ("away", "near"):
        patience.host_failed(name, 0.0)
    now = time.monotonic()
    looking.connect()
    assert patience.backoff.past(now) == set(), "else it would be tried without a pause"
    assert [0 < due - now <= LONGEST_AWAY + 10 for due in patience.hosts_away(now).values()] == [True]
    assert list(patience.hosts_away(now)) == ["away"]
    looking.close()
