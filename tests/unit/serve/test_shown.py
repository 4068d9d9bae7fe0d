from __future__ import annotations

from reconciler.report.line import plain
from reconciler.serve.telling.shown import status_lines
from reconciler.serve.telling.status import Condition, HostStatus, ResourceStatus, Status, Suspension

TIME = "2026-01-02T03:04:05.678+00:00"


def test_a_status_says_in_utc_since_when_something_is_so_and_when_it_is_tried_again() -> None:
    status = Status(
        branch="main",
        conditions=(Condition(type="HostsReady", status="False", reason="NotSeen", message="kvm-02", since=TIME),),
        hosts=(HostStatus(name="kvm-02", seen="failed", error="no route to it", retry=TIME),),
        resources=(ResourceStatus(address="Instance/shop/web-1", state="failed", message="no room", retry=TIME),),
        suspensions=(Suspension(what="Host/kvm-02", by="ann@desk", time=TIME, reason="new disks"),),
        last_run=TIME,
    )
    lines = [" ".join(each.split()) for each in plain(status_lines(status)).splitlines()]
    assert "HostsReady False NotSeen 2026-01-02 03:04:05 kvm-02" in lines
    assert "kvm-02: not seen: no route to it; again at 2026-01-02 03:04:05 UTC" in lines
    assert "Instance/shop/web-1: failed: no room; again at 2026-01-02 03:04:05 UTC" in lines
    assert "Host/kvm-02 by ann@desk, 2026-01-02 03:04:05 UTC: new disks" in lines
    assert "last run 2026-01-02 03:04:05 UTC" in lines


def test_a_worker_promises_no_later_look() -> None:
    statuses = (Status(branch="main", worker=each, next_resync=TIME) for each in (True, False))
    worker, stays = (plain(status_lines(each)) for each in statuses)
    assert "now           a worker, which ends with its work; nothing is tried again after that\n" in worker
    assert "next look" not in worker
    assert "next look" in stays


def test_a_status_says_what_the_last_round_has_left() -> None:
    counts = {"create": 0, "update": 1, "delete": 0, "unchanged": 41, "waiting": 2}
    texts = [plain(status_lines(Status(branch="main", summary=each))) for each in (counts, {"unchanged": 44})]
    assert "left to do    1 to update, 2 waiting; 41 unchanged\n" in texts[0]
    assert "left to do    nothing; 44 unchanged\n" in texts[1]
