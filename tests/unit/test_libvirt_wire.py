"""What is run to join a network of mode bridge to a wire: by the devices that are there, without a host."""

from __future__ import annotations

import pytest

from reconciler_libvirt.links import Link
from reconciler_libvirt.objects.network_wire import Wire, missing, stands

TAGGED = Wire(bridge="rcb0", base="eth1", port="rcv0", vlan=85)
PLAIN = Wire(bridge="rcb0", base="eth1", port="eth1")
OWN = Wire(bridge="br-lan")
ETH = Link(name="eth1", up=True)
BRIDGE = Link(name="rcb0", kind="bridge", up=True, silent=True)
VLAN = Link(name="rcv0", kind="vlan", below="eth1", vlan=85, master="rcb0", up=True, silent=True)


def commands(wire: Wire, *links: Link) -> list[str]:
    return [" ".join(command) for command in missing(wire, {link.name: link for link in links})]


def test_a_vlan_gets_a_device_on_the_interface_and_a_bridge_over_that() -> None:
    assert commands(TAGGED, Link(name="eth1")) == [
        "link set dev eth1 up",
        "link add name rcb0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
        "link set dev rcb0 addrgenmode none",
        "link add link eth1 name rcv0 type vlan id 85",
        "link set dev rcv0 addrgenmode none",
        "link set dev rcv0 master rcb0",
        "link set dev rcv0 up",
        "link set dev rcb0 up",
    ]


def test_an_untagged_wire_has_the_interface_in_the_bridge() -> None:
    assert commands(PLAIN, ETH, BRIDGE) == ["link set dev eth1 master rcb0"]
    assert commands(PLAIN, Link(name="eth1", up=True, master="rcb0"), BRIDGE) == []


def test_a_vlan_of_a_bridge_of_the_hosts_own_stands_on_that_bridge() -> None:
    on_bridge = Wire(bridge="rcb0", base="br-lan", port="rcv0", vlan=85)
    made = commands(on_bridge, Link(name="br-lan", kind="bridge", up=True))
    assert "link add link br-lan name rcv0 type vlan id 85" in made


def test_nothing_is_run_where_the_bridge_is_the_hosts_own_or_all_stands() -> None:
    assert commands(OWN, Link(name="br-lan", kind="bridge")) == []
    assert commands(TAGGED, ETH, BRIDGE, VLAN) == []
    assert stands(TAGGED, {link.name: link for link in (ETH, BRIDGE, VLAN)})


@pytest.mark.parametrize(
    "flaw",
    [
        Link(name="eth1"),
        Link(name="rcb0", kind="bridge", silent=True),
        Link(name="rcb0", kind="dummy", up=True, silent=True),
        Link(name="rcv0", kind="vlan", below="eth1", vlan=85, master="rcb0", silent=True),
        Link(name="rcv0", kind="vlan", below="eth1", vlan=86, master="rcb0", up=True),
        Link(name="rcv0", kind="vlan", below="eth2", vlan=85, master="rcb0", up=True),
        Link(name="rcv0", kind="vlan", below="eth1", vlan=85, up=True),
    ],
)
def test_a_wire_of_which_any_part_is_amiss_does_not_stand(flaw: Link) -> None:
    there = {link.name: link for link in (ETH, BRIDGE, VLAN)}
    assert not stands(TAGGED, there | {flaw.name: flaw})
    assert not stands(TAGGED, {name: link for name, link in there.items() if name != flaw.name})
