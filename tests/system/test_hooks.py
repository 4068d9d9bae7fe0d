"""Hooks of a bare repository: what they say of a push before it is accepted, and whom people can ask of it."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.cli.asking import answers
from reconciler.diagnostic import DiagnosticError
from reconciler.hooks.pre_receive import received
from reconciler.hooks.site import Site
from reconciler.report.screen import Screen, Stream
from reconciler.serve.checking import Deployment, quarantined
from reconciler.serve.controls import Push, Refusal, Tell, Update
from reconciler.serve.socket.answering import Answering
from reconciler.serve.socket.place import bound, connect, folder_of, socket_of
from reconciler.serve.socket.protocol import AskStatus
from reconciler.serve.socket.server import listening
from tests.support.controls import Remembering
from tests.support.pushing import MISTAKE, Bare, controller


def test_a_mistake_is_rejected_with_its_place_and_remedy(bare: Bare, attended: Remembering) -> None:
    assert bare.push().code == 0
    before = bare.tip()
    bare.desk.edit("instances.yaml", *MISTAKE)
    bare.desk.commit("Mistake")
    push = bare.push()
    assert push.code != 0
    assert "main is rejected: 1 mistake. Nothing changes." in push.out
    assert "instances.yaml:6:3" in push.out
    assert "Did you mean `flavor`?" in push.out
    assert "[remote rejected] HEAD -> main (pre-receive hook declined)" in push.err
    assert bare.tip() == before
    assert [asked for asked in attended.asked if asked[0] == "follow"] == [("follow", before, attended.asked[0][2])]


def test_a_name_that_stands_for_the_branch_that_deploys_is_that_branch(bare: Bare, attended: Remembering) -> None:
    """So people go on who know it by the name that it had before; also where it has no commit yet."""
    bare.git("symbolic-ref", "refs/heads/master", "refs/heads/main")
    push = bare.push("HEAD:master")
    assert push.code == 0, push.err
    first = bare.tip()
    assert [asked[:2] for asked in attended.asked] == [("follow", first)], push.err
    bare.desk.edit("instances.yaml", *MISTAKE)
    bare.desk.commit("Mistake")
    assert "main is rejected: 1 mistake. Nothing changes." in bare.push("HEAD:master").out
    assert bare.tip() == first


def test_a_reference_in_the_way_of_the_record_or_in_place_of_a_commit_is_rejected(bare: Bare) -> None:
    """A commit that is to be taken for itself would end all further pushes."""
    assert "written by the controller alone" in bare.push("HEAD:refs/notes/reconciler").out
    commit = bare.desk.git("rev-parse", "HEAD").strip()
    assert "another commit than the one that is deployed" in bare.push(f"HEAD:refs/replace/{commit}").out
    assert bare.git("for-each-ref") == ""


def test_without_a_controller_mistakes_are_found_as_well_and_it_says_that_no_more_is(bare: Bare) -> None:
    bare.desk.edit("instances.yaml", *MISTAKE)
    bare.desk.commit("Mistake")
    push = bare.push("HEAD:main")
    assert "instances.yaml:6:3" in push.out
    assert bare.tip() == ""


@pytest.mark.parametrize("stopped", ["silent", "full"])
def test_a_push_waits_for_no_controller_that_is_stopped(bare: Bare, stopped: str) -> None:
    folder_of(bare.path)
    written = io.StringIO()
    screen = Screen(Stream(written, {}), Stream(written, {}))
    site = Site(deployment=Deployment(repository=str(bare.path), branch="main"), socket=socket_of(bare.path))
    bare.desk.git("push", "--quiet", str(bare.path), "HEAD:refs/tags/there")
    update = Update(old="0" * 40, new=bare.desk.git("rev-parse", "HEAD").strip(), ref="refs/heads/main")
    with bound(site.socket) as server, ExitStack() as waiting:
        if stopped == "full":
            server.listen(0)
            waiting.enter_context(connect(site.socket))
        assert received(site, (update,), {}, screen, patience=0.2) == 0
    assert "The controller is given up on" in written.getvalue()
    assert "no mistakes. No controller answers" in written.getvalue()


def test_what_is_pushed_is_followed_to_its_end(bare: Bare, attended: Remembering) -> None:
    push = bare.push()
    assert push.code == 0
    assert push.out.splitlines() == [
        "main: 9 resources, no mistakes. The controller has not seen the hosts yet: what it changes is planned when it"
        " is deployed.",
        "It is on its way.",
        "All done.",
    ]
    assert bare.tip() == bare.desk.git("rev-parse", "HEAD").strip()


def test_a_run_that_is_not_whole_is_told_and_the_commit_stays(bare: Bare) -> None:
    with controller(bare, Remembering("Two steps failed.\n", code=1)):
        push = bare.push()
    assert push.code == 0
    assert push.out.splitlines()[-2:] == [
        "main has the commit, and not all of it is done: an error, a failed step, or a host that was not completely"
        " seen (exit code 1).",
        f"  What the controller does about that: reconciler status --repo {bare.path}",
    ]
    assert bare.tip() != ""


@pytest.mark.usefixtures("attended")
def test_the_branch_that_deploys_is_neither_deleted_nor_written_anew(bare: Bare) -> None:
    assert bare.push().code == 0
    before = bare.tip()
    assert "main is rejected: the branch that deploys cannot be deleted" in bare.push(":main").out
    bare.desk.git("commit", "--quiet", "--amend", "--message", "Another past")
    anew = bare.push("--force", "HEAD:main")
    assert "main is rejected: it does not come after what is deployed" in anew.out
    assert "git revert" in anew.out
    assert bare.tip() == before


@pytest.mark.parametrize("ref", ["refs/tags/main", "refs/heads/refs/heads/main"])
def test_nothing_takes_the_name_of_the_branch_that_deploys_so_that_nobody_could_push_to_it(
    bare: Bare, ref: str
) -> None:
    assert "it would be taken for the branch that deploys" in bare.push(f"HEAD:{ref}").out
    assert bare.git("for-each-ref") == ""
    bare.git("fetch", "--quiet", str(bare.desk.repo), f"+HEAD:{ref}")
    assert bare.push(f":{ref}").code == 0
    assert bare.git("for-each-ref") == ""


def test_a_branch_with_a_name_that_is_no_text_is_answered(bare: Bare) -> None:
    push = bare.push("--quiet", "HEAD:" + os.fsdecode(b"refs/heads/odd\xff"))
    assert push.code == 0, push.err
    assert "odd\\xff is not deployed; main is." in push.out


@pytest.mark.usefixtures("attended")
def test_only_the_controller_writes_the_record(bare: Bare) -> None:
    for ref in ("refs/reconciler/x/applied", "refs/notes/reconciler/x", "refs/Notes/Reconciler/x"):
        assert "it is written by the controller alone" in bare.push(f"HEAD:{ref}").out
        assert bare.tip(ref) == ""


def test_another_branch_is_answered_and_not_deployed_and_a_tag_passes(bare: Bare, attended: Remembering) -> None:
    assert bare.push().code == 0
    attended.asked.clear()
    bare.desk.edit("flavors.yaml", "memory: 512Mi", "memory: 1Gi")
    bare.desk.commit("More memory")
    push = bare.push("HEAD:refs/heads/more", "HEAD:refs/tags/v1")
    assert push.code == 0
    assert "more is not deployed; main is." in push.out
    assert "memory: 512Mi → 1Gi" in push.out
    assert "No host was looked at" in push.out
    assert "v1" not in push.out
    bare.desk.edit("instances.yaml", *MISTAKE)
    bare.desk.commit("Mistake")
    push = bare.push("HEAD:more")
    assert push.code == 0, "a branch that does not deploy is not rejected"
    assert "instances.yaml:6:3" in push.out
    assert bare.push(":more").code == 0
    assert attended.asked == []


@pytest.mark.usefixtures("attended")
def test_many_branches_at_once_are_not_all_planned(bare: Bare) -> None:
    push = bare.push(*(f"HEAD:refs/heads/b{number}" for number in range(10)))
    assert push.code == 0
    assert push.out.count("is not deployed") == 3
    assert "7 further branches not looked at." in push.out


@pytest.mark.usefixtures("attended")
def test_what_a_pusher_sees_acts_on_no_terminal(bare: Bare) -> None:
    (bare.desk.repo / "evil.yaml").write_text("apiVersion: reconciler/v1\nkind: Fl\x1b[31m\u202eavor\n")
    bare.desk.commit("Escapes")
    push = bare.push()
    assert push.code != 0
    assert "\\x1b[31m\\u202e" in push.out
    assert "\x1b[31m" not in push.err
    assert "\u202e" not in push.err


def test_a_controller_of_another_user_may_read_what_is_pushed_to_a_shared_repository(bare: Bare) -> None:
    modes: set[int] = set()

    def look(push: Push, observation: bytes | None, tell: Tell) -> int:
        folder = Path(push.objects)
        modes.update(stat.S_IMODE(path.stat().st_mode) & 0o070 for path in (folder, *folder.rglob("*")))
        return 0

    bare.git("config", "core.sharedRepository", "group")
    bare.git("init", "--quiet", "--bare", "--shared=group")
    folder_of(bare.path)
    with listening(socket_of(bare.path), Answering(Remembering(), look).answer):
        assert bare.push().code == 0
    assert modes
    assert all(mode & 0o040 for mode in modes)


def test_objects_of_other_places_are_not_read_for_a_push(bare: Bare, tmp_path: Path) -> None:
    objects = bare.path / "objects"
    (tmp_path / "incoming-elsewhere").mkdir()
    (objects / "tmp_objdir-incoming-link").symlink_to(tmp_path)
    (objects / "tmp_objdir-incoming-AbC123").mkdir()
    for named in (tmp_path / "incoming-elsewhere", objects / "tmp_objdir-incoming-link", objects / "pack", "/etc"):
        with pytest.raises(Refusal):
            quarantined(bare.path, str(named))
    good = objects / "tmp_objdir-incoming-AbC123"
    assert quarantined(bare.path, str(good)) == good.resolve()
    assert quarantined(bare.path, "") is None


def test_a_controller_is_asked_what_it_knows_and_did(bare: Bare, attended: Remembering) -> None:
    attended.journal.tell("Planned", "one\x1b[31m step", commit="c" * 40)
    attended.journal.tell("HostLost", "the connection is lost", "warning", host="kvm-01")
    status = bare.desk.run("status", cwd=bare.path)
    assert status.code == 0
    assert "Fleet demo, branch main" in status.out
    assert "newest commit aaaaaaaaaaaa" in status.out
    value = bare.desk.run("status", "--repo", str(bare.path), "-o", "json").value
    assert (value["fleet"], value["tip"], value["formatVersion"]) == ("demo", "a" * 40, 1)
    events = bare.desk.run("events", "--repo", str(bare.path)).out.splitlines()
    assert [line.split(" ", 1)[1].strip() for line in events] == [
        "Planned            one\\x1b[31m step  (cccccccccccc)",
        "HostLost           the connection is lost  (kvm-01)",
    ]
    lines = bare.desk.run("events", "--repo", str(bare.path), "-o", "json").out.splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["Planned", "HostLost"]


def test_what_is_suspended_without_a_controller_is_checked_by_the_commit_in_force(bare: Bare) -> None:
    desk, repo = bare.desk, ("--repo", str(bare.path))
    bare.git("fetch", "--quiet", str(desk.repo), "HEAD:refs/heads/main")
    told = desk.run("suspend", "Instance/web-1", *repo)
    assert (told.code, "warning" in told.err) == (0, False), "no commit is in force yet"
    (suspended,) = bare.git("for-each-ref", "--format=%(refname)", "refs/reconciler/*/suspended").split()
    bare.git("update-ref", suspended.replace("suspended", "in-force"), "refs/heads/main")
    assert "warning" not in desk.run("suspend", "Host/sim-01", *repo).err
    told = desk.run("suspend", "Instance/web-l", *repo)
    assert told.code == 0
    assert "there is no Instance/default/web-l, so that nothing would be left alone." in told.err
    refused = desk.run("resume", "0123456789ab", *repo)
    assert refused.code == 1
    assert "To apply it yourself: reconciler apply --rev 0123456789ab" in refused.err


def test_events_go_on_until_their_reader_leaves(bare: Bare, attended: Remembering) -> None:
    attended.journal.tell("First", "one")
    session = bare.desk.start("events", "-f", "--repo", str(bare.path))
    session.wait_for("First")
    attended.journal.tell("Second", "two")
    session.wait_for("Second")
    session.signal(signal.SIGINT)
    assert session.end() == 130


def test_where_no_controller_runs_it_is_said_who_works_and_how_to_start_one(bare: Bare) -> None:
    for command in ("status", "events"):
        asked = bare.desk.run(command, "--repo", str(bare.path))
        assert asked.code == 1
        assert f"No controller listens at {bare.path}/reconciler/serve.sock." in asked.err
        assert "Each push to it starts a worker, which ends with its work." in asked.err
        assert f"tries again what failed: reconciler serve --repo {bare.path}" in asked.err


def test_where_hooks_ask_elsewhere_it_is_said_where_that_is(bare: Bare, tmp_path: Path) -> None:
    assert bare.desk.run("hooks", "install", str(bare.path), "--socket", str(tmp_path / "a b")).code == 0
    assert f"ask there, too: --socket '{tmp_path}/a b'" in bare.desk.run("status", "--repo", str(bare.path)).err


def test_in_a_clone_it_is_said_where_a_controller_may_listen(bare: Bare) -> None:
    assert "Start one: reconciler serve" in bare.desk.run("status").err
    bare.desk.git("remote", "add", "origin", "https://ann:secret@git.example.org/fleet.git")
    asked = bare.desk.run("status")
    assert "This is a clone: ask where the controller runs" in asked.err
    assert "secret" not in asked.err
    bare.desk.git("remote", "set-url", "origin", str(bare.path))
    assert f"one may listen: --repo {bare.path}" in bare.desk.run("status").err


def test_whoever_asks_a_controller_that_is_stopped_is_told_which_process_it_is(bare: Bare) -> None:
    folder_of(bare.path)
    with bound(socket_of(bare.path)), pytest.raises(DiagnosticError) as told:
        list(answers(AskStatus(), bare.path, None, 0.2))
    (only,) = told.value.diagnostics
    assert f"(process {os.getpid()} of " in only.detail
    assert f"kill -CONT {os.getpid()}" in only.detail
    assert "Start one" not in only.detail
