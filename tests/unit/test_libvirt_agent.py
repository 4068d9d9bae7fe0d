"""What guest agents answer: guests are strangers, and may say anything."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler_libvirt.agent import listed

LO = {"name": "lo", "ip-addresses": [{"ip-address-type": "ipv4", "ip-address": "127.0.0.1", "prefix": 8}]}
LAN = {
    "name": "ens3",
    "hardware-address": "52:54:00:12:34:56",
    "statistics": {"rx-bytes": 1},
    "ip-addresses": [
        {"ip-address-type": "ipv4", "ip-address": "10.0.0.2", "prefix": 24},
        {"ip-address-type": "ipv6", "ip-address": "fd00::2", "prefix": 64},
    ],
}


def test_the_addresses_of_all_nics_are_told() -> None:
    assert listed([LO, LAN, {"name": "ens4"}]) == {"127.0.0.1", "10.0.0.2", "fd00::2"}


@pytest.mark.parametrize(
    "answer", [None, {}, [1], [[]], [{"ip-addresses": 7}], [{"ip-addresses": [{"ip-address": ["10.0.0.2"]}]}]]
)
def test_an_answer_that_is_none_tells_no_address(answer: Any) -> None:
    assert listed(answer) == frozenset()
