"""Names on a host are derived, bounded, and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.address import NAME_PATTERN, Address
from reconciler.identity import Identity
from reconciler_libvirt import names

IDENTITY = Identity("7c1e5a52-7a39-4c6e-9c3e-0b6f6a1d2e4b")
OTHER = Identity("0d9a7f0e-2c1b-4d57-8a35-6f4e3c2b1a09")
LABEL = st.from_regex(NAME_PATTERN, fullmatch=True)
CONTENT = "abcdef012345"


@given(project=LABEL, name=LABEL, nic=LABEL)
def test_network_devices_fit_the_kernels_fifteen_characters(project: str, name: str, nic: str) -> None:
    assert len(names.bridge(IDENTITY, Address("Network", project, name))) <= 15
    assert len(names.tap(IDENTITY, Address("Instance", project, name), nic)) <= 15


def test_network_devices_of_two_fleets_differ() -> None:
    lan, web = Address("Network", "shop", "lan"), Address("Instance", "shop", "web")
    assert names.bridge(IDENTITY, lan) != names.bridge(OTHER, lan)
    assert names.tap(IDENTITY, web, "lan") != names.tap(OTHER, web, "lan")
    assert names.tap(IDENTITY, web, "lan") != names.tap(IDENTITY, web, "dmz")


@given(project=LABEL, name=LABEL, partial=st.booleans())
def test_the_volumes_of_an_instance_read_back(project: str, name: str, partial: bool) -> None:
    origin = Address("Instance", project, name)
    for make, role in ((names.root, "root"), (names.seed, "seed")):
        found = names.read_volume(IDENTITY, make(IDENTITY, origin) + (names.PARTIAL if partial else ""))
        assert found is not None
        assert (found.origin, found.role, found.partial) == (origin, role, partial)


@given(name=LABEL, role=st.sampled_from(names.ROLES), file_format=st.sampled_from(["qcow2", "raw"]))
def test_the_files_of_an_image_read_back(name: str, role: str, file_format: str) -> None:
    image = Address("Image", None, name)
    found = names.read_volume(IDENTITY, names.image(IDENTITY, image, CONTENT, role, file_format))
    assert found == names.VolumeName(image, CONTENT, role, file_format)


POOL = st.from_regex(r"[A-Za-z0-9_][-A-Za-z0-9_.]{0,62}", fullmatch=True).filter(
    lambda name: not name.endswith(names.PARTIAL)
)


@given(project=LABEL, name=LABEL, file_format=st.sampled_from(names.FORMATS), pool=st.none() | POOL)
def test_a_volume_and_the_mark_of_its_making_read_back(
    project: str, name: str, file_format: str, pool: str | None
) -> None:
    origin = Address("Volume", project, name)
    made = names.made(file_format, pool)
    assert names.read_made(made) == (file_format, pool)
    found = names.read_volume(IDENTITY, names.data(IDENTITY, origin, file_format))
    assert found == names.VolumeName(origin, "", "data", file_format)
    for partial in (False, True):
        mark = names.mark(IDENTITY, origin, made) + (names.PARTIAL if partial else "")
        assert names.read_volume(IDENTITY, mark) == names.VolumeName(origin, made, "mark", "raw", partial)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("disk.img", "it has no prefix"),
        ("0d9a7f0e.shop.web.root", "another fleet's"),
        ("7c1e5a52.shop.web", "a domain's name is no volume's"),
        ("7c1e5a52.shop.web.data", "without its format"),
        ("7c1e5a52.shop.web.data.vmdk", "a format that we do not make"),
        ("7c1e5a52.shop.web.mark", "a mark that says nothing"),
        ("7c1e5a52.shop.web.mark.made", "made, but not how"),
        ("7c1e5a52.shop.web.mark.made.vmdk.fast", "made in a format that we do not make"),
        ("7c1e5a52.shop.WEB.root", "no label"),
        ("7c1e5a52.sh_op.web.root", "no project"),
        (f"7c1e5a52.-.tiny.{CONTENT}.disk", "without its format"),
        (f"7c1e5a52.-.tiny.{CONTENT}.disk.vmdk", "a format that we refuse"),
        (f"7c1e5a52.-.tiny.{CONTENT}.firmware.raw", "a role that we do not know"),
        ("", "nothing"),
    ],
)
def test_other_names_are_none_of_ours(name: str, reason: str) -> None:
    assert names.read_volume(IDENTITY, name) is None, reason


def test_a_domains_name_reads_back_and_a_volumes_is_none() -> None:
    web = Address("Instance", "shop", "web")
    assert names.read_name(IDENTITY, "Instance", IDENTITY.name(web)) == web
    assert names.read_name(IDENTITY, "Instance", IDENTITY.name(web, "root")) is None
    assert names.read_name(IDENTITY, "Instance", OTHER.name(web)) is None


def test_the_bridge_keeps_its_mac_and_shares_it_with_no_guest() -> None:
    lan = Address("Network", "shop", "lan")
    mac = names.bridge_mac(IDENTITY, lan, "10.10.0.1")
    assert mac == names.bridge_mac(IDENTITY, lan, "10.10.0.1")
    assert mac != IDENTITY.mac(lan, "10.10.0.2")


def test_two_fleets_have_two_pools() -> None:
    assert names.pool(IDENTITY) == "reconciler-7c1e5a52"
    assert names.pool(IDENTITY) != names.pool(OTHER)
    assert names.pool_uuid(IDENTITY) != names.pool_uuid(OTHER)
