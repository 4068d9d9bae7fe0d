"""The controller's socket: who asks is answered."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from reconciler.serve.controls import Push, Tell
from reconciler.serve.socket.answering import Answering
from reconciler.serve.socket.client import NoController, ask
from reconciler.serve.socket.peer import Peer, hinted
from reconciler.serve.socket.place import Taken, connect
from reconciler.serve.socket.protocol import (
    LONGEST_QUESTION,
    Answer,
    AskEvents,
    AskObservation,
    AskStatus,
    Check,
    Command,
    End,
    Follow,
    Happened,
    Question,
    Text,
    Told,
    Unclear,
    answer_of,
    asked,
    question_of,
)
from tests.support.controls import Remembering
from tests.support.talking import COMMIT, ME, desk, last, pass_on, say


def test_each_question_is_answered(tmp_path: Path) -> None:
    controls = Remembering("first\n", "second\n", code=4, seen=b'{"hosts": []}')
    controls.journal.tell("Began", "It began.")
    with desk(tmp_path / "s", controls) as path:
        expected: list[tuple[Question, list[Answer]]] = [
            (AskStatus(), [Told(status=controls.status()), End(code=0)]),
            (AskObservation(), [Text(text='{"hosts": []}'), End(code=0)]),
            (AskEvents(), [Happened(entry=controls.journal.entries()[0]), End(code=0)]),
            (AskEvents(after=1), [End(code=0)]),
            (Follow(commit=COMMIT, by=""), [Text(text="first\n"), Text(text="second\n"), End(code=4)]),
            (Check(push=Push(updates=())), [Text(text="0 references\n"), End(code=0)]),
            (Check(push=Push(updates=(), by="nobody")), [End(code=1, message="nobody may push")]),
            (Command(verb="suspend", what="fleet", by="", reason="works"), [End(code=0)]),
            (
                Command(verb="suspend", what="fleet", by=""),
                [Text(text="Already so: fleet is suspended."), End(code=0)],
            ),
            (Command(verb="suspend", what="nothing", by=""), [End(code=1, message="there is no Host/nothing")]),
            (Command(verb="resume", what="fleet", by=""), [End(code=0)]),
            (Command(verb="accept", what=COMMIT, by=""), [End(code=0)]),
        ]
        for question, answers in expected:
            assert list(ask(path, question, 20)) == answers
    assert controls.asked == [
        ("follow", COMMIT, ME),
        ("suspend", "fleet", ME, "works"),
        ("suspend", "fleet", ME, ""),
        ("resume", "fleet", ME),
        ("accept", COMMIT, ME),
    ]


def test_whoever_asks_is_named_by_the_kernel_and_by_themselves_in_brackets_only(tmp_path: Path) -> None:
    controls = Remembering()
    with desk(tmp_path / "s", controls) as path:
        for by in ("alice", "\x1b]0;x\x07bob", ME):
            assert last(ask(path, Follow(commit=COMMIT, by=by), 20)).code == 0
    assert [by for _, _, by in controls.asked] == [f"{ME} (alice)", f"{ME} (]0;xbob)", ME]


def test_a_forge_says_who_pushes() -> None:
    assert hinted({"GL_USERNAME": "alice", "SSH_CONNECTION": "192.0.2.7 4711 192.0.2.1 22"}) == "alice"
    assert hinted({"SSH_CONNECTION": "192.0.2.7 4711 192.0.2.1 22"}) == "from 192.0.2.7"
    assert hinted({}) == ""


def test_only_the_controllers_own_user_and_root_may_command() -> None:
    controls = Remembering()
    answering = Answering(controls, pass_on)
    question = Command(verb="suspend", what="fleet", by="root")
    stranger = Peer(uid=os.geteuid() + 4711)
    end = answering.answer(question, stranger, lambda answer: None, threading.Event())
    assert end is not None
    assert end.code == 4
    assert ME in end.message
    assert "may do that, and you are user" in end.message
    assert controls.asked == []
    assert answering.answer(question, Peer(uid=0), lambda answer: None, threading.Event()) == End(code=0)


def test_a_controller_knows_of_a_check_as_long_as_that_lasts() -> None:
    controls = Remembering()

    def check(push: Push, observation: bytes | None, tell: Tell) -> int:
        return controls.checked

    answering = Answering(controls, check)
    question = Check(push=Push(updates=()))
    assert answering.answer(question, Peer(uid=0), lambda answer: None, threading.Event()) == End(code=1)
    assert controls.checked == 0


def test_a_commit_that_is_none_is_not_followed(tmp_path: Path) -> None:
    controls = Remembering()
    with desk(tmp_path / "s", controls) as path:
        for commit in ("main", "--output=/tmp/x", "", "c" * 39):
            assert last(ask(path, Follow(commit=commit, by=""), 20)).code == 1
    assert controls.asked == []


def test_what_a_controller_did_not_foresee_is_told_and_ends_nothing(tmp_path: Path) -> None:
    controls = Remembering()

    def fall(tell: Tell) -> None:
        raise ZeroDivisionError("oh")

    controls.following = fall
    with desk(tmp_path / "s", controls) as path:
        assert last(ask(path, Follow(commit=COMMIT, by=""), 20)).message == "unexpected ZeroDivisionError: oh"
        assert last(ask(path, AskStatus(), 20)).code == 0
    assert controls.journal.entries()[0].reason == "SocketFailed"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "not understood"),
        (b"[" * 100_000 + b"\n", "not understood"),
        (b'{"version":1,"question":{"type":"command","verb":1}}\n', "not understood"),
        (b'{"version":1,"question":{"type":"erase"}}\n', "not understood"),
        (b'\xff\xfe{"version":1}\n', "not understood"),
        (b'{"version":2,"question":{"type":"status"}}\n', "you speak version 2"),
        (b"x" * (LONGEST_QUESTION + 1), "more than 1,048,576 bytes"),
    ],
)
def test_a_question_that_is_none_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with desk(tmp_path / "s", Remembering()) as path:
        end = say(path, data)
        assert end.code == 1
        assert why in end.message
        assert last(ask(path, AskStatus(), 20)).code == 0


def test_a_question_without_an_end_is_refused(tmp_path: Path) -> None:
    with desk(tmp_path / "s", Remembering()) as path, connect(path) as connection:
        connection.sendall(asked(AskStatus())[:-2])
        connection.shutdown(socket.SHUT_WR)
        end = answer_of(connection.makefile("rb").readline())
        assert end == End(code=1, message="the question has no end")


def test_questions_survive_their_way() -> None:
    question = Check(push=Push(updates=(), objects="/o", by="ü"))
    assert question_of(asked(question)) == question
    with pytest.raises(Unclear):
        answer_of(b"{}")


def test_the_socket_is_for_its_user_and_group_and_goes_with_its_controller(tmp_path: Path) -> None:
    with desk(tmp_path / "s", Remembering()) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_ISSOCK(path.stat().st_mode)
    assert not path.exists()
    with pytest.raises(NoController) as nobody:
        list(ask(path, AskStatus(), 20))
    assert not nobody.value.forbidden


def test_there_is_one_controller_for_each_socket(tmp_path: Path) -> None:
    with desk(tmp_path / "s", Remembering()) as path:
        with pytest.raises(Taken), desk(path, Remembering()):
            pass
        assert last(ask(path, AskStatus(), 20)).code == 0


def test_a_stale_socket_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "s"))
    stale.close()
    with desk(tmp_path / "s", Remembering()) as path:
        assert last(ask(path, AskStatus(), 20)).code == 0
    (tmp_path / "file").write_text("kept")
    with pytest.raises(FileExistsError), desk(tmp_path / "file", Remembering()):
        pass
    assert (tmp_path / "file").read_text() == "kept"


def test_a_path_may_be_longer_than_an_address_of_a_socket(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a-folder-with-a-long-name"] * 8)
    folder.mkdir(parents=True)
    with desk(folder / "serve.sock", Remembering()) as path:
        assert len(str(path)) > 200
        assert last(ask(path, AskStatus(), 20)).code == 0
    assert not path.exists()
