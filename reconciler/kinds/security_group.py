"""SecurityGroup: what may reach an instance, and what it may reach. Allow-only, additive, order-free; default deny."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from reconciler import cidr
from reconciler.address import Address, ObjectKey
from reconciler.diagnostic import Place
from reconciler.firewall.rule import NUMBERS, PORT_PROTOCOLS, Rule, canonical, render
from reconciler.kinds.base import (
    Kind,
    Problem,
    Ref,
    Reference,
    Resource,
    ShareWith,
    Spec,
    Text,
    World,
    register,
    resolve,
)
from reconciler.objects import Wanted
from reconciler.suggest import shown


class Remote(Spec, frozen=True, kw_only=True):
    """The other side: exactly one of `cidr` and `group`."""

    cidr: Annotated[str, Meta(description="An IPv4 or IPv6 network, or a single address.")] | None = None
    group: Annotated[Ref, Meta(description="A security group: the addresses of all who are in it.")] | None = None


class RuleSpec(Spec, frozen=True, kw_only=True):
    """One thing that is allowed. Absent fields allow everything."""

    ethertype: Annotated[
        Literal["IPv4", "IPv6"] | None,
        Meta(description="If absent: that of the remote cidr, else IPv4."),
    ] = None
    protocol: Annotated[
        Literal["tcp", "udp", "icmp", "sctp", "any"] | Annotated[int, Meta(ge=0, le=255)],
        Meta(description="A name, or an IP protocol number; icmp means ICMPv6 under ethertype IPv6."),
    ] = "any"
    ports: (
        Annotated[int, Meta(ge=1, le=65535)]
        | Annotated[
            str,
            Meta(
                pattern=r"^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$(?!\n)",
                title="a port or a range FROM-TO of ports, such as 8000-8080",
                description="A port or FROM-TO.",
            ),
        ]
        | None
    ) = None
    icmp_type: Annotated[int, Meta(ge=0, le=255, description="Only with protocol icmp.")] | None = None
    icmp_code: Annotated[int, Meta(ge=0, le=255, description="Only with icmpType.")] | None = None
    remote: Annotated[Remote | None, Meta(description="Who is on the other side; anyone if absent.")] = None
    description: Text = ""


class SecurityGroupSpec(Spec, frozen=True, kw_only=True):
    """With `egress` absent everything may leave, in both families; with `egress: []` nothing may."""

    ingress: Annotated[
        tuple[RuleSpec, ...], Meta(max_length=1000, description="What may come in; nothing if absent.")
    ] = ()
    egress: (
        Annotated[tuple[RuleSpec, ...], Meta(max_length=1000, description="What may leave; everything if absent.")]
        | UnsetType
    ) = UNSET
    share_with: ShareWith = ()
    description: Text = ""


MOST_PORT = 65535
ALL_EGRESS = (
    Rule(direction="egress", ethertype="IPv4"),
    Rule(direction="egress", ethertype="IPv6"),
)


def default_group(project: str | None, place: Place) -> Resource:
    """The group `default` of a project that declares none: its members reach each other, and everything may leave."""
    address = Address("SecurityGroup", project, "default")
    members = Remote(group="default")
    ingress = (RuleSpec(ethertype="IPv4", remote=members), RuleSpec(ethertype="IPv6", remote=members))
    return Resource(address=address, origin=address, spec=SecurityGroupSpec(ingress=ingress), place=place)


def implied_group(resource: Resource) -> Iterator[Resource]:
    """What a resource implies whose project must have a group `default`."""
    yield default_group(resource.address.project, resource.place)


def rules_of(spec: SecurityGroupSpec, project: str | None) -> tuple[Rule, ...]:
    """The rules of a group in canonical form, sorted and without repetition."""
    ingress = [_rule("ingress", rule, project) for rule in spec.ingress]
    egress = ALL_EGRESS if spec.egress is UNSET else [_rule("egress", rule, project) for rule in spec.egress]
    return tuple(sorted({*ingress, *egress}, key=render))


def _rule(direction: Literal["ingress", "egress"], spec: RuleSpec, project: str | None) -> Rule:
    remote = spec.remote or Remote()
    return canonical(
        direction=direction,
        ethertype=spec.ethertype,
        protocol=spec.protocol,
        ports=spec.ports,
        icmp_type=spec.icmp_type,
        icmp_code=spec.icmp_code,
        cidr=remote.cidr,
        group=str(resolve("SecurityGroup", remote.group, project)) if remote.group else None,
    )


IPV6_ONLY = frozenset({43, 44, 58, 59, 60})
"""Protocol numbers that exist in IPv6 alone: its extension headers, and ICMPv6."""


def _check(spec: SecurityGroupSpec) -> Iterator[Problem]:
    egress = () if spec.egress is UNSET else spec.egress
    for side, rules in (("ingress", spec.ingress), ("egress", egress)):
        for index, rule in enumerate(rules):
            path = f"spec.{side}.{index}"
            yield from _check_protocol(path, rule)
            yield from _check_remote(path, rule)


def _check_protocol(path: str, rule: RuleSpec) -> Iterator[Problem]:
    name = NUMBERS.get(rule.protocol, str(rule.protocol)) if isinstance(rule.protocol, int) else rule.protocol
    if rule.ports is not None and name not in PORT_PROTOCOLS:
        detail = f"Protocol `{rule.protocol}` has no ports. Write `protocol: tcp`, `udp` or `sctp`, or leave them out."
        yield Problem(f"{path}.ports", "ports-without-protocol", "protocol has no ports", detail)
    elif rule.ports is not None:
        first, _, last = str(rule.ports).partition("-")
        if not int(first) <= int(last or first) <= MOST_PORT:
            detail = f"{rule.ports} is no range of ports: FROM-TO, from the lower to the higher, at most {MOST_PORT}."
            yield Problem(f"{path}.ports", "bad-ports", "not a range of ports", detail)
    if rule.icmp_type is not None and name not in ("icmp", "icmpv6"):
        detail = f"Protocol `{rule.protocol}` has no ICMP types. Write `protocol: icmp`, or leave it out."
        yield Problem(f"{path}.icmpType", "icmp-without-protocol", "protocol has no ICMP types", detail)
    if rule.icmp_code is not None and rule.icmp_type is None:
        detail = "A code means something under its type only. Add `icmpType`."
        yield Problem(f"{path}.icmpCode", "icmp-code-without-type", "ICMP code without its type", detail)


def _check_remote(path: str, rule: RuleSpec) -> Iterator[Problem]:
    family: str = rule.ethertype or "IPv4"
    if rule.remote:
        if (rule.remote.cidr is None) == (rule.remote.group is None):
            have = "neither" if rule.remote.cidr is None else "both"
            detail = f"A remote has exactly one of `cidr` and `group`; this one has {have}."
            yield Problem(f"{path}.remote", "one-of", "exactly one is needed", detail)
        elif rule.remote.cidr is not None:
            try:
                family = f"IPv{cidr.parse(rule.remote.cidr).version}"
            except ValueError as problem:
                detail = f"{shown(rule.remote.cidr)} is no network or address. {problem}"
                yield Problem(f"{path}.remote.cidr", "bad-cidr", "not a network", detail)
                return
    if rule.ethertype not in (None, family):
        detail = (
            f"The remote is {family}, and the rule is for {rule.ethertype}. Leave `ethertype` out: the remote tells."
        )
        yield Problem(f"{path}.ethertype", "families-differ", "address families differ", detail)
    elif family == "IPv4" and rule.protocol in IPV6_ONLY:
        detail = f"Protocol {rule.protocol} exists in IPv6 alone. Add `ethertype: IPv6`."
        yield Problem(f"{path}.protocol", "families-differ", "address families differ", detail)


def _references(resource: Resource) -> Iterator[Reference]:
    spec: SecurityGroupSpec = resource.spec
    egress = [] if spec.egress is UNSET else spec.egress
    for side, rules in (("ingress", spec.ingress), ("egress", egress)):
        for index, rule in enumerate(rules):
            if rule.remote and rule.remote.group:
                target = resolve("SecurityGroup", rule.remote.group, resource.address.project)
                yield Reference(f"spec.{side}.{index}.remote.group", target, "member")


def _realise(resource: Resource, world: World) -> Iterator[Wanted]:
    rules = tuple(render(rule) for rule in rules_of(resource.spec, resource.address.project))
    members = world.members.get(resource.address, ())
    for host in world.hosts.get(resource.address, ()):
        strange = world.strangers.get((resource.address, host), ())
        here = tuple(each for each in members if each not in strange) if strange else members
        yield Wanted(
            key=ObjectKey(host, resource.address),
            origin=resource.origin,
            fields={"rules": rules, "members": here},
            place=resource.place,
        )


KIND = register(
    Kind(
        name="SecurityGroup",
        scope="project",
        spec=SecurityGroupSpec,
        references=_references,
        implied=implied_group,
        check=_check,
        realise=_realise,
    )
)
