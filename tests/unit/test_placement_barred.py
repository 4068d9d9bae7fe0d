"""Where things go of a project that may not use every host."""

from __future__ import annotations

from reconciler import planfile, planning
from reconciler.desired import Desired
from reconciler.placement import Barred, Placement, placement
from reconciler.plan import Source
from reconciler.snapshots import Snapshots
from tests.support.fleet import instance as shops
from tests.support.fleet import manifest, web
from tests.support.fleet import network as shops_network
from tests.support.fleet import volume as shops_volume
from tests.support.world import World
from tests.unit.test_placement import LAN, PAIR, at, codes, on_two_hosts, standing

FIRST, BOTH = {"shop": {"kvm-01"}}, {"shop": set(PAIR)}
"""From which hosts the shop is barred."""
GUEST = manifest("Instance", "guest", "blog", flavor="small", image="debian", networks={"lan": {"network": "shop/lan"}})


def placed(desired: Desired, barred: Barred, world: World | None = None) -> Placement:
    return placement(desired, Snapshots((world or World(hosts=PAIR)).snapshots()), barred=barred)


def test_what_is_new_goes_to_the_first_host_that_is_for_its_project() -> None:
    found = placed(on_two_hosts(shops(), shops_volume(), shops("web-2", volumes={"data": {}})), FIRST)
    assert set(found.hosts.values()) == {"kvm-02"}
    assert not found.held


def test_where_no_host_is_for_the_project_a_line_for_each_says_so() -> None:
    found = placed(on_two_hosts(shops()), BOTH)
    assert codes(found) == ["unplaced"]
    for name in PAIR:
        assert f"{name}: project shop may not use it." in found.diagnostics[0].detail
    assert web() in found.held
    assert web() not in found.hosts


def test_the_only_active_host_takes_nothing_of_a_project_that_may_not_use_it() -> None:
    wanted = on_two_hosts(
        shops(), shops_volume(), shops_network("far", cidr="10.20.0.0/24"), second={"state": "Cordoned"}
    )
    found = placed(wanted, FIRST)
    assert {each.kind for each in found.held} == {"Instance", "Volume", "Network"}
    assert set(codes(found)) == {"unplaced", "not-for-project"}


def test_a_host_that_a_manifest_names_takes_nothing_of_such_a_project_either() -> None:
    found = placed(on_two_hosts(shops(**at("kvm-01")), shops_volume(host="kvm-01"), lan={"host": "kvm-01"}), FIRST)
    assert {each.kind for each in found.held} == {"Instance", "Volume", "Network"}


def test_a_network_that_another_project_is_the_first_to_join_stays_on_hosts_of_its_own() -> None:
    found = placed(on_two_hosts(GUEST, lan={"shareWith": ["blog"]}), FIRST)
    assert found.hosts[LAN] == "kvm-02"
    assert not found.held


def test_a_network_of_another_project_leads_nobody_to_a_host_that_is_not_theirs() -> None:
    lan = manifest("Network", "lan", "blog", cidr="10.20.0.0/24", host="kvm-01", shareWith=["shop"])
    found = placed(on_two_hosts(lan, shops(networks={"lan": {"network": "blog/lan"}})), FIRST)
    (told,) = (each for each in found.diagnostics if each.code == "unplaced")
    assert "kvm-01: project shop may not use it." in told.detail


def test_what_stands_on_a_host_that_is_no_longer_for_its_project_stays_and_gets_nothing_new() -> None:
    world = standing(on_two_hosts(shops()))
    found = placed(on_two_hosts(shops()), FIRST, world)
    assert (found.hosts[web()], dict(found.held)) == ("kvm-01", {})
    assert {(each.code, each.severity) for each in found.diagnostics} == {("not-for-project", "warning")}
    more = placed(on_two_hosts(shops(volumes={"data": {}}), shops_volume(), shops("web-2")), FIRST, world)
    assert {str(each) for each in more.held} == {"Volume/shop/data", "Instance/shop/web-2"}


def test_other_projects_go_where_they_always_went() -> None:
    found = placed(on_two_hosts(shops()), {"blog": set(PAIR)})
    assert found == placed(on_two_hosts(shops()), {})


def test_a_saved_plan_that_makes_something_where_its_project_may_not_be_by_now_is_stale() -> None:
    world, wanted = World(hosts=PAIR), on_two_hosts(shops())
    saved = planning.planned(
        wanted, world.snapshots(), dict.fromkeys(PAIR, world.impacts), Source(commit="c0ffee")
    ).plan
    assert planfile.moved(saved, world.snapshots(), {"shop": {"kvm-02"}}) == []
    (told,) = planfile.moved(saved, world.snapshots(), FIRST)
    assert told == "Instance/shop/web-1@kvm-01 is made where project shop may not be by now; plan again"
