"""XML is made of trees: no text becomes more than text (S12), and none that comes is read without care (S14)."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from reconciler.address import Address
from reconciler_libvirt.ledger import Record
from reconciler_libvirt.xml import device, domain, network, storage, tree
from reconciler_libvirt.xml.device import NicSpec
from reconciler_libvirt.xml.disk import DiskSpec
from reconciler_libvirt.xml.domain import BootSpec, DomainSpec
from reconciler_libvirt.xml.network import NetworkSpec
from reconciler_libvirt.xml.storage import VolumeSpec
from reconciler_libvirt.xml.traits import Traits

FLEET = "7c1e5a52-7a39-4c6e-9c3e-0b6f6a1d2e4b"
WEB, LAN = Address("Instance", "shop", "web"), Address("Network", "shop", "lan")
TRICKS = ["<x>", "&amp;", "]]>", '"/><evil a="', "<!--", "a\r\nb", "\x00", "\ud800", "\x1b[31m", " ", "\n"]
ANY = st.text() | st.sampled_from(TRICKS)


def _domain(text: str) -> DomainSpec:
    return DomainSpec(
        name=text,
        uuid=text,
        record=Record(fleet_id=FLEET, address=WEB, origin=WEB, commit=text, guards=(text,), noted={text: text}),
        virt_type=text,
        machine="q35",
        vcpus=1,
        memory=1 << 20,
        root=text,
        seed=text,
        nics=(NicSpec(name=text, mac=text, network=text, tap=text),),
        disks=(DiskSpec(name=text, path=text, format=text, serial=text),),
        traits=Traits(watchdog=text),
        cpu=text,
        boot=BootSpec(kernel=text, initrd=text, command_line=text),
    )


def _network(text: str) -> NetworkSpec:
    return NetworkSpec(
        name=text,
        uuid=text,
        record=Record(fleet_id=FLEET, address=LAN, origin=LAN, owned={text: text}),
        mode="nat",
        bridge=text,
        mac=text,
        cidr="10.0.0.0/24",
        gateway=text,
        leases=((text, text),),
        names=((text, text),),
        domain=text,
    )


def _volume(text: str) -> VolumeSpec:
    return VolumeSpec(name=text, capacity=1, format=text, backing=(text, text))


WRITERS: list[Any] = [
    pytest.param(lambda text: domain.write(_domain(text)), id="domain"),
    pytest.param(lambda text: network.write(_network(text)), id="network"),
    pytest.param(lambda text: storage.volume(_volume(text)), id="volume"),
    pytest.param(lambda text: storage.pool(text, text, text), id="pool"),
    pytest.param(lambda text: network.dns_host(text, text), id="dns-host"),
]


def _shape(node: Element) -> object:
    return node.tag, sorted(node.attrib), [_shape(child) for child in node]


@pytest.mark.parametrize("write", WRITERS)
@given(text=ANY.filter(bool))
def test_text_in_any_field_stays_text(write: Any, text: str) -> None:
    try:
        written = tree.render(write(text))
    except ValueError:
        return  # XML has no way to hold it, so it is refused
    assert _shape(tree.parse(written)) == _shape(write("harmless"))


@given(text=ANY)
def test_a_command_line_reads_back_as_it_was_written_or_is_refused(text: str) -> None:
    spec = replace(_domain("harmless"), boot=BootSpec(kernel="/k", command_line=text), cpu=None)
    try:
        written = tree.parse(tree.render(domain.write(spec)))
    except ValueError:
        return
    found = domain.read(written, FLEET)
    assert found.boot is not None
    assert found.boot.command_line == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "a document type can declare entities that grow without bound"),
        ("<a>" + "x" * tree.MOST + "</a>", "no domain is that large"),
        ("<a>", "it is cut"),
        ("", "there is nothing"),
        ("<a>&undeclared;</a>", "nobody declared it"),
    ],
)
def test_xml_that_no_hypervisor_would_send_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="XML") as refusal:
        tree.parse(text)
    assert refusal, reason


def test_a_raised_link_is_all_that_changes_of_a_device() -> None:
    live = domain.write(_domain("lan"))
    raised = device.with_link_up(live, "lan")
    assert raised is not None
    assert domain.read(live, FLEET).nics[0].up is False, "the tree that was read is left alone"
    state = raised.find("link")
    assert state is not None
    assert state.get("state") == "up"
    state.set("state", "down")
    assert tree.render(raised) in tree.render(live)
    assert device.with_link_up(live, "other") is None


@pytest.mark.parametrize(("path", "unit", "attribute"), [("currentMemory", "1024", "memory"), ("vcpu", "1", "vcpus")])
def test_what_somebody_took_of_a_guests_size_is_seen(path: str, unit: str, attribute: str) -> None:
    spec = replace(_domain("web"), memory=2 << 20, vcpus=2)
    written = domain.write(spec)
    assert domain.read(written, FLEET) == spec
    node = written.find(path)
    assert node is not None
    if path == "vcpu":
        node.set("current", unit)
    else:
        node.text = unit
    assert getattr(domain.read(written, FLEET), attribute) == getattr(spec, attribute) // 2
    assert domain.read(domain.write(spec, written), FLEET) == spec


MACHINES = [("pc-q35-7.2", "q35"), ("q35", "q35"), ("pc-i440fx-7.2", "pc"), ("pc", "pc"), ("virt", None), (None, None)]


@pytest.mark.parametrize(("machine", "family"), MACHINES)
def test_the_exact_machine_tells_its_family(machine: str | None, family: str | None) -> None:
    assert domain.machine_family(machine) == family
