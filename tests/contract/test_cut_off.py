"""A run that is cut off in front of any of its calls leaves what the next run sees, and finishes or removes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reconciler.objects import Wanted
from tests.support.contract import WEB, Bench
from tests.support.effort import some
from tests.support.rig import Cut, Rig, Watch, shown


def _calls(rig: Rig, wanted: Wanted) -> tuple[int, int]:
    """How many calls it takes to create an object and to delete it."""
    create, delete = Watch(), Watch()
    rig.create(wanted, create)
    rig.delete(wanted, delete)
    return len(create.calls), len(delete.calls)


def _cuts(bench: Bench, calls: int) -> Sequence[int]:
    """In front of which calls it is cut off: on a real host, where each takes seconds, not of all in every run."""
    every = range(1, calls + 1)
    return every if bench.driver.name == "simulator" else some(every, 3)


def test_a_create_that_was_cut_off_is_finished(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    for address, wanted in scene.items():
        creating, _ = _calls(rig, wanted)
        assert creating > 0
        for call in _cuts(bench, creating):
            with pytest.raises(Cut):
                rig.create(wanted, Watch(cut=call))
            _finish(rig, wanted)
            assert shown(rig.look(wanted), wanted) == wanted.fields, f"{address} cut off in front of call {call}"
            assert bench.unfiltered() == []
            rig.delete(wanted)
        rig.create(wanted)


def _finish(rig: Rig, wanted: Wanted) -> None:
    """What the next run does: create what is absent or incomplete, update what is whole and not as wanted."""
    observed = rig.look(wanted)
    if observed is None or observed.incomplete:
        rig.create(wanted)
    else:
        rig.update(wanted)


def test_a_delete_that_was_cut_off_is_finished(rig: Rig, bench: Bench) -> None:
    for address, wanted in rig.scene().items():
        before = bench.everything()
        _, deleting = _calls(rig, wanted)
        for call in _cuts(bench, deleting):
            rig.create(wanted)
            with pytest.raises(Cut):
                rig.delete(wanted, Watch(cut=call))
            rig.delete(wanted)
            assert bench.everything() == before, f"{address} cut off in front of call {call}"
        rig.create(wanted)


def test_what_is_left_of_a_create_can_be_deleted(rig: Rig, bench: Bench) -> None:
    for address, wanted in rig.scene().items():
        before = bench.everything()
        creating, _ = _calls(rig, wanted)
        for call in _cuts(bench, creating):
            with pytest.raises(Cut):
                rig.create(wanted, Watch(cut=call))
            rig.delete(wanted)
            assert bench.everything() == before, f"{address} cut off in front of call {call}"
        rig.create(wanted)


def test_what_is_left_of_an_instance_is_shown_as_incomplete(rig: Rig) -> None:
    scene = rig.scene()
    web = scene.pop(WEB)
    rig.make(scene.values())
    with pytest.raises(Cut):
        rig.create(web, Watch(cut=2))
    left = rig.look(web)
    assert left
    assert left.incomplete
    assert left.stored["image"] == web.fields["image"]


def test_an_image_that_was_cut_off_is_never_whole(rig: Rig) -> None:
    image = rig.scene()["Image/tiny"]
    creating, _ = _calls(rig, image)
    for call in range(2, creating + 1):
        with pytest.raises(Cut):
            rig.create(image, Watch(cut=call))
        left = rig.look(image)
        assert left is None or left.incomplete, f"cut off in front of call {call}"
        rig.delete(image)
