"""What a first look says of a host, and why lists say that something waits."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.address import Address, ObjectKey
from reconciler.impact import Impact
from reconciler.objects import Observed, Value
from reconciler.observation import Failed, HostFacts, Partial, Sighting, Snapshot
from reconciler.plan import Action, Change, Consent, FieldChange, Granted, Origin, Plan, Refused, Source, Waiting
from reconciler.report.line import plain
from reconciler.report.survey import Survey, survey_lines, survey_value
from reconciler.report.value import rough
from reconciler.report.why import reasons

WEB = Address("Instance", "shop", "web-1")
DATA = Address("Volume", "shop", "data")
FACTS = HostFacts(
    host="kvm-01",
    driver="libvirt",
    version="11.3.0",
    vcpus=8,
    memory=16_339_472_384,
    disk=1 << 40,
    other_vcpus=1,
    other_memory=2 << 30,
    pools={"fast": 1 << 30},
)


def test_a_host_is_told_with_what_it_has_what_is_ours_and_what_is_not() -> None:
    web = Observed(key=ObjectKey("kvm-01", WEB), origin=WEB, uid="u", stored={"memory": 1 << 29, "autostart": None})
    details: dict[str, Value] = {"state": "running", "memory": 2 << 30, "a": 1, "b": 2, "c": 3, "nothing": ""}
    mail = Sighting(kind="domain", name="mail", details=details)
    ours = Sighting(kind="domain", name="0123.shop.web-1", address=str(WEB))
    snapshot = Snapshot(host="kvm-01", facts=FACTS, objects=(web,))
    assert plain(survey_lines(Survey(snapshot=snapshot, sightings=(mail, ours)), fields=True)) == (
        "Host kvm-01: libvirt 11.3.0\n"
        "  8 CPUs, 15.2Gi memory, 1Ti disk\n"
        "  guests that are not ours hold 1 vCPU and 2Gi\n"
        "  pools: fast\n"
        "\n"
        "  Ours: 1 object\n"
        "    Instance/shop/web-1  Stopped\n"
        "        memory: 512Mi\n"
        "\n"
        "  Not ours: 1 domain\n"
        "    KIND    NAME  DETAILS\n"
        "    domain  mail  state running, memory 2Gi, a 1, b 2, 1 more\n"
    )


@pytest.mark.parametrize(
    ("survey", "gaps"),
    [
        (Survey(snapshot=Snapshot(host="h", status=Failed("no route"))), ["no route"]),
        (Survey(snapshot=Snapshot(host="h", status=Partial(("pools",))), gap="no answer"), ["pools", "no answer"]),
    ],
)
def test_what_was_not_seen_is_said(survey: Survey, gaps: list[str]) -> None:
    assert all(f"not seen: {gap}\n" in plain(survey_lines(survey, fields=False)) for gap in gaps)
    value = survey_value(survey)
    assert (value["complete"], value["gaps"], value["facts"]) == (False, gaps, None)


@pytest.mark.parametrize(
    ("size", "text"), [(1 << 30, "1Gi"), (16_339_472_384, "15.2Gi"), (1000, "1000B"), (10**6, "976.6Ki"), (0, "0B")]
)
def test_sizes_of_hosts_are_short(size: int, text: str) -> None:
    assert rough(size) == text


def changed(consent: Consent, *origins: Origin, action: Action = "update") -> Change:
    fields = tuple(
        FieldChange(path=f"f{index}", before=1, after=2, impact=Impact.LIVE, origin=origin, consent=consent)
        for index, origin in enumerate(origins)
    )
    key = ObjectKey("kvm-01", WEB)
    return Change(key=key, action=action, impact=Impact.LIVE, consent=consent, fields=fields, reason="told")


def why(*changes: Change, **more: Any) -> dict[Address, str]:
    plan = Plan(fleet="acme", fleet_id="id", source=Source(), changes=changes, **more)
    return reasons(plan)


def test_what_a_person_has_to_do_something_about_is_said_first() -> None:
    granted, waiting, refused = Granted(), Waiting("--allow x"), Refused("it\nwould lose data " + "x" * 200)
    assert why(changed(granted, "commit")) == {WEB: "not applied yet: told"}
    assert why(changed(granted, "drift")) == {WEB: "changed outside of Git"}
    assert why(changed(granted, action="delete")) == {WEB: "goes: told"}
    assert why(changed(waiting, "commit"), changed(granted, "commit")) == {WEB: "waits for consent: --allow x"}
    (told,) = why(changed(refused, "commit"), changed(waiting, "commit")).values()
    assert told.startswith("refused: it would lose data xxx")
    assert len(told) <= 100
    assert why(changed(waiting, "commit"), held={str(WEB): "no host has room"}) == {WEB: "held: no host has room"}


def test_what_is_retained_says_so() -> None:
    assert why(retained=(ObjectKey("kvm-01", DATA),)) == {DATA: "kept with its data; declared by nobody"}
