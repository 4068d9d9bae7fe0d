"""Who leads, where controllers see the same hosts, and where they do not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.serve.leadership.standing import Standing, gives_way, standing

HOSTS = ("a", "b", "c", "d")


def test_whoever_holds_a_host_and_is_refused_none_leads() -> None:
    now = standing({"b", "a"}, {}, {"c": "no answer"})
    assert (now.leads, now.reason, now.left) == (True, "Leads", ())
    assert now.message == "has the lease of host a and 1 more"


def test_whoever_is_refused_at_the_lowest_host_waits_and_says_for_what() -> None:
    now = standing((), {"a": "another controller leads"}, {})
    assert (now.leads, now.reason, now.left) == (False, "AnotherLeads", ("a",))
    assert now.message == "waits for the lease of host a: another controller leads"


def test_whoever_is_refused_at_a_higher_host_leads_on_and_leaves_that_one_alone() -> None:
    now = standing({"a"}, {"b": "another controller leads"}, {})
    assert (now.leads, now.left) == (True, ("b",))
    assert now.message == "has the lease of host a; leaves to another controller: b"


def test_where_no_host_answers_nobody_is_kept_from_saying_so() -> None:
    now = standing((), {}, {"b": "down", "a": "no route"})
    assert now == Standing(reason="NoHostAnswers", message="a: no route; b: down")
    assert now.leads
    assert standing((), {}, {}).message == "no host is connected"


@given(
    first=st.sets(st.sampled_from(HOSTS), min_size=1),
    second=st.sets(st.sampled_from(HOSTS), min_size=1),
    order=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_controllers_that_see_a_host_in_common_settle_on_one_leader_of_it(
    first: set[str], second: set[str], order: list[bool]
) -> None:
    """Whatever each of them sees, and whoever of them looks when: no host has two leaders, and those that see the
    same lowest host come to one leader.
    """
    held: dict[bool, set[str]] = {True: set(), False: set()}
    leads = {}
    for who in order + [True, False] * 2:
        leads[who] = _looks(held, who, first if who else second)
        assert not held[True] & held[False]
    if min(first) == min(second):
        assert sorted(leads.values()) == [False, True]


def _looks(held: dict[bool, set[str]], who: bool, seen: set[str]) -> bool:
    """What `Leadership` does when it looks, with leases that are sets."""
    refused: dict[str, str] = {}
    for host in sorted(seen):
        if host in held[not who]:
            refused[host] = "held"
            if gives_way(host, held[who]):
                held[who].clear()
                break
        else:
            held[who].add(host)
    return standing(held[who], refused, {}).leads
