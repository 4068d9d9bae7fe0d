"""Whatever a stranger writes: nothing of it is markup, a mention or a command where checks of pull requests show it."""

from __future__ import annotations

import json
import re

import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.address import Address, ObjectKey
from reconciler.diagnostic import Place, error
from reconciler.impact import Impact
from reconciler.plan import Change, FieldChange, Plan, Refused, Source, Waiting
from reconciler.report.data import dumped
from reconciler.report.findings import diagnostic_findings, plan_findings
from reconciler.report.github import github_log
from reconciler.report.markdown import MOST_CHARACTERS, failure_markdown, plan_markdown
from reconciler.report.plan_text import plan_lines
from tests.support.harmless import is_harmless

PIECES = (
    *("`", "```", "~~~", "@org", "#1", "<img src=x>", "</details>", "|", "\n", "\n\n", "\r", "\\", "::error::"),
    *("##[error]", "%0A", "[a](javascript:x)", "![a](b)", "-->", "&lt;", "\x1b[31m", "\u202e", " ", "*", "/close"),
)
evil = st.one_of(st.text(max_size=20), st.lists(st.sampled_from(PIECES), max_size=8).map("".join))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """A plan in which every text is a stranger's."""

    def change() -> Change:
        kind = draw(st.sampled_from(["Instance", "SecurityGroup", evil_kind]))
        paths = st.sampled_from(["rules", "members", "nics.lan.securityGroups", "nics.`.securityGroups"])
        lists = st.one_of(evil, st.lists(evil, max_size=3).map(tuple))
        fields = [
            FieldChange(
                path=draw(st.one_of(paths, evil)),
                before=draw(lists),
                after=draw(lists),
                impact=draw(st.sampled_from(Impact)),
                origin="commit",
                reason=draw(evil),
            )
            for _ in range(draw(st.integers(0, 2)))
        ]
        consent = draw(st.one_of(evil.map(Waiting), evil.map(Refused)))
        return Change(
            key=ObjectKey(draw(evil), Address(kind, draw(evil), draw(evil)), draw(evil)),
            action=draw(st.sampled_from(["create", "update", "replace", "delete"])),
            impact=draw(st.sampled_from(Impact)),
            consent=consent,
            fields=tuple(fields),
            reason=draw(evil),
            place=Place(draw(evil), 1, 1),
        )

    evil_kind = draw(evil)
    key = ObjectKey(draw(evil), Address("Volume", draw(evil), draw(evil)))
    return Plan(
        fleet=draw(evil),
        fleet_id=draw(evil),
        source=Source(commit=draw(evil), base=draw(evil)),
        changes=tuple(change() for _ in range(draw(st.integers(0, 3)))),
        held={draw(evil): draw(evil)},
        retained=(key,),
        diagnostics=(error(draw(evil), draw(evil), draw(evil), Place(draw(evil), 1, 1), excerpt=draw(evil)),),
    )


@given(plans())
def test_outside_of_code_a_comment_has_only_our_own_words_and_tags(plan: Plan) -> None:
    text = plan_markdown(plan)
    is_harmless(text)
    assert len(text) <= MOST_CHARACTERS
    is_harmless(failure_markdown(plan.diagnostics))


@given(plans())
def test_a_log_has_no_command_but_ours(plan: Plan) -> None:
    findings = [*plan_findings(plan), *diagnostic_findings(plan.diagnostics)]
    log = github_log(findings, plan_lines(plan))
    assert "##[" not in log
    assert "\x1b" not in log
    for printed in log.splitlines():
        if printed.lstrip().startswith("::"):
            assert re.match(r"::(error|warning|notice|group|endgroup)( [^:]*)?::", printed), printed
    commands = [each for each in log.splitlines() if re.match(r"::(error|warning|notice) ", each)]
    assert len(commands) == len(findings)


@given(plans())
def test_a_comment_printed_in_a_log_has_no_command(plan: Plan) -> None:
    for printed in plan_markdown(plan).splitlines():
        assert not printed.lstrip().startswith("::")
        assert "##[" not in printed


@given(st.dictionaries(evil, evil | st.lists(evil, max_size=3), max_size=3), st.sampled_from(["json", "yaml"]))
def test_data_for_programs_means_the_same_and_has_no_command(value: dict[str, object], output: str) -> None:
    long = {**value, "long": f"{'word ' * 40}::error::x", "longer": f"{'é' * 90}::error::x"}
    text = dumped(long, output)
    assert (yaml.safe_load(text) if output == "yaml" else json.loads(text)) == long
    assert not re.search(r"##\w*\[", text)
    assert not [each for each in text.splitlines() if each.lstrip().startswith("::")]
