"""A first look at a host: all that stands on it, ours or not, and nothing is touched."""

from __future__ import annotations

from tests.support.contract import DATA, LAN, SSH, TINY, WEB, Bench, manifest
from tests.support.rig import Rig

STRANGER = "b7e3a0de-52a1-4a3c-9f61-0e8f2d1c4b5a"


def test_a_survey_shows_what_is_ours_and_what_is_not(rig: Rig, bench: Bench) -> None:
    rig.make(rig.scene(manifest("Volume", "data", size="64Mi"), volumes={"data": {}}).values())
    bench.plant("domain", "somebody-elses", STRANGER)
    bench.plant("network", "theirs", STRANGER)
    before = bench.everything()
    found = {(each.kind, each.name): each for each in rig.driver.survey()}
    assert bench.everything() == before
    web, lan = found["domain", rig.name(WEB)], found["network", rig.name(LAN)]
    assert (web.address, web.uid) == (WEB, rig.identity.uuid(rig.scene()[WEB].origin))
    assert web.details
    assert lan.address == LAN
    assert (found["domain", "somebody-elses"].address, found["domain", "somebody-elses"].uid) == ("", STRANGER)
    assert found["network", "theirs"].address == ""
    assert found["volume", rig.name(WEB, "root")].address == WEB
    assert {TINY, DATA} <= {each.address for each in found.values() if each.kind == "volume"}
    assert {SSH} <= {each.address for each in found.values() if each.kind == "filter"}
    assert [each.name for each in found.values() if each.kind == "pool"]


def test_the_survey_of_an_empty_host_has_nothing_of_ours(rig: Rig) -> None:
    assert not [each for each in rig.driver.survey() if each.address]


def test_a_host_says_what_others_hold_and_what_volumes_and_wires_it_has(rig: Rig, bench: Bench) -> None:
    rig.make(rig.scene().values())
    facts = rig.snapshot().facts
    assert facts
    assert (facts.other_vcpus, facts.other_memory) == (0, 0), "ours are not somebody else's"
    assert facts.pools[bench.pool()] > 0
    assert bench.wire() in facts.physical_networks
    bench.plant("domain", "somebody-elses", STRANGER)
    facts = rig.snapshot().facts
    assert facts
    assert facts.other_vcpus == 1
    assert facts.other_memory > 0
