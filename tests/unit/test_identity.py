"""Identities follow from the fleet id and the origin, by a rule that anybody can check."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from reconciler.address import Address
from reconciler.identity import Identity

FLEET = "be9c4a11-5f0d-4a3e-8f37-6d1a2b3c4d5e"


@given(st.text(min_size=1), st.text())
def test_uuids_are_version_5_of_the_origin_in_the_namespace_of_the_fleet(name: str, part: str) -> None:
    origin = Address("Instance", "shop", name)
    expected = uuid.uuid5(uuid.UUID(FLEET), f"{origin}#{part}" if part else str(origin))
    assert Identity(FLEET).uuid(origin, part) == str(expected)
    assert Identity(FLEET).short(str(origin), 20) == uuid.uuid5(uuid.UUID(FLEET), str(origin)).hex[:20]


@given(st.ip_addresses(v=4).map(str))
def test_macs_are_local_and_follow_from_the_address(address: str) -> None:
    network = Address("Network", "shop", "lan")
    digits = uuid.uuid5(uuid.UUID(FLEET), f"{network}@{address}").hex
    assert Identity(FLEET).mac(network, address) == f"52:54:00:{digits[0:2]}:{digits[2:4]}:{digits[4:6]}"
