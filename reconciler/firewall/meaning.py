"""What a change of a group's rules means: what opens, what closes, and what only looks like it.

A rule that another one covers opens nothing when it comes and closes nothing when it goes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

import msgspec

from reconciler.firewall.rule import Rule, parse


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, as it is rendered, that comes or goes. `covered` is another one that stands before and after and allows
    all that it allows; empty when there is none, so that something really opens or closes.
    """

    rule: str
    opens: bool
    covered: str = ""


def turns(before: Iterable[str], after: Iterable[str]) -> list[Turn]:
    """What comes, then what goes, each in order. Rules are rendered; what is no rule covers nothing."""
    old, new = set(before), set(after)
    come = [Turn(rule=rule, opens=True, covered=_cover(rule, old)) for rule in sorted(new - old)]
    return [*come, *(Turn(rule=rule, opens=False, covered=_cover(rule, new)) for rule in sorted(old - new))]


def for_anyone(rule: str) -> bool:
    """Whether a rule lets in whoever asks, of all addresses."""
    parsed = _parsed(rule)
    return parsed is not None and parsed.direction == "ingress" and not (parsed.cidr or parsed.group)


def covers(wide: Rule, narrow: Rule) -> bool:
    """Whether all that `narrow` allows is allowed by `wide`."""
    same = (wide.direction, wide.ethertype) == (narrow.direction, narrow.ethertype)
    return same and wide.protocol in (None, narrow.protocol) and _ports(wide, narrow) and _remote(wide, narrow)


def _ports(wide: Rule, narrow: Rule) -> bool:
    """Ports, and ICMP types with their codes; what a rule does not say it allows whole."""
    if wide.ports and not (narrow.ports and wide.ports[0] <= narrow.ports[0] and narrow.ports[1] <= wide.ports[1]):
        return False
    if not wide.icmp:
        return True
    return narrow.icmp is not None and wide.icmp[0] == narrow.icmp[0] and wide.icmp[1] in (None, narrow.icmp[1])


def _remote(wide: Rule, narrow: Rule) -> bool:
    if wide.group:
        return wide.group == narrow.group
    if not wide.cidr:
        return True
    if not narrow.cidr:
        return False
    outer, inner = ipaddress.ip_network(wide.cidr), ipaddress.ip_network(narrow.cidr)
    if isinstance(outer, ipaddress.IPv4Network):
        return isinstance(inner, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, ipaddress.IPv6Network) and inner.subnet_of(outer)


def _cover(rule: str, others: Iterable[str]) -> str:
    narrow = _parsed(rule)
    if narrow is None:
        return ""
    return next((text for text, wide in _rules(others) if text != rule and covers(wide, narrow)), "")


def _rules(texts: Iterable[str]) -> Iterator[tuple[str, Rule]]:
    for text in sorted(texts):
        if (rule := _parsed(text)) is not None:
            yield text, rule


def _parsed(text: str) -> Rule | None:
    """A rule as it stands on a host may be one that we would never have said."""
    try:
        return parse(text)
    except ValueError:
        return None
