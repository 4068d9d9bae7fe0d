"""The dependency graph in its three forms."""

from __future__ import annotations

import networkx as nx

from reconciler.address import Address
from reconciler.report.graph import dot, graph_lines, mermaid, reached
from reconciler.report.line import plain

WEB = Address("Instance", "shop", "web-1")
DB = Address("Instance", "shop", "db")
GROUP = Address("SecurityGroup", "shop", "web")
LAN = Address("Network", "shop", "lan")


def graph(*edges: tuple[Address, Address, str]) -> nx.DiGraph[Address]:
    made: nx.DiGraph[Address] = nx.DiGraph()
    for user, used, role in edges:
        made.add_edge(user, used, role=role, path="")
    return made


FLEET = graph(
    (WEB, LAN, "needs"), (WEB, DB, "after"), (WEB, GROUP, "needs"), (GROUP, GROUP, "member"), (DB, LAN, "needs")
)


def test_people_see_who_uses_whom_and_how() -> None:
    assert plain(graph_lines(FLEET)) == (
        "Instance/shop/db\n"
        "  needs  Network/shop/lan\n"
        "Instance/shop/web-1\n"
        "  after  Instance/shop/db\n"
        "  needs  Network/shop/lan\n"
        "  needs  SecurityGroup/shop/web\n"
        "Network/shop/lan\n"
        "SecurityGroup/shop/web\n"
        "  member SecurityGroup/shop/web\n"
    )


def test_only_what_a_resource_reaches_is_left() -> None:
    assert sorted(reached(FLEET, DB)) == [DB, LAN]
    assert sorted(reached(FLEET, GROUP)) == [GROUP]


def test_graphviz_tells_the_roles_apart() -> None:
    text = dot(FLEET)
    assert text.startswith("digraph reconciler {\n")
    assert '  "Instance/shop/web-1" -> "Network/shop/lan";\n' in text
    assert '  "Instance/shop/web-1" -> "Instance/shop/db" [style=dotted, label="after"];\n' in text
    assert '  "SecurityGroup/shop/web" -> "SecurityGroup/shop/web" [style=dashed, label="member"];\n' in text


def test_mermaid_tells_the_roles_apart() -> None:
    assert mermaid(FLEET) == (
        "flowchart LR\n"
        '  n0["Instance/shop/db"]\n'
        '  n1["Instance/shop/web-1"]\n'
        '  n2["Network/shop/lan"]\n'
        '  n3["SecurityGroup/shop/web"]\n'
        "  n0 --> n2\n"
        "  n1 == after ==> n0\n"
        "  n1 --> n2\n"
        "  n1 --> n3\n"
        "  n3 -. member .-> n3\n"
    )


def test_no_name_can_leave_its_quotes() -> None:
    nasty = Address("Instance", 'a"];x', 'b\\"\n<img>')
    made = graph((nasty, nasty, "needs"))
    assert '"Instance/a\\"];x/b\\\\\\"\\\\x0a<img>";' in dot(made)
    assert 'n0["Instance/a#34;#93;#59;x/b#92;#34;#92;x0a#60;img#62;"]' in mermaid(made)
