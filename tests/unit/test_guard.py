from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler import planning
from reconciler.address import Address, ObjectKey
from reconciler.guard import Allow, parse_allow
from reconciler.guard.needs import mentions
from reconciler.impact import Impact
from reconciler.objects import Value
from reconciler.plan import Change, Granted, Plan, Refused, Source, Waiting
from tests.support import fleet
from tests.support.fleet import web
from tests.support.world import World

WEB = Address("Instance", "shop", "web-1")


@pytest.mark.parametrize(
    ("texts", "allow"),
    [
        (["restart=Instance/shop/web-1"], Allow(impacts=frozenset({(Impact.RESTART, WEB)}))),
        (["delete=7"], Allow(delete_count=7)),
        (["delete=7", "delete=7"], Allow(delete_count=7)),
        (["delete=Instance/shop/web-1"], Allow(deletes=frozenset({WEB}))),
        ([], Allow()),
    ],
)
def test_consent_is_an_impact_and_an_exact_address(texts: list[str], allow: Allow) -> None:
    assert parse_allow(texts) == allow


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("live=Instance/shop/web-1", "needs no consent"),
        ("refused=Instance/shop/web-1", "allows nothing"),
        ("reboot=Instance/shop/web-1", "interrupt, migrate, restart, rebuild, replace"),
        ("restart", "is no address"),
        ("restart=web-1", "is no address"),
        ("restart=Instance/shop/*", "is no address"),
        ("delete=", "is no address"),
        ("delete=-1", "is no address"),
        ("delete=\uff15", "is no address"),
    ],
)
def test_what_allows_nothing_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_allow([text])


def test_two_different_counts_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="once"):
        parse_allow(["delete=1", "delete=2"])


def test_consent_of_a_commit_to_what_nothing_is_called_is_told_and_what_is_done_already_is_not() -> None:
    desired = fleet.usual(fleet.instance("web-1"))
    world = World().applied(World().plan(desired))
    parts = [(parse_allow([f"restart=Instance/shop/{name}"]), f"{name}'s friend") for name in ("web-1", "wbe-1")]
    (told,) = world.plan(desired, allow=Allow().with_given(parts)).diagnostics
    assert (told.code, told.severity) == ("idle-consent", "warning")
    assert told.detail.startswith("wbe-1's friend consents to a change of Instance/shop/wbe-1, which is neither")


@pytest.mark.parametrize(
    ("given", "asked", "covers"),
    [
        (Impact.REBUILD, Impact.RESTART, True),
        (Impact.RESTART, Impact.INTERRUPT, True),
        (Impact.RESTART, Impact.REBUILD, False),
        (Impact.REBUILD, Impact.MIGRATE, False),
        (Impact.REPLACE, Impact.REFUSED, False),
        (Impact.RESTART, Impact.LIVE, True),
    ],
)
def test_the_greater_harm_includes_the_lesser(given: Impact, asked: Impact, covers: bool) -> None:
    assert Allow(impacts=frozenset({(given, WEB)})).covers(asked, WEB) is covers


def test_consent_for_one_address_is_none_for_another() -> None:
    assert not Allow(impacts=frozenset({(Impact.RESTART, WEB)})).covers(Impact.RESTART, web("web-2"))


@pytest.mark.parametrize(
    ("value", "key", "named"),
    [
        ("Network/shop/lan", ObjectKey("h", Address("Network", "shop", "lan")), True),
        (("SecurityGroup/shop/a",), ObjectKey("h", Address("SecurityGroup", "shop", "a")), True),
        (("SecurityGroup/shop/ab",), ObjectKey("h", Address("SecurityGroup", "shop", "a")), False),
        ("debian@abc", ObjectKey("h", Address("Image", None, "debian"), "abc"), True),
        ("debian@abd", ObjectKey("h", Address("Image", None, "debian"), "abc"), False),
        (None, ObjectKey("h", Address("Image", None, "debian"), "abc"), False),
    ],
)
def test_a_field_names_an_object_exactly(value: Value, key: ObjectKey, named: bool) -> None:
    assert mentions(value, key) is named


def standing(*manifests: fleet.Manifest) -> World:
    return World().applied(World().plan(fleet.usual(*manifests)))


def change(plan: Plan, address: Address = WEB) -> Change:
    return next(each for each in plan.changes if each.key.address == address)


def verbs(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps]


def test_a_mark_that_is_lifted_in_the_commit_that_deletes_still_holds() -> None:
    world = standing(fleet.instance(protected=True))
    assert isinstance(change(world.plan(fleet.usual())).consent, Refused)
    world = world.applied(world.plan(fleet.usual(fleet.instance(protected=False))))
    assert isinstance(change(world.plan(fleet.usual())).consent, Granted)


def test_a_protected_instance_goes_when_its_address_is_given() -> None:
    world = standing(fleet.instance(protected=True))
    plan = world.plan(fleet.usual(), allow=parse_allow(["delete=Instance/shop/web-1"]))
    assert not [key for key in world.applied(plan).objects if key.address.kind == "Instance"]


def test_deletions_by_address_do_not_count_against_the_budget() -> None:
    names = [f"web-{number}" for number in range(1, 6)]
    world = standing(*(fleet.instance(name) for name in names))
    given = parse_allow([f"delete=Instance/shop/{name}" for name in names[:2]])
    plan = world.plan(fleet.usual(), allow=given)
    assert sum(step.verb == "delete" and step.key.address.kind == "Instance" for step in plan.steps) == 5


def test_a_wrong_count_says_which_one_is_right() -> None:
    world = standing(*(fleet.instance(f"web-{number}") for number in range(1, 6)))
    plan = world.plan(fleet.usual(fleet.instance("web-1")), allow=Allow(delete_count=3))
    consent = change(plan, web("web-2")).consent
    assert isinstance(consent, Refused)
    assert "delete=3 was given and does not match; --allow delete=4" in consent.why


def test_old_image_content_on_many_hosts_is_no_matter_of_the_budget() -> None:
    hosts = tuple(f"kvm-{number:02}" for number in range(5))
    before, after = (_on_many(hosts, content) for content in "ab")
    world = World(hosts=hosts)
    world = world.applied(world.plan(before))
    allow = Allow(impacts=frozenset((Impact.REBUILD, web(f"i-{name}")) for name in hosts))
    plan = world.plan(after, allow=allow)
    assert sum(step.verb == "delete" for step in plan.steps) == len(hosts)
    assert not [each for each in plan.changes if not isinstance(each.consent, Granted)]


def _on_many(hosts: tuple[str, ...], content: str) -> Any:
    return fleet.desired(
        fleet.fleet(),
        fleet.flavor(),
        fleet.image(content=content),
        *(fleet.host(name) for name in hosts),
        *(fleet.network(f"n-{name}", host=name, cidr=f"10.{i}.0.0/24") for i, name in enumerate(hosts)),
        *(fleet.instance(f"i-{name}", placement={"host": name}, networks={f"n-{name}": {}}) for name in hosts),
    )


def test_an_update_goes_on_without_the_field_that_needs_what_is_refused() -> None:
    dmz = fleet.network("dmz", cidr="10.20.0.0/24")
    world = standing(dmz, fleet.instance(), fleet.instance("web-2", networks={"dmz": {}}))
    moved = fleet.instance(networks={"lan": {}, "dmz": {}}, protected=True)
    clash = fleet.network("dmz", cidr="10.30.0.0/24")
    plan = world.plan(fleet.usual(clash, moved, fleet.instance("web-2", networks={"dmz": {}})))
    assert [step.paths for step in plan.steps if step.key.address == WEB] == [("guards",)]


def test_a_creation_waits_with_the_network_that_waits() -> None:
    world = standing()
    reshaped = fleet.network(cidr="10.99.0.0/24")
    desired = fleet.desired(fleet.fleet(), fleet.host(), fleet.flavor(), fleet.image(), reshaped, fleet.instance())
    plan = world.plan(desired)
    assert change(plan).consent == Waiting("--allow replace=Network/shop/lan")
    assert verbs(plan) == ["create Image/debian#5d676a7bac96@kvm-01", "create SecurityGroup/shop/default@kvm-01"]


def test_on_a_host_that_no_longer_enforces_guests_can_still_be_stopped_and_deleted() -> None:
    world = standing(fleet.instance(), fleet.instance("web-2"))
    snapshots = [_unenforced(each) for each in world.snapshots()]
    desired = fleet.usual(fleet.instance("web-2", powerState="Stopped", securityGroups=[]))
    plan = planning.planned(desired, snapshots, {"kvm-01": world.impacts}, Source()).plan
    assert [(step.id, step.paths) for step in plan.steps] == [
        ("delete Instance/shop/web-1@kvm-01", ()),
        ("update Instance/shop/web-2@kvm-01", ("powerState",)),
    ]


@pytest.mark.parametrize(
    ("power_state", "steps"),
    [
        ("Running", [("update Instance/shop/web-1@kvm-01", ("memory",))]),
        ("Stopped", []),
    ],
)
def test_a_guest_that_lost_its_root_disk_is_not_started_without_it(
    power_state: str, steps: list[tuple[str, tuple[str, ...]]]
) -> None:
    world = standing(fleet.instance(powerState=power_state))
    (key,) = (key for key in world.objects if key.address == WEB)
    found = world.objects[key]
    stored, running = (
        form and {path: value for path, value in form.items() if path not in ("image", "disk.size")}
        for form in (found.stored, found.running)
    )
    lost = msgspec.structs.replace(found, stored={**(stored or {}), "memory": 1}, running=running)
    world = msgspec.structs.replace(world, objects={**world.objects, key: lost})
    plan = world.plan(fleet.usual(fleet.instance()))
    assert change(plan).consent == Waiting("--allow rebuild=Instance/shop/web-1")
    assert [(step.id, step.paths) for step in plan.steps] == steps


def test_a_group_stays_while_another_that_may_not_change_names_it() -> None:
    rule = {"remote": {"group": "front"}}
    world = standing(fleet.group("front"), fleet.group("back", ingress=[rule]), fleet.instance(securityGroups=["back"]))
    front, back = (ObjectKey("kvm-01", Address("SecurityGroup", "shop", name)) for name in ("front", "back"))
    named = msgspec.structs.replace(world.objects[back], needs=(front,))
    world = msgspec.structs.replace(world, objects={**world.objects, back: named})
    snapshots = [_unenforced(each) for each in world.snapshots()]
    desired = fleet.usual(fleet.group("back"), fleet.instance(securityGroups=["back"]))
    plan = planning.planned(desired, snapshots, {"kvm-01": world.impacts}, Source()).plan
    assert plan.steps == ()
    assert isinstance(change(plan, front.address).consent, Refused)


def _unenforced(snapshot: Any) -> Any:
    facts = msgspec.structs.replace(snapshot.facts, enforcement="", enforcement_reason="no channel")
    return msgspec.structs.replace(snapshot, facts=facts)


def test_an_old_image_tells_all_who_still_use_it() -> None:
    world = World().applied(World().plan(_two("a")))
    plan = world.plan(_two("b"))
    told = [each.reason for each in plan.changes if each.action == "delete"]
    assert told == ["goes once Instance/shop/web-1, Instance/shop/web-2 no longer use it"]


def _two(content: str) -> Any:
    few = (fleet.fleet(), fleet.host(), fleet.flavor(), fleet.network(), fleet.image(content=content))
    return fleet.desired(*few, fleet.instance(), fleet.instance("web-2"))


def test_a_guest_does_not_get_a_volume_twice_while_it_keeps_the_disk_that_has_it() -> None:
    volumes = [fleet.volume("one"), fleet.volume("two")]
    other = fleet.instance("web-2", volumes={"d": {"volume": "two"}}, protected=True)
    world = standing(*volumes, fleet.instance(volumes={"d": {"volume": "one"}}), other)
    swapped = fleet.instance(volumes={"d": {"volume": "two"}, "e": {"volume": "one"}})
    plan = world.plan(fleet.usual(*volumes, swapped))
    fields = {field.path: field.consent for field in change(plan).fields}
    assert fields["volumes.d.volume"] == Refused("Instance/shop/web-2 has Volume/shop/two, and keeps it")
    assert fields["volumes.e.volume"] == Refused("it has Volume/shop/one as volumes.d, and keeps it so")
    assert "update Instance/shop/web-1@kvm-01" not in verbs(plan)


def test_a_disk_may_change_its_name_when_the_old_one_goes() -> None:
    world = standing(fleet.volume("one"), fleet.instance(volumes={"d": {"volume": "one"}}))
    plan = world.plan(fleet.usual(fleet.volume("one"), fleet.instance(volumes={"e": {"volume": "one"}})))
    assert {type(field.consent) for field in change(plan).fields} == {Granted}
