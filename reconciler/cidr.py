"""Networks as people write them, read strictly: what a firewall or a route means must not be guessed."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse(text: str) -> Network:
    """The network that `text` says; raises `ValueError` with what is wrong and what was probably meant."""
    if "%" in text:
        raise ValueError("Leave the zone (`%…`) out.")
    address, slash, prefix = text.partition("/")
    try:
        ipaddress.ip_address(address)
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("Write it as ADDRESS/PREFIX, such as 10.10.0.0/24.") from None
    if slash and prefix != str(network.prefixlen):
        raise ValueError(f"Write the prefix as a number: {network}.")
    if ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"It has bits set behind the prefix. Did you mean `{network}`?")
    return network


def parse_address(text: str) -> ipaddress.IPv4Address | None:
    """The IPv4 address that `text` says, or None when it is none."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None
