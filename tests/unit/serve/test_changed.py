"""What a step changed is told with why, and with no value that could be a secret."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.objects import Value
from reconciler.plan import Change, FieldChange, Outcome
from reconciler.serve.telling.changed import words_of
from reconciler.serve.telling.journal import Journal
from reconciler.serve.telling.steps import Steps
from tests.support.memory_driver import step
from tests.support.plans import field, make_plan

STARTED = step("web-1", verb="update")


def updated(*fields: FieldChange) -> str:
    change = Change(key=STARTED.key, action="update", impact=fields[0].impact, fields=fields)
    paths = tuple(each.path for each in fields)
    return words_of(msgspec.structs.replace(STARTED, paths=paths), change)


def test_why_a_guest_was_started_stands_in_the_log() -> None:
    power = field("powerState", "Stopped", "Running", origin="drift")
    plan = make_plan(Change(key=STARTED.key, action="update", impact=power.impact, fields=(power,)))
    journal, begun = Journal(), msgspec.structs.replace(STARTED, paths=("powerState",))
    Steps(journal, plan).finished(begun, Outcome(step=begun.id, status="succeeded"))
    (told,) = journal.entries()
    assert told.message.endswith("on kvm-01: powerState Stopped → Running (changed outside of Git)")


def test_what_a_commit_asks_for_is_told_apart_from_what_somebody_did() -> None:
    asked = field("memory", 1 << 30, 2 << 30)
    assert updated(asked) == ": memory 1Gi → 2Gi"
    moved = field("autostart", False, True, origin="drift")
    assert updated(asked, moved) == ": memory 1Gi → 2Gi, autostart no → yes (autostart changed outside of Git)"


@pytest.mark.parametrize(
    ("path", "value"), [("seed.userData", "sha256:0f"), ("boot.commandLine", "key=hunter2"), ("rules", ("tcp 22",))]
)
def test_of_what_could_be_a_secret_only_the_field_is_named(path: str, value: Value) -> None:
    assert updated(field(path, value, None)) == f": {path}"


def test_a_value_from_a_host_can_do_nothing_to_a_terminal_and_does_not_fill_the_log() -> None:
    told = updated(field("nics.lan.address", "\x1b[2J\n" + "x" * 1000, None))
    assert "\x1b" not in told
    assert "\n" not in told
    assert len(told) < 120


def test_of_many_fields_a_few_are_named() -> None:
    assert updated(*(field(f"rules.{n}", "a", "b") for n in range(7))).endswith("rules.4 and 2 more")


def test_why_something_was_made_or_went_is_told_where_the_plan_says_so() -> None:
    gone = Change(key=STARTED.key, action="delete", impact=field("a", 1, 2).impact, reason="nobody declares it")
    assert words_of(step("web-1", verb="delete"), gone) == ": nobody declares it"
    assert words_of(step("web-1", verb="create"), None) == ""
