"""Plans as people read them."""

from __future__ import annotations

from reconciler.address import Address, ObjectKey
from reconciler.diagnostic import Place, error
from reconciler.impact import Impact
from reconciler.plan import Change, Plan, Refused, Step, Waiting
from reconciler.report.line import plain
from reconciler.report.plan_text import plan_lines
from tests.support.plans import DATA, GROUP, WEB, field, make_plan


def text(plan: Plan) -> str:
    return plain(plan_lines(plan))


def test_a_plan_without_changes_says_that_all_is_as_desired() -> None:
    assert text(make_plan(unchanged=7)) == (
        "Fleet acme, commit 0123456789ab\n\nNothing to do: 7 objects are as desired.\n"
    )


def test_what_is_made_shows_its_values_and_nothing_of_what_it_lacks() -> None:
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="create",
        impact=Impact.NONE,
        place=Place("web.yaml", 3),
        fields=(
            field("memory", None, 536870912),
            field("boot.commandLine", None, None),
            field("seed.keys", None, ("SHA256:a", "SHA256:b")),
        ),
    )
    assert text(make_plan(change)) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  + Instance/shop/web-1 on kvm-01  (web.yaml:3)\n"
        "      memory: 512Mi\n"
        "      seed.keys:\n"
        "        + SHA256:a\n"
        "        + SHA256:b\n"
        "\n"
        "Plan: 1 to create; 0 unchanged.\n"
    )


def test_an_update_tells_impact_reason_drift_and_the_words_of_consent() -> None:
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="update",
        impact=Impact.RESTART,
        consent=Waiting("--allow restart=Instance/shop/web-1"),
        disturbs=(WEB,),
        fields=(
            field("memory", 536870912, 1073741824, Impact.RESTART, reason="memory is fixed at start"),
            field("nics.lan.filter", "absent", "enforced", origin="drift", form="running"),
        ),
    )
    assert text(make_plan(change, unchanged=1)) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  ~ Instance/shop/web-1 on kvm-01, restart\n"
        "      memory: 512Mi → 1Gi  (restart: memory is fixed at start)\n"
        "      nics.lan.filter: absent → enforced  (drift: changed outside of Git; only in the running guest; live)\n"
        "      disturbs Instance/shop/web-1\n"
        "      waits for consent: --allow restart=Instance/shop/web-1\n"
        "\n"
        "Plan: 1 to update; 1 unchanged.\n"
        "Of these 1 waits for consent; apply would carry out 0 changes.\n"
    )


def test_a_field_that_waits_does_not_hold_up_the_others_and_the_plan_says_so() -> None:
    words = Waiting("--allow restart=Instance/shop/web-1")
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="update",
        impact=Impact.RESTART,
        consent=words,
        fields=(
            field("memory", 1 << 30, 2 << 30, Impact.RESTART, consent=words),
            field("nics.lan.dnsName", "web", "web-1"),
        ),
    )
    plan = make_plan(change, steps=(Step(id="s1", key=change.key, verb="update", paths=("nics.lan.dnsName",)),))
    assert text(plan) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  ~ Instance/shop/web-1 on kvm-01, restart\n"
        "      memory: 1Gi → 2Gi  (waits)\n"
        "      nics.lan.dnsName: web → web-1  (live)\n"
        "      waits for consent: --allow restart=Instance/shop/web-1\n"
        "      the other fields are not held up\n"
        "\n"
        "Plan: 1 to update; 0 unchanged.\n"
        "Of these 1 waits for consent; apply would carry out 1 change.\n"
    )


def test_lists_show_what_is_added_and_removed_and_hosts_that_change_alike_are_one() -> None:
    changes = [
        Change(
            key=ObjectKey(host, GROUP),
            action="update",
            impact=Impact.LIVE,
            fields=(field("rules", ("a", "b", "c"), ("b", "c", "d")), field("members", (), ("10.0.0.2",))),
        )
        for host in ("kvm-02", "kvm-01")
    ]
    assert text(make_plan(*changes)) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  ~ SecurityGroup/shop/ssh on kvm-01, kvm-02, live\n"
        "      rules:\n"
        "        - a\n"
        "        + d\n"
        "        2 unchanged\n"
        "      members:\n"
        "        + 10.0.0.2\n"
        "\n"
        "Plan: 2 to update; 0 unchanged.\n"
    )


THREE = [
    Change(
        key=ObjectKey("kvm-01", Address("Image", None, "debian"), "0123456789ab"),
        action="delete",
        impact=Impact.NONE,
        reason="nothing uses this content any more",
    ),
    Change(
        key=ObjectKey("kvm-01", Address("Network", "shop", "lan")),
        action="replace",
        impact=Impact.REPLACE,
        fields=(field("cidr", "10.0.0.0/24", "10.1.0.0/24", Impact.REPLACE),),
    ),
    Change(
        key=ObjectKey("kvm-01", WEB),
        action="update",
        impact=Impact.REFUSED,
        consent=Refused("a disk cannot shrink; declare a new instance"),
        fields=(field("disk.size", 2 << 30, 1 << 30, Impact.REFUSED),),
    ),
]
"""A deletion, a replacement and a refusal."""


def test_a_replacement_a_deletion_and_a_refusal_are_told_apart() -> None:
    assert text(make_plan(*THREE, partial=True, diagnostics=(error("clash", "a foreign network is in the way"),))) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "  - Image/debian#0123456789ab on kvm-01: nothing uses this content any more\n"
        "\n"
        "-/+ Network/shop/lan on kvm-01, replace\n"
        "      cidr: 10.0.0.0/24 → 10.1.0.0/24\n"
        "\n"
        "  ~ Instance/shop/web-1 on kvm-01, refused\n"
        "      disk.size: 2Gi → 1Gi\n"
        "      refused: a disk cannot shrink; declare a new instance\n"
        "\n"
        "error: a foreign network is in the way [clash]\n"
        "\n"
        "1 error.\n"
        "\n"
        "A host was not completely seen: nothing is planned there.\n"
        "Plan: 1 to update, 1 to replace, 1 to delete; 0 unchanged.\n"
        "Of these 1 is refused; apply would carry out 2 changes.\n"
    )


def test_nobody_is_told_that_there_is_nothing_to_do_where_nobody_looked() -> None:
    unseen = "A host was not completely seen: nothing is planned there.\n"
    assert text(make_plan(partial=True)) == f"Fleet acme, commit 0123456789ab\n\n{unseen}"
    assert text(make_plan(partial=True, unchanged=7)).endswith(
        f"{unseen}Nothing to do elsewhere: 7 objects are as desired.\n"
    )


def test_a_value_from_outside_cannot_act_on_the_terminal() -> None:
    evil = "\x1b]52;c;AAAA\x07\nPlan: 0 to create"
    change = Change(
        key=ObjectKey("kvm-01", WEB),
        action="update",
        impact=Impact.LIVE,
        reason=evil,
        fields=(field("image", evil, "debian"), field("rules", (evil,), ())),
        consent=Refused(evil),
        place=Place(evil, 1),
    )
    shown = text(make_plan(change, diagnostics=(error("x", evil, evil, Place(evil, 1, 1), excerpt=evil),)))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert sum(row.startswith("Plan:") for row in shown.splitlines()) == 1, "data cannot forge the summary"


def test_what_is_kept_is_told_once_and_is_no_change() -> None:
    assert text(make_plan(unchanged=7, retained=(DATA,))) == (
        "Fleet acme, commit 0123456789ab\n"
        "\n"
        "Kept with its data, although nobody declares it:\n"
        "  Volume/shop/data on kvm-01\n"
        "\n"
        "Nothing to do: 7 objects are as desired.\n"
    )
