"""SecurityGroup: what may reach an instance, and what it may reach. Allow-only, additive, order-free; default deny."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from reconciler.address import Address, ObjectKey
from reconciler.diagnostic import Place
from reconciler.firewall.rule import Rule, canonical, render
from reconciler.kinds.base import Kind, Ref, Reference, Resource, Spec, Text, World, register, resolve
from reconciler.objects import Wanted


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
    remote: Annotated[Remote, Meta(description="Who is on the other side; anyone if absent.")] | None = None
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
    description: Text = ""


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
    for host in world.hosts.get(resource.address, ()):
        yield Wanted(
            key=ObjectKey(host, resource.address),
            origin=resource.origin,
            fields={"rules": rules, "members": world.members.get(resource.address, ())},
            place=resource.place,
        )


KIND = register(
    Kind(
        name="SecurityGroup",
        scope="project",
        spec=SecurityGroupSpec,
        references=_references,
        implied=implied_group,
        realise=_realise,
    )
)
