"""Networks on a real libvirtd: ways out and in through a namespace as uplink, and bridges onto a wire."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.driver import DriverError
from reconciler.objects import Wanted
from tests.support.contract import LAN, manifest
from tests.support.guests import Keys, answer
from tests.support.hosts import Host
from tests.support.libvirt_bench import WIRE, LibvirtBench
from tests.support.rig import Cut, Rig, Watch, shown
from tests.support.spaces import ARRIVES, Space, listener, opens, spaces

pytestmark = pytest.mark.libvirtd

GUEST, GUEST6 = "10.77.0.10", "fd00:10:77::a"
HOST, HOST6 = "198.51.100.1", "2001:db8:51::1"
UPLINK, UPLINK6 = "198.51.100.2", "2001:db8:51::2"
SERVED = 8000
BOTH = {"cidr6": "fd00:10:77::/64", "dns": {"domain": "shop.internal"}}


@pytest.fixture
def uplink(clean: LibvirtBench) -> Iterator[Space]:
    """A machine that the host reaches over a wire of its own, where a server tells each client who that is."""
    with spaces(1) as (space,):
        space.ip(f"link add eth0 type veth peer name up0 netns {clean.host.pid}", "link set eth0 up")
        space.ip(f"addr add {UPLINK}/24 dev eth0", f"addr add {UPLINK6}/64 dev eth0 nodad")
        for address in (f"{HOST}/24", f"{HOST6}/64"):
            clean.host.run("ip", "address", "add", address, "dev", "up0", *(["nodad"] if ":" in address else []))
        clean.host.run("ip", "link", "set", "up0", "up")
        with serving(space):
            yield space
        clean.host.run("ip", "link", "delete", "up0")


@contextlib.contextmanager
def serving(space: Space) -> Iterator[None]:
    server = listener(space, SERVED)
    server.settimeout(None)
    threading.Thread(target=_tell, args=(server,), daemon=True).start()
    yield
    server.close()


def _tell(server: Any) -> None:
    """Tell each client its address, until the server is closed."""
    with contextlib.suppress(OSError):
        while True:
            client, (address, *_) = server.accept()
            client.sendall(f"{address.removeprefix('::ffff:')}\n".encode())
            client.close()


def _scene(rig: Rig, keys: Keys, **lan: Any) -> dict[str, Wanted]:
    families = [{"protocol": "tcp", "ports": 22, "ethertype": family} for family in ("IPv4", "IPv6")]
    login = manifest("Keypair", "tester", publicKey=keys.public) + manifest("SecurityGroup", "login", ingress=families)
    return rig.scene(login, lan={**BOTH, **lan}, keypairs=["tester"], securityGroups=["login"])


def _seen_as(host: Host, keys: Keys, server: str) -> str:
    """The address that a guest has in the eyes of a server."""
    return answer(host, GUEST, keys, f"nc -w 5 {server} {SERVED} </dev/null")


def test_nat_is_a_way_out_for_both_families(rig: Rig, clean: LibvirtBench, uplink: Space, keys: Keys) -> None:
    rig.make(_scene(rig, keys, mode="nat").values())
    assert _seen_as(clean.host, keys, UPLINK) == HOST
    assert _seen_as(clean.host, keys, UPLINK6) == HOST6


def test_a_name_has_addresses_of_both_families(rig: Rig, clean: LibvirtBench, keys: Keys) -> None:
    rig.make(_scene(rig, keys, mode="isolated").values())
    told = answer(clean.host, GUEST6, keys, "nslookup web.shop.internal")
    assert {GUEST, GUEST6} <= set(told.split())


def test_a_routed_network_is_reached_from_elsewhere_as_its_groups_allow(
    rig: Rig, clean: LibvirtBench, uplink: Space, keys: Keys
) -> None:
    rig.make(_scene(rig, keys, mode="routed").values())
    uplink.ip(f"route add 10.77.0.0/24 via {HOST}", f"route add fd00:10:77::/64 via {HOST6}")
    assert _seen_as(clean.host, keys, UPLINK) == GUEST
    assert _seen_as(clean.host, keys, UPLINK6) == GUEST6
    assert "web" in answer(clean.host, GUEST, keys, "wget -q -O - http://127.0.0.1:8080/"), "somebody listens"
    for address in (GUEST, GUEST6):
        assert opens(uplink, address, 22, ARRIVES)
        assert not opens(uplink, address, 8080)


def test_a_guest_has_no_address_but_those_of_its_seed(rig: Rig, clean: LibvirtBench, keys: Keys) -> None:
    """libvirt's resolver advertises itself as a router, from which a guest would give itself another address."""
    rig.make(_scene(rig, keys, mode="nat").values())
    shown = json.loads("[" + answer(clean.host, GUEST, keys, SHOW) + "]")
    assert shown == [f"{GUEST}/24", f"{GUEST6}/64"]


SHOW = (
    "sleep 5; ip address show dev eth0 | grep 'scope global' | while read -r kind address rest;"
    " do echo \\\"$address\\\"; done | tr '\\n' , | sed 's/,$//'"
)


def _wire(rig: Rig, **lan: Any) -> Wanted:
    return rig.scene(lan={"mode": "bridge", "physicalNetwork": "uplink", "dns": {}, **lan})[LAN]


def _devices(host: Host) -> dict[str, tuple[str, bool]]:
    """The network devices of a host: what each is plugged into, and whether it is up."""
    links = json.loads(host.run("ip", "-j", "link", "show").stdout)
    return {link["ifname"]: (link.get("master", ""), "UP" in link["flags"]) for link in links}


def test_a_bridge_that_was_cut_off_anywhere_is_finished_and_taken_away(rig: Rig, clean: LibvirtBench) -> None:
    bare, wanted, watch = set(_devices(clean.host)), _wire(rig), Watch()
    whole = rig.create(wanted, watch)
    made = _devices(clean.host)
    rig.delete(wanted)
    assert set(_devices(clean.host)) == bare
    for cut in range(1, len(watch.calls) + 1):
        clean.host.run("ip", "link", "set", WIRE, "down")
        with pytest.raises(Cut):
            rig.create(wanted, Watch(cut=cut))
        there = rig.look(wanted)
        finished = rig.update(wanted) if there else rig.create(wanted)
        assert finished.stored == whole.stored
        assert _devices(clean.host) == made
        with contextlib.suppress(Cut):
            rig.delete(wanted, Watch(cut=cut))
        rig.delete(wanted)
        assert set(_devices(clean.host)) == bare


def test_a_bridge_that_somebody_took_away_is_seen_and_made_again(rig: Rig, clean: LibvirtBench) -> None:
    wanted = _wire(rig)
    rig.create(wanted)
    made = _devices(clean.host)
    (bridge,) = {master for master, _ in made.values()} - {""}
    for damage in (("delete", "dev", bridge), ("set", "dev", WIRE, "nomaster"), ("set", "dev", bridge, "down")):
        clean.host.run("ip", "link", *damage)
        seen = rig.look(wanted)
        assert seen
        assert seen.stored["active"] is False
        assert shown(rig.update(wanted), wanted) == wanted.fields
        assert _devices(clean.host) == made


def test_an_interface_by_which_the_host_is_reached_stays_as_it_is(rig: Rig, clean: LibvirtBench) -> None:
    clean.host.run("ip", "address", "add", "192.0.2.7/24", "dev", WIRE)
    with pytest.raises(DriverError, match=r"192\.0\.2\.7.*give the host a bridge over it"):
        rig.create(_wire(rig))
    assert _devices(clean.host)[WIRE][0] == ""


def test_an_interface_in_a_bridge_of_the_hosts_own_stays_there(rig: Rig, clean: LibvirtBench) -> None:
    with _own_bridge(clean.host):
        clean.host.run("ip", "link", "set", WIRE, "master", "br-own")
        with pytest.raises(DriverError, match="is plugged into br-own"):
            rig.create(_wire(rig))
        assert _devices(clean.host)[WIRE][0] == "br-own"


@contextlib.contextmanager
def _own_bridge(host: Host) -> Iterator[None]:
    """A bridge that the host's administrator made."""
    host.run("ip", "link", "add", "br-own", "type", "bridge")
    yield
    host.run("ip", "link", "delete", "br-own")


def _on_a_bridge(clean: LibvirtBench) -> Rig:
    """The driver, told that the wire is a bridge of the host's own, `br-own`."""
    wires = {"uplink": {"bridge": "br-own"}}
    clean.config = replace(clean.config, connection={**clean.config.connection, "physical_networks": wires})
    return Rig(clean)


def test_a_bridge_of_the_hosts_own_is_used_and_never_touched(clean: LibvirtBench) -> None:
    rig = _on_a_bridge(clean)
    with contextlib.closing(rig.driver), _own_bridge(clean.host):
        before, wanted = _devices(clean.host), _wire(rig)
        assert shown(rig.create(wanted), wanted) == wanted.fields
        assert _devices(clean.host) == before
        rig.delete(wanted)
        assert _devices(clean.host) == before


def test_doctor_tells_which_wires_a_host_lacks(rig: Rig, clean: LibvirtBench) -> None:
    def failed(rig: Rig) -> list[str]:
        return [what for passed, what, _ in rig.driver.doctor() if not passed and "physical network" in what]

    assert failed(rig) == []
    other = _on_a_bridge(clean)
    with contextlib.closing(other.driver):
        assert failed(other) == ["the physical network uplink is a bridge of the host, br-own"]
        with _own_bridge(clean.host):
            assert failed(other) == []


def test_a_wire_that_became_another_one_is_told(rig: Rig, clean: LibvirtBench) -> None:
    wanted = _wire(rig)
    rig.create(wanted)
    other = _on_a_bridge(clean)
    with contextlib.closing(other.driver):
        seen = other.look(wanted)
        assert seen
        assert seen.stored["physicalNetwork"] == f"uplink as {WIRE}"
        other.delete(wanted)
    assert _devices(clean.host)[WIRE][0] == ""
