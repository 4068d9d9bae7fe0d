"""The dependency graph as text, for Graphviz (dot) and for Mermaid. Edges lead from the user to what it uses."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from reconciler.address import Address
from reconciler.report.line import Line, Span, escape, line

_DOT = {"needs": "", "member": ' [style=dashed, label="member"]', "after": ' [style=dotted, label="after"]'}
_MERMAID = {"needs": "-->", "member": "-. member .->", "after": "== after ==>"}


def reached(graph: nx.DiGraph[Address], start: Address) -> nx.DiGraph[Address]:
    """What a resource uses, and what that uses, and so on."""
    within: nx.DiGraph[Address] = graph.subgraph({start, *nx.descendants(graph, start)})
    return within


def graph_lines(graph: nx.DiGraph[Address]) -> list[Line]:
    """For people: each resource with what it uses and how."""
    lines: list[Line] = []
    for address in sorted(graph):
        lines.append(line(Span(str(address), "bold")))
        lines += [line(Span(f"  {role:<6} ", "dim"), str(used)) for used, role in _uses(graph, address)]
    return lines


def dot(graph: nx.DiGraph[Address]) -> str:
    """For Graphviz: what is needed is drawn solid, members dashed, mere order dotted."""
    lines = ["digraph reconciler {", "  rankdir=LR;", "  node [shape=box];"]
    lines += [f"  {_dot_text(address)};" for address in sorted(graph)]
    lines += [
        f"  {_dot_text(address)} -> {_dot_text(used)}{_DOT[role]};"
        for address in sorted(graph)
        for used, role in _uses(graph, address)
    ]
    return _joined([*lines, "}"])


def mermaid(graph: nx.DiGraph[Address]) -> str:
    """For Mermaid, which Markdown viewers draw."""
    names = {address: f"n{number}" for number, address in enumerate(sorted(graph))}
    lines = ["flowchart LR"]
    lines += [f'  {name}["{_mermaid_text(address)}"]' for address, name in names.items()]
    lines += [
        f"  {names[address]} {_MERMAID[role]} {names[used]}"
        for address in sorted(graph)
        for used, role in _uses(graph, address)
    ]
    return _joined(lines)


def _uses(graph: nx.DiGraph[Address], address: Address) -> Iterable[tuple[Address, str]]:
    return sorted((used, graph.edges[address, used]["role"]) for used in graph.successors(address))


def _dot_text(address: Address) -> str:
    text = escape(str(address)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _mermaid_text(address: Address) -> str:
    """Whatever means something to Mermaid or to HTML, as a character reference."""
    return "".join(c if c.isalnum() or c in "/-._ " else f"#{ord(c)};" for c in escape(str(address)))


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"
