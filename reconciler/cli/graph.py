"""`graph`: who uses whom?"""

from __future__ import annotations

from typing import Any

import click

from reconciler.address import Address
from reconciler.cli import options
from reconciler.cli.exits import Exit
from reconciler.report.screen import Screen


@click.command("graph")
@options.optional_address
@options.repository
@options.rev("the work tree")
@options.output_of("text", "dot", "mermaid")
@options.talk
@click.pass_obj
def command(screen: Screen, /, address: Address | None, output: str, **values: Any) -> Exit:
    """Show what is declared as a graph: who needs whom, who is a member, who only waits for whom.

    What is needed stands first and is deleted last (`needs`). The members of a security group order
    nothing (`member`); `dependsOn` orders, and nothing more (`after`). With ADDRESS only what it reaches.
    Reads no host.

    \b
      reconciler graph
      reconciler graph Instance/shop/web-1
      reconciler graph -o dot | dot -Tsvg > fleet.svg
    """
    from reconciler.diagnostic import DiagnosticError, failed
    from reconciler.graph import dependencies
    from reconciler.reconcile import load
    from reconciler.report.graph import dot, graph_lines, mermaid, reached

    loaded = load(options.round_options(**values))
    if failed(loaded.diagnostics):
        raise DiagnosticError(*loaded.diagnostics)
    graph = dependencies(loaded.desired)
    if address is not None and address not in graph:
        raise click.ClickException(f"{address} is not declared.{_meant(address, graph)}")
    shown = reached(graph, address) if address else graph
    if output == "text":
        screen.show(graph_lines(shown))
    else:
        screen.show_text({"dot": dot, "mermaid": mermaid}[output](shown))
    return Exit.OK


def _meant(address: Address, graph: Any) -> str:
    from reconciler.suggest import did_you_mean

    return did_you_mean(str(address), (str(each) for each in graph if each.kind == address.kind))
