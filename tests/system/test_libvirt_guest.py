"""What only a real libvirtd with a real guest can show of the libvirt driver."""

from __future__ import annotations

import hashlib
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt
import pytest
from msgspec.structs import replace

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass
from reconciler.impact import Impact
from reconciler.objects import Observed, Wanted
from reconciler.plan import Step
from reconciler_libvirt.driver import LibvirtDriver
from tests.support.contract import LAN, TINY, WEB, Folder, manifest
from tests.support.guests import BOOT_SECONDS, Keys, answer, ssh
from tests.support.hosts import POOL, Host, until
from tests.support.libvirt_bench import POOL_NAME, LibvirtBench
from tests.support.rig import Rig, Watch, shown
from tests.support.scene import scene

pytestmark = pytest.mark.libvirtd

ADDRESS = "10.77.0.10"
PING_PORT = 22


def _scene(rig: Rig, key: str, *more: str) -> dict[str, Wanted]:
    """As `Rig.scene`, with a key that somebody has."""
    assert isinstance(rig.bench, LibvirtBench)
    web = {"flavor": "small", "image": "tiny", "keypairs": ["admin"], "securityGroups": ["ssh"]}
    return scene(
        rig.bench.config.name,
        rig.bench.manifests()
        + manifest("Keypair", "admin", publicKey=key)
        + manifest("Network", "lan", cidr="10.77.0.0/24", dns={"domain": "shop.internal"})
        + manifest("SecurityGroup", "ssh", ingress=[{"protocol": "tcp", "ports": PING_PORT}])
        + manifest("Instance", "web", **web, networks={"lan": {"address": ADDRESS}})
        + "".join(
            manifest("Instance", name, **web, networks={"lan": {"address": f"10.77.0.{number}"}})
            for number, name in enumerate(more, 20)
        ),
    )


def test_a_guest_gets_its_address_name_and_key_and_lets_no_other_key_in(
    rig: Rig, libvirt_host: Host, keys: Keys, other_keys: Keys
) -> None:
    rig.make(_scene(rig, keys.public).values())
    told = answer(libvirt_host, ADDRESS, keys, "hostname; ip -4 addr show eth0; nslookup web.shop.internal 10.77.0.1")
    assert told.splitlines()[0] == "web"
    assert f"inet {ADDRESS}/24" in told
    assert told.count(ADDRESS) == 2, "the network's resolver knows it by name"
    refused = ssh(libvirt_host, ADDRESS, other_keys, "hostname")
    assert refused.returncode != 0
    assert "Permission denied" in refused.stderr


def test_nobody_but_root_and_qemu_can_read_what_is_made(rig: Rig, libvirt_host: Host) -> None:
    rig.make(rig.scene().values())
    listed = libvirt_host.run("find", f"{POOL}/{POOL_NAME}", "-printf", "%m %y %f\n").stdout.splitlines()
    modes = {name: mode for mode, _, name in (line.split(" ", 2) for line in listed)}
    assert modes.pop(POOL_NAME) == "711"
    assert rig.name(WEB, "root") in modes
    assert rig.name(WEB, "seed") in modes
    assert set(modes.values()) == {"600"}


def _update(rig: Rig, wanted: Wanted, impact: Impact = Impact.LIVE) -> Observed:
    updated = rig.update(wanted, impact)
    assert shown(updated, wanted) == wanted.fields
    return updated


def test_guests_of_a_network_that_was_stopped_under_them_are_plugged_in_again_by_their_own_step_of_the_same_plan(
    rig: Rig, clean: LibvirtBench, libvirt_host: Host, keys: Keys
) -> None:
    wanted = _scene(rig, keys.public)
    rig.make(wanted.values())
    boot = answer(libvirt_host, ADDRESS, keys, "cat /proc/sys/kernel/random/boot_id")
    clean.stop_network(rig.name(LAN))
    planned_on = rig.look(wanted[WEB])
    assert planned_on is not None
    assert planned_on.stored["nics.lan.filter"] == "broken: the tap is unplugged"
    _update(rig, wanted[LAN])
    assert ssh(libvirt_host, ADDRESS, keys, "true").returncode != 0, "the network's step plugs no guest in unfiltered"
    rig.update(wanted[WEB], expect=planned_on.digest())
    assert answer(libvirt_host, ADDRESS, keys, "cat /proc/sys/kernel/random/boot_id") == boot
    assert shown(rig.look(wanted[WEB]), wanted[WEB]) == wanted[WEB].fields


def test_an_unplugged_nic_is_seen_and_plugged_in_again(rig: Rig, libvirt_host: Host) -> None:
    wanted = rig.scene()
    rig.make(wanted.values())
    assert isinstance(rig.driver, LibvirtDriver)
    (nic,) = rig.driver._site.table.observe().nics.values()
    libvirt_host.run("ip", "link", "set", "dev", nic.tap, "nomaster")
    assert rig.seen(wanted[WEB]).stored["nics.lan.filter"] == "broken: the tap is unplugged"
    _update(rig, wanted[WEB])


def test_a_guest_that_somebody_undefined_is_made_permanent_as_it_runs(rig: Rig, clean: LibvirtBench) -> None:
    wanted = rig.scene()
    rig.make(wanted.values())
    boot = clean.boot(rig.name(WEB))
    clean.connection.lookupByName(rig.name(WEB)).undefine()
    observed = rig.look(wanted[WEB])
    assert observed is not None
    assert observed.stored == {}
    assert observed.running is not None
    _update(rig, wanted[WEB], Impact.NONE)
    assert clean.connection.lookupByName(rig.name(WEB)).isPersistent()
    assert clean.boot(rig.name(WEB)) == boot


def test_a_network_that_somebody_undefined_is_made_permanent_with_its_names(rig: Rig, clean: LibvirtBench) -> None:
    wanted = rig.scene()
    rig.make(wanted.values())
    clean.connection.networkLookupByName(rig.name(LAN)).undefine()
    assert rig.seen(wanted[LAN]).stored == {}
    _update(rig, wanted[LAN], Impact.NONE)
    network = clean.connection.networkLookupByName(rig.name(LAN))
    assert network.isPersistent()
    assert network.autostart()
    assert shown(rig.look(wanted[WEB]), wanted[WEB]) == wanted[WEB].fields


def test_a_paused_guest_goes_on(rig: Rig, clean: LibvirtBench) -> None:
    wanted = rig.scene()
    rig.make(wanted.values())
    boot = clean.boot(rig.name(WEB))
    clean.connection.lookupByName(rig.name(WEB)).suspend()
    assert rig.seen(wanted[WEB]).stored["powerState"] == "Paused"
    _update(rig, wanted[WEB])
    assert clean.boot(rig.name(WEB)) == boot


def test_an_update_keeps_what_others_added_and_where_devices_are(rig: Rig, clean: LibvirtBench) -> None:
    wanted = rig.scene(powerState="Stopped")
    rig.make(wanted.values())
    domain = clean.connection.lookupByName(rig.name(WEB))
    kind = libvirt.VIR_DOMAIN_METADATA_ELEMENT
    domain.setMetadata(kind, "<note>keep</note>", "theirs", "urn:theirs", libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    domain.attachDeviceFlags("<watchdog model='i6300esb' action='reset'/>", libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    before = _addresses(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    large = rig.scene(flavor="large", powerState="Stopped")[WEB]
    assert shown(rig.update(large, Impact.NONE), large) == large.fields
    domain = clean.connection.lookupByName(rig.name(WEB))
    after = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    assert _addresses(after) == before
    assert "i6300esb" in after
    assert "keep" in domain.metadata(kind, "urn:theirs", libvirt.VIR_DOMAIN_AFFECT_CONFIG)


def _addresses(text: str) -> list[str]:
    return sorted(line.strip() for line in text.splitlines() if "<address " in line or "machine=" in line)


def test_a_restarted_libvirtd_shows_the_same(rig: Rig, clean: LibvirtBench, libvirt_host: Host) -> None:
    rig.make(rig.scene().values())
    before = rig.snapshot()
    libvirt_host.restart_libvirtd()
    clean.connection = libvirt.open(libvirt_host.uri)
    again = Rig(clean)
    assert again.snapshot().objects == before.objects
    for wanted in again.scene().values():
        watch = Watch()
        again.update(wanted, watch=watch)
        assert watch.calls == []


def test_a_pool_of_our_name_that_is_anothers_is_left_alone(rig: Rig, clean: LibvirtBench, libvirt_host: Host) -> None:
    libvirt_host.virsh("pool-define-as", POOL_NAME, "dir", "--target", "/var/lib/libvirt/elsewhere")
    before = clean.everything()
    snapshot = rig.snapshot()
    assert not snapshot.complete
    assert [(one.what, one.name) for one in snapshot.foreign] == [("storage pool", POOL_NAME)]
    with pytest.raises(DriverError) as refusal:
        rig.create(rig.scene()[TINY])
    assert refusal.value.error_class is ErrorClass.EXISTS
    assert clean.everything() == before


def test_a_run_goes_on_after_libvirtd_was_restarted_under_it(rig: Rig, clean: LibvirtBench, libvirt_host: Host) -> None:
    wanted = rig.scene()
    network = wanted[LAN]
    assert rig.driver.apply(_create(network), "c0ffee", Watch())
    libvirt_host.restart_libvirtd()
    clean.connection = libvirt.open(libvirt_host.uri)
    created = rig.driver.apply(_create(wanted[TINY]), "c0ffee", Watch())
    assert shown(created, wanted[TINY]) == wanted[TINY].fields


def test_an_image_that_names_another_file_is_refused_before_anything_is_made(rig: Rig, tmp_path: Path) -> None:
    evil = tmp_path / "evil.qcow2"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/shadow", str(evil), "1M"]
    subprocess.run(command, check=True)
    image = rig.scene()[TINY]
    payload = image.payload | {
        "disk.source": evil.name,
        "disk.sha256": hashlib.sha256(evil.read_bytes()).hexdigest(),
    }
    watch = Watch()
    with pytest.raises(DriverError, match="refused") as refusal:
        rig.create(replace(image, payload=payload), watch)
    assert refusal.value.error_class is ErrorClass.YOURS
    assert watch.calls == []


def test_an_image_that_changes_as_it_is_read_never_becomes_whole(rig: Rig, tmp_path: Path) -> None:
    image = rig.scene()[TINY]
    kernel = tmp_path / image.payload["kernel.source"]
    content, files = kernel.read_bytes(), rig.bench.files

    class Swapping(Folder):
        def fetch(self, source: str, sha256: str) -> Path:
            path = super().fetch(source, sha256)
            if path == kernel:
                kernel.unlink()  # it is a link into the guest's folder
                kernel.write_bytes(b"another" + content[7:])
            return path

    rig.bench.files = Swapping(tmp_path)
    with pytest.raises(DriverError, match="changed while it was read"):
        rig.create(image)
    left = rig.look(image)
    assert left is not None
    assert left.incomplete
    rig.bench.files = files
    kernel.write_bytes(content)
    assert shown(rig.create(image), image) == image.fields


def test_several_guests_are_made_at_once(rig: Rig, clean: LibvirtBench, libvirt_host: Host, keys: Keys) -> None:
    wanted = _scene(rig, keys.public, "a", "b", "c")
    instances = [each for each in wanted.values() if each.key.address.kind == "Instance"]
    rig.make(each for each in wanted.values() if each not in instances)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda each: rig.driver.apply(_create(each), "c0ffee", Watch()), instances))
    for each, observed in zip(instances, made, strict=True):
        assert shown(observed, each) == each.fields
    assert clean.unfiltered() == []
    found = [str(each.fields["nics.lan.address"]) for each in instances]
    assert until(lambda: all(_answers(libvirt_host, address, keys) for address in found), BOOT_SECONDS, str(found))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(rig.delete, instances))
    assert not [one for one in rig.snapshot().objects if one.key.address.kind == "Instance"]


def _create(wanted: Wanted) -> Step:
    return Step(id=f"create {wanted.key}", key=wanted.key, verb="create", wanted=wanted)


def _answers(host: Host, address: str, keys: Keys) -> bool:
    return ssh(host, address, keys, "true").returncode == 0


def test_every_check_of_a_good_host_passes(rig: Rig) -> None:
    failed = [check for check in rig.driver.doctor() if not check[0]]
    assert failed == []


def test_the_console_and_the_way_in_lead_to_the_guest(rig: Rig, libvirt_host: Host) -> None:
    rig.make(rig.scene().values())
    command = list(rig.driver.console(Address.parse(WEB)))
    assert command == ["virsh", "-c", libvirt_host.uri, "console", rig.name(WEB)]
    assert tuple(rig.driver.reach()) == libvirt_host.prefix
    with pytest.raises(DriverError) as refusal:
        rig.driver.console(Address.parse("Instance/default/nobody"))
    assert refusal.value.error_class is ErrorClass.GONE
