"""Calls for the kernel's packet filter: each is one transaction."""

from __future__ import annotations

from reconciler_simulator.hypervisor.refusal import RefusalError
from reconciler_simulator.model import Entry, Group, Table
from reconciler_simulator.state import State


def _table(state: State, name: str, comment: str) -> None:
    """A table is made in the transaction that puts the first thing in it."""
    if name not in state.tables:
        state.tables[name] = Table(comment=comment)


def _drop_empty(state: State, name: str) -> None:
    """And goes in the one that takes the last thing out."""
    word = f"table {name}"
    if name in state.tables and not state.groups.known(word) and not state.filters.known(word):
        del state.tables[name]


def write_group(state: State, group: str, table: str, comment: str, content: Group) -> None:
    """Put a group's rules and members in force."""
    _table(state, table, comment)
    state.groups[f"{table}/{group}"] = content


def delete_group(state: State, group: str, table: str) -> None:
    """Take a group away that no NIC uses."""
    users = state.filters.having(f"group {table}/{group}")
    if users:
        raise RefusalError("in-use", f"group {group!r} is in use by {state.filters[users[0]].domain}")
    if f"{table}/{group}" not in state.groups:
        raise RefusalError("gone", f"no group {group!r} in table {table!r}")
    del state.groups[f"{table}/{group}"]
    _drop_empty(state, table)


def write_nic(state: State, tap: str, table: str, comment: str, entry: Entry) -> None:
    """Put the filter of a NIC in force."""
    missing = [group for group in entry.groups if f"{table}/{group}" not in state.groups]
    if missing:
        raise RefusalError("failed", f"no group {missing[0]!r} in table {table!r}")
    _table(state, table, comment)
    state.filters[f"{table}/{tap}"] = entry


def delete_nic(state: State, tap: str, table: str) -> None:
    """Take the filter of a NIC away: nothing passes it any more."""
    if f"{table}/{tap}" not in state.filters:
        raise RefusalError("gone", f"no NIC {tap!r} in table {table!r}")
    del state.filters[f"{table}/{tap}"]
    _drop_empty(state, table)
