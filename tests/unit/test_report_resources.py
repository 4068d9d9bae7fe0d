"""What is listed and described: states, addresses, and where desired, stored and running differ."""

from __future__ import annotations

from reconciler.address import Address, ObjectKey
from reconciler.desired import Desired, load
from reconciler.diagnostic import failed
from reconciler.impact import Impact
from reconciler.manifest import Blob
from reconciler.objects import Observed, Value
from reconciler.observation import Failed, Partial, Snapshot
from reconciler.plan import Change, FieldChange, Waiting
from reconciler.report.description import Description, description_lines
from reconciler.report.line import plain
from reconciler.report.listing import rows_lines
from reconciler.report.resources import Row, addresses, hidden_lines, rows

WEB = Address("Instance", "default", "web-1")
OLD = Address("Instance", "default", "old")
MANIFESTS = """
apiVersion: reconciler/v1
kind: Fleet
metadata: {name: acme}
spec: {id: 6ba7b810-9dad-41d1-80b4-00c04fd430c8}
---
apiVersion: reconciler/v1
kind: Host
metadata: {name: sim-01}
spec: {driver: simulator}
---
apiVersion: reconciler/v1
kind: Flavor
metadata: {name: small}
spec: {vcpus: 1, memory: 512Mi, disk: 1Gi}
---
apiVersion: reconciler/v1
kind: Image
metadata: {name: tiny}
spec: {source: tiny.raw, sha256: 0000000000000000000000000000000000000000000000000000000000000000, format: raw}
---
apiVersion: reconciler/v1
kind: Network
metadata: {name: lan}
spec: {cidr: 10.10.0.0/24}
---
apiVersion: reconciler/v1
kind: SecurityGroup
metadata: {name: lonely}
spec: {}
---
apiVersion: reconciler/v1
kind: Instance
metadata: {name: web-1}
spec: {flavor: small, image: tiny, networks: {lan: {}}}
"""


def desired() -> Desired:
    found, diagnostics = load([Blob(path="fleet.yaml", data=MANIFESTS.encode())], lambda path: None)
    assert not failed(diagnostics), diagnostics
    return found


def observed(address: Address, stored: dict[str, Value], running: dict[str, Value] | None = None) -> Observed:
    return Observed(key=ObjectKey("sim-01", address), origin=address, uid="uid", stored=stored, running=running)


def listed(*snapshots: Snapshot) -> dict[str, Row]:
    return {str(row.address): row for row in rows(desired().resources, snapshots)}


def test_every_resource_is_listed_with_its_state_whether_declared_or_standing_or_both() -> None:
    web = observed(WEB, {"nics.lan.address": "10.10.0.2", "powerState": "Running"}, {"nics.lan.address": "10.10.0.2"})
    lan = observed(Address("Network", "default", "lan"), {"active": True})
    old = observed(OLD, {"vcpus": 2, "image": "debian@0"})
    assert plain(rows_lines(list(listed(Snapshot(host="sim-01", objects=(web, lan, old))).values()))) == (
        "RESOURCE                       HOST    STATE                ADDRESS    SUMMARY\n"
        "Flavor/small                   -       Declared             -          1 vCPU, 512Mi memory, 1Gi disk\n"
        "Fleet/acme                     -       Declared             -          6ba7b810-9dad-41d1-80b4-00c04fd430c8\n"
        "Host/sim-01                    -       Seen                 -          Active, simulator\n"
        "Image/tiny                     -       Absent               -          raw sha256:000000000000\n"
        "Instance/default/old           sim-01  Stopped, undeclared  -          2 vCPU, image debian@0\n"
        "Instance/default/web-1         sim-01  Running              10.10.0.2  flavor small, image tiny\n"
        "Network/default/lan            sim-01  Active               -          nat 10.10.0.0/24\n"
        "SecurityGroup/default/default  -       Absent               -\n"
        "SecurityGroup/default/lonely   -       Unused               -\n"
    )


def test_what_was_not_seen_is_unknown_rather_than_absent() -> None:
    for status, state in ((Failed("no route"), "Unseen"), (Partial(("volumes",)), "Partly seen")):
        found = listed(Snapshot(host="sim-01", status=status))
        assert found["Instance/default/web-1"].state == "Unknown"
        assert found["Host/sim-01"].state == state
    hidden = hidden_lines([Snapshot(host="sim-01", status=Failed("no \x1b[2Jroute"))])
    assert plain(hidden) == "warning: sim-01 was not completely seen: no \\x1b[2Jroute\n"


def test_an_incomplete_object_says_so_and_every_nic_has_its_address() -> None:
    half = Observed(key=ObjectKey("sim-01", WEB), origin=WEB, uid="", stored={}, incomplete=True)
    assert listed(Snapshot(host="sim-01", objects=(half,)))[str(WEB)].state == "Incomplete"
    both = observed(WEB, {"nics.b.address": "10.0.1.2", "nics.a.address": "10.0.0.2", "nics.a.mac": "x"})
    assert addresses(Row(address=WEB, resource=None, objects=(both,), state="")) == ["10.0.0.2", "10.0.1.2"]


def description(*changes: Change, running: dict[str, Value]) -> str:
    web = observed(WEB, {"memory": 1 << 30, "vcpus": 1, "seed.keys": ("a", "b"), "seed.userData": None}, running)
    row = Row(address=WEB, resource=desired().resources[WEB], objects=(web,), state="Running")
    uses = (Address("Flavor", None, "small"),)
    return plain(description_lines(Description(row=row, changes=changes, uses=uses, used_by=())))


def test_what_is_as_desired_is_shown_once() -> None:
    assert description(running={"memory": 1 << 30}) == (
        "Instance/default/web-1\n"
        "  state     Running\n"
        "  declared  fleet.yaml:32\n"
        "  uses      Flavor/small\n"
        "\n"
        "On sim-01: Running\n"
        "  uid       uid\n"
        "  FIELD      VALUE\n"
        "  memory     1Gi\n"
        "  seed.keys  a\n"
        "             b\n"
        "  vcpus      1\n"
    )


def test_desired_stored_and_running_are_told_apart_where_they_differ_and_what_waits_is_said() -> None:
    memory = FieldChange(path="memory", before=1 << 30, after=2 << 30, impact=Impact.RESTART, origin="commit")
    change = Change(
        key=ObjectKey("sim-01", WEB),
        action="update",
        impact=Impact.RESTART,
        consent=Waiting("--allow restart=Instance/default/web-1"),
        fields=(memory,),
        reason="memory declared otherwise",
    )
    assert description(change, running={"memory": 1 << 29}).partition("uid       uid\n")[2] == (
        "  FIELD      DESIRED  STORED  RUNNING\n"
        "  memory     2Gi      1Gi     512Mi\n"
        "  seed.keys  a\n"
        "             b\n"
        "  vcpus      1\n"
        "  ~ planned: update on sim-01, impact restart: memory declared otherwise\n"
        "  waits for consent: --allow restart=Instance/default/web-1\n"
    )
