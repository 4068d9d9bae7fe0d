"""What filters a guest changes under it, is put back, and is there before the guest can be reached."""

from __future__ import annotations

import pytest

from reconciler.driver import DriverError
from reconciler.impact import Impact
from reconciler.objects import digest
from tests.support.contract import SSH, WEB, Bench
from tests.support.rig import Rig, Watch, shown, with_fields


def test_rules_and_members_change_under_running_guests(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    changed = with_fields(rig.scene(ports=8080)[SSH], members=(f"{bench.subnet()}.10", f"{bench.subnet()}.11"))
    assert shown(rig.update(changed), changed) == changed.fields
    assert bench.boot(rig.name(WEB)) == boot


def test_a_group_remembers_what_was_last_applied_to_it(rig: Rig) -> None:
    group = rig.scene()[SSH]
    made = rig.create(group)
    assert made.owned == {path: digest(value) for path, value in group.fields.items()}
    opened = with_fields(group, rules=("ingress IPv4 tcp 80 from anyone",))
    updated = rig.update(opened)
    assert updated.owned == {path: digest(value) for path, value in opened.fields.items()}


def test_a_running_nic_changes_its_groups(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    changed = rig.scene(securityGroups=["ssh", "default"])[WEB]
    updated = rig.update(changed, paths=("nics.lan.securityGroups",), watch=_closed(bench))
    assert shown(updated, changed) == changed.fields
    assert updated.needs == changed.needs
    assert bench.boot(rig.name(WEB)) == boot


def test_a_filter_that_somebody_dropped_is_seen_and_put_back(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    boot = bench.boot(rig.name(WEB))
    bench.drop_filters(rig.name(WEB))
    assert bench.unfiltered(), "the guest was laid open"
    observed = rig.look(scene[WEB])
    assert observed
    assert observed.running is not None
    assert {observed.stored["nics.lan.filter"], observed.running["nics.lan.filter"]} == {"absent"}
    assert shown(rig.update(scene[WEB]), scene[WEB]) == scene[WEB].fields
    assert bench.unfiltered() == []
    assert bench.boot(rig.name(WEB)) == boot


def _closed(bench: Bench) -> Watch:
    """A watch that looks in front of each call whether a running guest lies open (I12)."""

    def look() -> None:
        assert bench.unfiltered() == []

    return Watch(look)


def test_a_nic_that_moves_or_goes_takes_its_name_and_its_filter_along(rig: Rig, bench: Bench) -> None:
    first, second, third = (f"{bench.subnet()}.{number}" for number in (10, 11, 12))
    spare = {"address": second, "network": "lan", "securityGroups": ["ssh"]}
    two = rig.scene(securityGroups=["default"], networks={"lan": {"address": first}, "spare": spare})
    moved = rig.scene(securityGroups=["default"], networks={"lan": {"address": third}})
    rig.make(wanted for address, wanted in two.items() if address != WEB)
    before = bench.everything()
    rig.create(two[WEB])
    assert shown(rig.update(moved[WEB], Impact.RESTART), moved[WEB]) == moved[WEB].fields
    rig.delete(two[SSH])
    rig.create(two[SSH])
    rig.delete(moved[WEB])
    assert bench.everything() == before, "nothing is left of the old addresses"


def test_no_guest_is_reachable_before_its_filter_is_in_force(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    watch = _closed(bench)
    for wanted in scene.values():
        rig.create(wanted, watch)
    rig.update(rig.scene(flavor="large")[WEB], Impact.RESTART, watch=watch)
    rig.delete(scene[WEB], watch)
    assert watch.calls
    assert bench.unfiltered() == []


def test_an_instance_without_its_security_group_does_not_run(rig: Rig, bench: Bench) -> None:
    scene = rig.scene()
    rig.make(wanted for address, wanted in scene.items() if address not in (WEB, SSH))
    with pytest.raises(DriverError):
        rig.create(scene[WEB], _closed(bench))
    observed = rig.look(scene[WEB])
    assert observed is None or observed.running is None
    rig.create(scene[SSH])
    assert shown(rig.update(scene[WEB]), scene[WEB]) == scene[WEB].fields
