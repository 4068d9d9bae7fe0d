"""How guests come to their end, and that a start which was cut off is not taken for an end of the guest's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from reconciler.guard.restart import stays_down
from reconciler.impact import Impact
from reconciler.objects import ENDED_BY_GUEST, Observed, Wanted
from tests.support.contract import WEB, Bench
from tests.support.rig import Cut, Rig, Watch, with_fields

STARTS = ("domain.start", "start_domain")


class CutAtStart(Watch):
    """A run that is cut off in front of its start of a guest."""

    def call(self, name: str, target: str) -> None:
        if name in STARTS:
            raise Cut
        super().call(name, target)


def _found(rig: Rig, wanted: Wanted) -> Observed:
    observed = rig.look(wanted)
    assert observed
    return observed


def _is_cut_off_and_finished(rig: Rig, wanted: Wanted, act: Callable[[Watch], object]) -> None:
    with pytest.raises(Cut):
        act(CutAtStart())
    cut = _found(rig, wanted)
    assert cut.running is None
    assert not stays_down(wanted, cut), "who looks now knows that it is to be started"
    started = rig.update(wanted)
    assert started.running is not None
    assert started.guards == wanted.guards
    assert started.ended == ""


def test_how_a_guest_ended_is_told_until_the_daemon_restarts_and_then_by_what_was_noted(rig: Rig, bench: Bench) -> None:
    rig.make(rig.scene().values())
    web, name = rig.scene()[WEB], rig.name(WEB)
    assert web.restart == "OnCrash"
    bench.shut_guest_down(name)
    assert _found(rig, web).ended == "guest"
    assert stays_down(web, _found(rig, web))
    noted = with_fields(replace(web, guards=(*web.guards, ENDED_BY_GUEST)), powerState="Stopped")
    rig.update(noted, Impact.NONE, paths=("guards",), waiting=("powerState",))
    bench.restart_daemon()
    forgotten = _found(rig, web)
    assert (forgotten.ended, forgotten.running) == ("unknown", None)
    assert stays_down(web, forgotten)
    _is_cut_off_and_finished(rig, web, lambda watch: rig.update(web, watch=watch))
    for end, ended in ((bench.stop_guest, "host"), (bench.crash_guest, "crash")):
        end(name)
        assert _found(rig, web).ended == ended
        assert not stays_down(web, _found(rig, web))
        rig.update(web)


def test_a_guest_that_is_never_started_again_is_started_when_its_start_was_cut_off(rig: Rig, bench: Bench) -> None:
    scene = rig.scene(restartPolicy="Never")
    web = scene.pop(WEB)
    rig.make(scene.values())
    _is_cut_off_and_finished(rig, web, lambda watch: rig.create(web, watch))
    bench.stop_guest(rig.name(WEB))
    assert stays_down(web, _found(rig, web))
    rig.update(web)
    larger = replace(web, fields={**web.fields, "memory": 256 << 20})
    _is_cut_off_and_finished(rig, larger, lambda watch: rig.update(larger, Impact.RESTART, watch=watch))
