"""Security group rules for property tests, all that manifests can declare."""

from __future__ import annotations

import ipaddress

from hypothesis import strategies as st

from reconciler.firewall.rule import PORT_PROTOCOLS, Ethertype, Rule, canonical

GROUPS = ("SecurityGroup/shop/web", "SecurityGroup/shop/db", f"SecurityGroup/{'p' * 63}/{'g' * 63}")
_PORTS = st.tuples(st.integers(1, 65535), st.integers(1, 65535)).map(lambda pair: f"{min(pair)}-{max(pair)}")


def networks(family: Ethertype) -> st.SearchStrategy[str]:
    """CIDRs of a family, of every length."""
    addresses, bits = (st.ip_addresses(v=4), 32) if family == "IPv4" else (st.ip_addresses(v=6), 128)
    return st.builds(
        lambda address, length: str(ipaddress.ip_network((address, length), strict=False)),
        addresses,
        st.integers(0, bits),
    )


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """A canonical rule."""
    family: Ethertype = draw(st.sampled_from(("IPv4", "IPv6")))
    protocol = draw(st.sampled_from((*sorted(PORT_PROTOCOLS), "icmp", "any")) | st.integers(0, 255))
    kind = draw(st.none() | st.integers(0, 255)) if protocol == "icmp" else None
    remote = draw(st.sampled_from(("anyone", "cidr", "group")))
    return canonical(
        direction=draw(st.sampled_from(("ingress", "egress"))),
        ethertype=family,
        protocol=protocol,
        ports=draw(st.none() | _PORTS | st.integers(1, 65535)) if protocol in PORT_PROTOCOLS else None,
        icmp_type=kind,
        icmp_code=None if kind is None else draw(st.none() | st.integers(0, 255)),
        cidr=draw(networks(family)) if remote == "cidr" else None,
        group=draw(st.sampled_from(GROUPS)) if remote == "group" else None,
    )
