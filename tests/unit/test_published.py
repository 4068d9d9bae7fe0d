from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from reconciler.address import Address, ObjectKey
from reconciler.against import against
from reconciler.desired import Desired
from reconciler.kinds.instance.objects import user_data_field
from reconciler.objects import Observed, digest
from reconciler.observation import Failed, Foreign, HostFacts, Partial, Snapshot
from reconciler.plan import Source
from reconciler.published import dump, load, snapshots
from reconciler.published.redaction import NOT_SEEN, OTHERWISE, SEEN_PARTLY, user_data
from tests.support import fleet
from tests.support.publishing import published, travelled
from tests.support.world import World, fallen

WEB = Address("Instance", "shop", "web-1")
CANARY = "canary-7Jq2vXw9Lr4"
DATA = "#!/bin/true"


def declared(text: str = DATA) -> Desired:
    return fleet.desired(
        fleet.fleet(), fleet.host(), fleet.flavor(), fleet.image(), fleet.network(), fleet.instance(userData=text)
    )


def field_of(desired: Desired) -> str:
    value = user_data_field(desired.resources[WEB].spec)
    assert value is not None
    return value


def instance(**more: Any) -> Observed:
    usual: dict[str, Any] = {
        "key": ObjectKey("kvm-01", WEB),
        "origin": WEB,
        "uid": CANARY,
        "commit": CANARY,
        "stored": {},
    }
    return Observed(**(usual | more))


def host(*objects: Observed, **more: Any) -> Snapshot:
    return Snapshot(host="kvm-01", objects=objects, **more)


def test_nothing_leaves_that_planning_does_not_need() -> None:
    facts = HostFacts(
        host="kvm-01", driver="simulator", version=CANARY, virt_types=(CANARY,), enforcement_reason=f"no {CANARY}"
    )
    stranger = Foreign("volume", CANARY, CANARY)
    clash = Foreign("domain", CANARY, f"its UUID is {CANARY}", ObjectKey("kvm-01", WEB))
    odd = instance(stored={"vcpus": 1, "notes": CANARY}, running={"vcpus": 1, "vnc.password": CANARY})
    seen = host(odd, facts=facts, foreign=(stranger, clash))
    data = dump(published(declared(), [seen]))
    assert CANARY.encode() not in data
    (shown,) = load(data).snapshots
    assert [each.claims for each in shown.foreign] == [ObjectKey("kvm-01", WEB)]
    assert shown.objects[0].stored == {"vcpus": 1}
    assert shown.facts
    assert shown.facts.enforcement_reason


def test_no_digest_leaves_neither_of_user_data_nor_of_what_was_applied() -> None:
    value = field_of(declared())
    forms = {"stored": {"seed.userData": value}, "running": {"seed.userData": value}}
    seen = host(instance(**forms, owned={"seed.userData": digest(value), "vcpus": digest(4)}))
    data = dump(published(declared(), [seen]))
    for secret in (value, value.removeprefix("sha256:"), digest(value), digest(4)):
        assert secret.encode() not in data


def test_the_name_of_a_secret_is_told_since_the_manifest_tells_it() -> None:
    seen = host(instance(stored={"seed.userData": "secret:web-seed"}))
    assert published(declared(), [seen]).snapshots[0].objects[0].stored == {"seed.userData": "secret:web-seed"}


def test_user_data_comes_back_where_the_commit_declares_it_and_is_told_to_be_another_where_not() -> None:
    value = field_of(declared())
    for there, back in ((value, value), ("sha256:0123456789abcdef", OTHERWISE), (None, None)):
        seen = published(declared(), [host(instance(stored={"seed.userData": there}))])
        (shown,) = snapshots(travelled(seen), user_data(declared()))
        assert shown.objects[0].stored["seed.userData"] == back


def test_drift_is_still_told_from_a_commit() -> None:
    seen = host(instance(stored={"vcpus": 1, "memory": 2}, owned={"vcpus": digest(1), "memory": digest(1)}))
    (shown,) = snapshots(travelled(published(declared(), [seen])), {})
    found = shown.objects[0]
    assert found.owned["vcpus"] == digest(found.stored["vcpus"])
    assert found.owned["memory"] != digest(found.stored["memory"])


def test_a_guest_that_is_left_down_is_so_in_a_plan_on_what_was_published() -> None:
    desired = declared()
    world = World().applied(World().plan(desired))
    key = ObjectKey("kvm-01", WEB)
    world = msgspec.structs.replace(world, objects={**world.objects, key: fallen(world.objects[key], "guest")})
    seen = travelled(published(desired, world.snapshots()))
    told = against(desired, seen, user_data(desired), Source(commit="c0ffee"))
    assert told.left_down == world.plan(desired).left_down != {}
    assert digest("Running").encode() not in dump(seen)


@pytest.mark.parametrize(
    ("status", "told"),
    [(Failed(CANARY), Failed(NOT_SEEN)), (Partial((CANARY, CANARY)), Partial((SEEN_PARTLY,)))],
)
def test_why_a_host_was_not_seen_is_not_told(status: Failed | Partial, told: Failed | Partial) -> None:
    assert published(declared(), [host(status=status)]).snapshots[0].status == told


def test_the_same_look_gives_the_same_bytes() -> None:
    objects = [
        instance(key=ObjectKey("kvm-01", each), origin=each, stored={"vcpus": 1, "memory": 2})
        for each in (Address("Instance", "shop", f"web-{number}") for number in range(5))
    ]
    first = dump(published(declared(), [host(*objects), Snapshot(host="kvm-02")]))
    mixed = [msgspec.structs.replace(each, stored=dict(reversed(each.stored.items()))) for each in objects]
    random.Random(1).shuffle(mixed)
    assert dump(published(declared(), [Snapshot(host="kvm-02"), host(*mixed)])) == first


def as_value() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(dump(published(declared(), [host(instance(stored={"vcpus": 1}))])))
    return value


def test_what_was_written_can_be_read() -> None:
    assert load(json.dumps(as_value()).encode()).fleet == "lab"


def change(value: dict[str, Any], path: str, to: Any) -> None:
    *way, last = path.split(".")
    here: Any = value
    for word in way:
        here = here[int(word) if word.isdigit() else word]
    here[last] = to


@pytest.mark.parametrize(
    ("path", "to", "told"),
    [
        ("formatVersion", 2, "it has format version 2, and this program reads 1"),
        ("snapshots", "none", "it is damaged: Expected `array`"),
        ("time", "yesterday", "what it calls a time is none"),
        ("commit", "main", "what it calls a commit is none"),
        ("snapshots.0.objects.0.key.host", "kvm-02", "an object of kvm-02 is told of kvm-01"),
        ("snapshots.0.objects.0.key.address.kind", "Unheard", "Unheard/shop/web-1 is no address"),
        ("snapshots.0.objects.0.origin.project", None, "Instance/web-1 is no address"),
        ("snapshots.0.objects.0.origin.name", "../x", "'Instance/shop/../x' is no address"),
    ],
)
def test_what_is_damaged_is_refused_with_the_reason(path: str, to: Any, told: str) -> None:
    value = as_value()
    change(value, path, to)
    with pytest.raises(ValueError, match=told):
        load(json.dumps(value).encode())


def test_a_host_that_is_told_of_twice_is_refused() -> None:
    value = as_value()
    value["snapshots"] *= 2
    with pytest.raises(ValueError, match="it has a host twice"):
        load(json.dumps(value).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_observation_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="it is damaged"):
        load(data)
