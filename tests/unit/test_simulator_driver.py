"""What the simulator's driver does beyond the contract: faults on demand, and changes by hand."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.impact import Impact
from reconciler.observation import Complete, Failed, Partial
from reconciler.plan import Step
from reconciler_simulator import admin
from reconciler_simulator.__main__ import main
from reconciler_simulator.faults import VARIABLE, Crash
from tests.support.contract import LAN, MIB, WEB, manifest
from tests.support.rig import Rig, Watch, shown, with_fields
from tests.support.simulator_bench import SimulatorBench


@pytest.fixture
def bench(tmp_path: Path) -> SimulatorBench:
    return SimulatorBench(tmp_path)


@pytest.fixture
def rig(bench: SimulatorBench) -> Rig:
    return Rig(bench)


def _ask(monkeypatch: pytest.MonkeyPatch, **fault: object) -> None:
    monkeypatch.setenv(VARIABLE, json.dumps({"faults": [fault]}))


def test_a_fault_before_a_call_leaves_no_effect_and_one_after_its_effect_does(
    rig: Rig, bench: SimulatorBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan = rig.scene()[LAN]
    for point, effect in (("before", False), ("after-effect", True), ("after", True)):
        _ask(monkeypatch, call="define_network", point=point, kind="error")
        with pytest.raises(DriverError, match="define_network"):
            rig.create(lan)
        assert bool(bench.store.read().networks) is effect
        monkeypatch.delenv(VARIABLE)
        rig.delete(lan)


def test_a_glance_tells_whether_a_look_would_show_anything_else(
    rig: Rig, bench: SimulatorBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    lan = rig.scene()[LAN]
    seen = []
    for change in (rig.create, rig.delete):
        change(lan)
        look = rig.driver.observe().look
        assert look == rig.driver.glance() == Rig(bench).driver.glance() != ""
        seen.append(look)
    assert len(set(seen)) == 2
    _ask(monkeypatch, call="observe", kind="partial")
    assert Rig(bench).driver.glance() == ""
    _ask(monkeypatch, call="observe", kind="error")
    with pytest.raises(DriverError):
        Rig(bench).driver.glance()


KINDS = [("error", DriverError), ("transient", DriverError), ("crash", Crash)]


@pytest.mark.parametrize(("kind", "raised"), KINDS)
def test_a_fault_strikes_the_numbered_call(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, kind: str, raised: type[BaseException]
) -> None:
    _ask(monkeypatch, call=2, kind=kind)
    with pytest.raises(raised) as struck:
        rig.create(rig.scene()[LAN])
    assert [name for name, _ in rig.watch.calls] == ["define_network", "start_network"]
    if isinstance(struck.value, DriverError):
        assert (struck.value.error_class is ErrorClass.TRANSIENT) is (kind == "transient")


def test_a_step_that_is_tried_again_goes_on_where_it_was(
    rig: Rig, bench: SimulatorBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = rig.scene()
    rig.make(wanted for address, wanted in scene.items() if address != WEB)
    _ask(monkeypatch, call=3, point="after-effect", kind="transient")
    driver = Rig(bench).driver
    step = Step(id="create web", key=scene[WEB].key, verb="create", wanted=scene[WEB])
    with pytest.raises(DriverError, match="define_domain"):
        driver.apply(step, "c0ffee", Watch())
    made = driver.apply(step, "c0ffee", Watch())
    assert shown(made, scene[WEB]) == scene[WEB].fields


@pytest.mark.parametrize(
    ("kind", "status", "objects"),
    [("partial", Partial, 3), ("error", Failed, 0), ("transient", Failed, 0), ("none", Complete, 6)],
)
def test_an_observation_can_be_partial_or_fail(
    bench: SimulatorBench, monkeypatch: pytest.MonkeyPatch, kind: str, status: type, objects: int
) -> None:
    Rig(bench).make(Rig(bench).scene().values())
    if kind != "none":
        _ask(monkeypatch, call="observe", kind=kind)
    snapshot = Rig(bench).snapshot()
    assert isinstance(snapshot.status, status)
    assert len(snapshot.objects) == objects


def test_a_host_whose_state_is_damaged_is_not_an_empty_one(rig: Rig, bench: SimulatorBench) -> None:
    bench.store.path.write_text("{")
    assert isinstance(rig.snapshot().status, Failed)


def test_a_lock_file_that_was_taken_away_ends_the_lease(rig: Rig, bench: SimulatorBench) -> None:
    with rig.driver.lock() as lease:
        lease.check()
        bench.store.path.with_name("sim.json.lock").unlink()
        with pytest.raises(DriverError) as refusal:
            lease.check()
    assert refusal.value.error_class is ErrorClass.HELD


def test_a_copy_of_a_guest_with_our_metadata_is_not_ours(rig: Rig, bench: SimulatorBench) -> None:
    """As `virt-clone` makes one: another name and another UUID, and our metadata in it."""
    scene = rig.scene()
    rig.make(scene.values())
    with bench.store.changing() as state:
        metadata = state.domains[rig.name(WEB)].metadata
        admin.plant(state, "domain", "web-copy", metadata=metadata)
        admin.plant(state, "domain", rig.name("Instance/default/other"), admin.FOREIGN_UUID + "1", metadata)
        bench.store.write(state)
    claims = {foreign.name: foreign.claims for foreign in rig.snapshot().foreign}
    assert claims["web-copy"] is None, "it is in nobody's way"
    assert str(claims[rig.name("Instance/default/other")]) == "Instance/default/other@sim"
    assert [str(each.key.address) for each in rig.snapshot().objects if each.key.address.kind == "Instance"] == [WEB]


def _by_hand(bench: SimulatorBench, *words: str) -> str:
    done = CliRunner().invoke(main, [str(bench.store.path), *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_drift_by_hand_is_seen(rig: Rig, bench: SimulatorBench) -> None:
    scene = rig.scene()
    rig.make(scene.values())
    _by_hand(bench, "unfilter", "web")
    _by_hand(bench, "memory", "web", "256Mi", "--form", "stored")
    observed = rig.look(scene[WEB])
    assert observed
    assert (observed.stored["nics.lan.filter"], observed.stored["memory"]) == ("absent", 256 * MIB)
    assert "runs" in _by_hand(bench, "console", "web")
    _by_hand(bench, "stop", "web")
    assert rig.seen(scene[WEB]).running is None
    assert "stopped" in _by_hand(bench, "console", "web")
    _by_hand(bench, "delete-volume", "web.root")
    _by_hand(bench, "plant", "network", rig.name("Network/default/wan"))
    assert [foreign.what for foreign in rig.snapshot().foreign] == ["network"]


def test_a_slip_of_the_hand_is_told(rig: Rig, bench: SimulatorBench) -> None:
    rig.make(rig.scene().values())
    for words in (["stop", "nobody"], ["console", "nobody"], ["start", "web"], ["memory", "web", "lots"]):
        done = CliRunner().invoke(main, [str(bench.store.path), *words])
        assert done.exit_code != 0
        assert "Error" in done.output
        assert "Traceback" not in done.output


def test_what_is_shown_cannot_play_tricks_on_a_terminal(rig: Rig, bench: SimulatorBench) -> None:
    rig.make(rig.scene().values())
    with bench.store.changing() as state:
        admin.plant(state, "volume", "\x1b[2J\u202egnp.exe\x9b")
        bench.store.write(state)
    shown_text = _by_hand(bench, "show")
    assert shown_text.isascii()
    assert not set(shown_text) & {"\x1b", "\x9b"}
    assert "\\u202e" in shown_text


VOLUME = manifest("Volume", "data", size="64Mi")
DISK = ("volumes.data.volume", "volumes.data.serial", "volumes.data.readOnly")


def test_a_deaf_guest_keeps_its_disk_and_the_driver_says_so(rig: Rig, bench: SimulatorBench) -> None:
    with_data, without = rig.scene(VOLUME, volumes={"data": {}}), rig.scene(VOLUME)
    rig.make(with_data.values())
    _by_hand(bench, "deafen", "web")
    with pytest.raises(DriverError) as refusal:
        rig.update(without[WEB], paths=DISK)
    assert refusal.value.error_class is ErrorClass.NOT_FOLLOWED
    kept = rig.look(with_data[WEB])
    assert kept
    assert kept.running
    assert kept.stored["volumes.data.volume"] == kept.running["volumes.data.volume"], "nothing says that it is gone"
    _by_hand(bench, "deafen", "web", "--hear")
    assert shown(rig.update(without[WEB], paths=DISK), without[WEB]) == without[WEB].fields


def test_a_balloon_that_does_not_follow_is_told(rig: Rig, bench: SimulatorBench) -> None:
    roomy = {"vcpus": 1, "memory": "128Mi", "disk": "1Gi", "maxMemory": "256Mi"}
    scene = rig.scene(manifest("Flavor", "roomy", **roomy), flavor="roomy")
    grown = with_fields(scene[WEB], memory=256 * MIB)
    rig.make(scene.values())
    _by_hand(bench, "deafen", "web")
    with pytest.raises(DriverError) as refusal:
        rig.update(grown, paths=("memory",))
    assert refusal.value.error_class is ErrorClass.NOT_FOLLOWED
    _by_hand(bench, "deafen", "web", "--hear")
    assert shown(rig.update(grown, paths=("memory",)), grown) == grown.fields


def test_a_slow_guest_is_ready_after_some_looks_and_another_one_never(rig: Rig, bench: SimulatorBench) -> None:
    rig.make(rig.scene().values())
    _by_hand(bench, "slow", "web", "2")
    looks = [rig.driver.ready(Address.parse(WEB), "address") for _ in range(3)]
    assert [bool(missing) for missing in looks] == [True, True, False]
    _by_hand(bench, "slow", "web")
    assert all(rig.driver.ready(Address.parse(WEB), "tcp:22") for _ in range(5))
    assert rig.driver.ready(Address.parse(WEB), "running") == ""


def test_only_a_guest_with_an_agent_can_be_asked_for_more(rig: Rig, bench: SimulatorBench) -> None:
    rig.make(rig.scene().values())
    for check in ("agent", "cloud-init"):
        with pytest.raises(DriverError, match="guest agent"):
            rig.driver.ready(Address.parse(WEB), check)


def test_a_network_takes_up_other_resolvers_with_an_interruption_of_a_moment(rig: Rig, bench: SimulatorBench) -> None:
    before, after = rig.scene(), rig.scene(lan={"dns": {"domain": "shop.internal", "servers": ["192.0.2.53"]}})
    rig.make(before.values())
    assert shown(rig.update(after[LAN], Impact.INTERRUPT, paths=("dns.servers",)), after[LAN]) == after[LAN].fields
    network = bench.store.read().networks[rig.name(LAN)]
    assert (network.breaks, network.running) == (1, network.stored)
    assert rig.seen(before[WEB]).running is not None


@pytest.mark.parametrize(
    ("setting", "value"), [("memory", "lots"), ("vcpus", -1), ("pools", {"fast": "9"}), ("colour", "blue")]
)
def test_a_setting_that_makes_no_sense_is_told(bench: SimulatorBench, setting: str, value: object) -> None:
    config = msgspec.structs.replace(bench.config, connection={**bench.config.connection, setting: value})
    with pytest.raises(DriverError, match="host sim"):
        bench.driver.open(config, bench.files)


def test_a_host_is_as_large_as_its_settings_say(bench: SimulatorBench) -> None:
    sizes = {"vcpus": 8, "memory": "16Gi", "disk": 1 << 40, "features": ["uefi"]}
    config = msgspec.structs.replace(bench.config, connection={**bench.config.connection, **sizes})
    facts = bench.driver.open(config, bench.files).observe().facts
    assert facts
    assert (facts.vcpus, facts.memory, facts.disk, facts.features) == (8, 16 << 30, 1 << 40, ("uefi",))
    assert facts.pools == {"fast": 1 << 40}


def test_what_the_host_cannot_do_is_refused_before_anything_is_made(rig: Rig, bench: SimulatorBench) -> None:
    connection = {**bench.config.connection, "features": []}
    bench.config = msgspec.structs.replace(bench.config, connection=connection)
    plain = Rig(bench)
    scene = plain.scene()
    plain.make(wanted for address, wanted in scene.items() if address != WEB)
    before = bench.everything()
    with pytest.raises(DriverError, match="no uefi and no secure-boot"):
        plain.create(with_fields(scene[WEB], firmware="uefi", secureBoot=True))
    assert bench.everything() == before
