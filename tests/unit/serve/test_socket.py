"""The controller's socket: who asks is answered, and holds up nobody."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.serve.controls import Controls, Ending, Push, Refusal, Tell
from reconciler.serve.outbox import Outbox
from reconciler.serve.socket.answering import Answering
from reconciler.serve.socket.client import HungUp, NoController, Silent, ask
from reconciler.serve.socket.peer import Peer, hinted, user_name
from reconciler.serve.socket.place import Taken, bound, connect
from reconciler.serve.socket.places import KEPT, MOST_AT_ONCE, MOST_OF_A_USER, Places
from reconciler.serve.socket.protocol import (
    ALIVE,
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
    answered,
    asked,
    question_of,
)
from reconciler.serve.socket.server import listening
from tests.support.controls import Remembering
from tests.support.hosts import until

COMMIT = "c" * 40
ME = user_name(os.geteuid())


def pass_on(push: Push, observation: bytes | None, tell: Tell) -> int:
    """A checker that says what it was asked, and refuses a push by nobody."""
    if push.by == "nobody":
        raise Refusal("nobody may push")
    tell(f"{len(push.updates)} references\n")
    return 0


@contextmanager
def desk(path: Path, controls: Controls) -> Iterator[Path]:
    with listening(path, Answering(controls, pass_on).answer):
        yield path


def last(answers: Iterator[Answer]) -> End:
    end = list(answers)[-1]
    assert isinstance(end, End)
    return end


def say(path: Path, data: bytes) -> End:
    """Send bytes that no client of ours would send."""
    with connect(path) as connection, connection.makefile("rb") as stream:
        connection.settimeout(20)
        connection.sendall(data)
        end = answer_of(stream.readline())
        assert isinstance(end, End)
        return end


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


def test_the_controller_never_waits_for_a_reader_that_does_not_read(tmp_path: Path) -> None:
    controls = Remembering()
    told = threading.Event()

    def tell_much(tell: Tell) -> None:
        for _ in range(2000):
            tell("x" * 10_000)
        told.set()

    controls.following = tell_much
    with desk(tmp_path / "s", controls) as path, connect(path) as connection:
        connection.sendall(asked(Follow(commit=COMMIT, by="")))
        assert told.wait(20), "the controller was held up"
        stream = connection.makefile("rb")
        heard = [answer_of(line) for line in iter(stream.readline, b"")]
    assert heard[-1] == End(code=0)
    left_out = [each.text for each in heard if isinstance(each, Text) and "left out" in each.text]
    missing = sum(int(text.split()[0].strip("(")) for text in left_out)
    assert missing > 0
    assert missing + len(heard) - len(left_out) - 1 == 2000


def test_a_follower_that_leaves_changes_nothing_for_the_run(tmp_path: Path) -> None:
    controls = Remembering("begun\n")
    controls.going.clear()
    done = threading.Event()

    def go_on(tell: Tell) -> None:
        for _ in range(100):
            tell("more\n")
        done.set()

    controls.following = go_on
    with desk(tmp_path / "s", controls) as path:
        with connect(path) as connection:
            connection.sendall(asked(Follow(commit=COMMIT, by="")))
            assert connection.makefile("rb").readline() == b'{"type":"text","text":"begun\\n"}\n'
        controls.going.set()
        assert done.wait(20)
        assert last(ask(path, AskStatus(), 20)).code == 0


def test_events_come_as_they_happen_each_once_and_in_order(tmp_path: Path) -> None:
    controls = Remembering()
    for number in range(5):
        controls.journal.tell("Before", str(number))
    with desk(tmp_path / "s", controls) as path:
        answers = ask(path, AskEvents(after=2, follow=True), 20)
        heard = [next(answers) for _ in range(3)]
        for number in range(5, 8):
            controls.journal.tell("After", str(number))
        heard += [next(answers) for _ in range(3)]
        numbers = [each.entry.number for each in heard if isinstance(each, Happened)]
        assert numbers == [3, 4, 5, 6, 7, 8]
        answers.close()
        until(lambda: _listeners(controls) == 0, 20, "the one who followed to be forgotten")


def test_one_who_leaves_without_having_read_is_forgotten_and_so_is_their_place(tmp_path: Path) -> None:
    controls = Remembering()
    for _ in range(1000):
        controls.journal.tell("Before", "x" * 1000)
    before = threading.active_count()
    with desk(tmp_path / "s", controls) as path:
        for _ in range(3):
            with connect(path) as connection:
                connection.sendall(asked(AskEvents(follow=True)))
                assert connection.recv(1)
        until(lambda: _listeners(controls) == 0, 20, "those who followed to be forgotten")
        until(lambda: threading.active_count() == before + 1, 20, "their threads to end")


def test_where_no_thread_can_be_had_one_who_asks_is_hung_up_on_and_the_next_is_answered(tmp_path: Path) -> None:
    with desk(tmp_path / "s", Remembering()) as path:
        assert last(ask(path, AskStatus(), 20)).code == 0
        usual = threading.stack_size(1 << 46)  # more than there is
        try:
            for _ in range(MOST_AT_ONCE + 1):
                with pytest.raises(HungUp):
                    list(ask(path, AskStatus(), 20))
        finally:
            threading.stack_size(usual)
        assert last(ask(path, AskStatus(), 20)).code == 0


def _listeners(controls: Remembering) -> Any:
    listeners: list[Callable[..., None]] = controls.journal._listeners
    return len(listeners)


def test_more_than_fit_are_turned_away_and_told_so(tmp_path: Path) -> None:
    controls = Remembering()
    controls.going.clear()
    with desk(tmp_path / "s", controls) as path:
        waiting = [connect(path) for _ in range(MOST_AT_ONCE)]
        for each in waiting:
            each.sendall(asked(Follow(commit=COMMIT, by="")))
        until(lambda: len(controls.asked) == MOST_AT_ONCE, 20, "all to be heard")
        with connect(path) as late:
            end = answer_of(late.makefile("rb").readline())
        assert end == End(code=1, message="too many are asking at once; try again in a moment")
        controls.going.set()
        for each in waiting:
            assert answer_of(each.makefile("rb").readlines()[-1]) == End(code=0)
            each.close()


def test_one_user_cannot_hold_all_places_and_gets_a_place_again_when_one_is_left() -> None:
    places, greedy = Places(), Peer(os.geteuid() + 1)
    assert [places.take(greedy) for _ in range(MOST_OF_A_USER)] == [""] * MOST_OF_A_USER
    assert "at once" in places.take(greedy)
    assert places.take(Peer(os.geteuid() + 2)) == ""
    places.leave(greedy)
    assert places.take(greedy) == ""
    assert "at once" in places.take(greedy)


def test_all_other_users_together_leave_places_to_root_and_to_the_controllers_own_user() -> None:
    places = Places()
    others = [Peer(os.geteuid() + 1 + number % 10) for number in range(MOST_AT_ONCE)]
    assert [places.take(each) for each in others].count("") == MOST_AT_ONCE - KEPT
    ours = [places.take(Peer(uid)) for uid in (0, os.geteuid()) for _ in range(KEPT // 2)]
    assert ours == [""] * KEPT
    assert "too many" in places.take(Peer(0))
    assert "too many" in places.take(Peer(os.geteuid()))


def test_the_socket_is_for_its_user_and_group_and_goes_with_its_controller(tmp_path: Path) -> None:
    with desk(tmp_path / "s", Remembering()) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_ISSOCK(path.stat().st_mode)
    assert not path.exists()
    with pytest.raises(NoController) as nobody:
        list(ask(path, AskStatus(), 20))
    assert not nobody.value.forbidden


def test_a_controller_that_takes_no_connection_is_waited_for_so_long_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with bound(path), ExitStack() as waiting:
        with contextlib.suppress(TimeoutError):
            for _ in range(MOST_AT_ONCE):
                waiting.enter_context(connect(path, 0.0))
        with pytest.raises(TimeoutError, match="it is stopped, or hangs"):
            connect(path, 0.1)


def test_a_controller_that_works_gives_signs_of_life_that_nobody_is_shown(tmp_path: Path) -> None:
    controls = Remembering("begun\n")
    controls.going.clear()
    answering = Answering(controls, pass_on).answer
    with listening(tmp_path / "s", answering, sign_of_life=0.05), connect(tmp_path / "s") as connection:
        connection.settimeout(20)
        connection.sendall(asked(Follow(commit=COMMIT, by="")))
        stream = connection.makefile("rb")
        assert [answer_of(stream.readline()) for _ in range(3)] == [Text(text="begun\n"), ALIVE, ALIVE]
        shown = ask(tmp_path / "s", Follow(commit=COMMIT, by=""), 20)
        assert next(shown) == Text(text="begun\n")
        assert answer_of(stream.readline()) == ALIVE
        controls.going.set()
        assert list(shown) == [End(code=0)]


def test_a_controller_that_works_for_ever_is_given_up(tmp_path: Path) -> None:
    controls = Remembering()
    controls.going.clear()
    with listening(tmp_path / "s", Answering(controls, pass_on).answer, sign_of_life=0.05):
        with pytest.raises(HungUp, match="too long"):
            list(ask(tmp_path / "s", Follow(commit=COMMIT, by=""), 20, longest=0.2))
        controls.going.set()


def test_a_controller_that_gives_no_sign_of_life_is_given_up_and_named(tmp_path: Path) -> None:
    named = rf"\(process {os.getpid()} of {ME}\) has given no sign of life"
    with bound(tmp_path / "s"), pytest.raises(Silent, match=named) as silent:
        list(ask(tmp_path / "s", AskStatus(), 0.1))
    assert f"kill -CONT {os.getpid()}" in silent.value.do


def test_a_controller_whose_work_hangs_gives_no_sign_of_life(tmp_path: Path) -> None:
    controls = Remembering("begun\n")
    controls.going.clear()
    answering = Answering(controls, pass_on).answer
    with listening(tmp_path / "s", answering, sign_of_life=0.02, dead=lambda: "it has not moved"):
        answers = ask(tmp_path / "s", Follow(commit=COMMIT, by=""), 0.5)
        assert next(answers) == Text(text="begun\n")
        with pytest.raises(Silent):
            next(answers)
        controls.going.set()


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


def test_a_controller_that_ends_tells_what_was_said_and_hangs_up(tmp_path: Path) -> None:
    controls = Remembering("begun\n")
    controls.going.clear()
    with desk(tmp_path / "s", controls) as path:
        answers = ask(path, Follow(commit=COMMIT, by=""), 20)
        assert next(answers) == Text(text="begun\n")
    with pytest.raises(HungUp):
        next(answers)
    controls.going.set()


def test_a_controller_about_to_end_takes_no_follower_and_gives_no_last_word(tmp_path: Path) -> None:
    controls = Remembering()
    controls.ending = Ending()
    with desk(tmp_path / "s", controls) as path, pytest.raises(HungUp):
        list(ask(path, Follow(commit=COMMIT, by=""), 20))


def test_one_who_follows_a_controller_that_is_told_to_end_learns_that_another_one_is_to_be_asked(
    tmp_path: Path,
) -> None:
    controls = Remembering()
    controls.ending = Ending(stopped=True)
    with desk(tmp_path / "s", controls) as path:
        assert list(ask(path, Follow(commit=COMMIT, by=""), 20)) == [End(code=1, stopped=True)]


def test_one_who_is_turned_away_before_they_could_ask_hears_why(tmp_path: Path) -> None:
    """As where there is no place: the other end has said so, and closed, before the question came."""
    with bound(tmp_path / "s") as server:
        answers = ask(tmp_path / "s", AskStatus(), 20)
        turning = threading.Thread(target=_turn_away, args=(server,))
        turning.start()
        assert list(answers) == [End(code=1, message="full")]
        turning.join()


def _turn_away(server: socket.socket) -> None:
    connection, _ = server.accept()
    connection.sendall(answered(End(code=1, message="full")))
    connection.close()


def test_an_outbox_has_room_for_one_message_of_any_size_and_for_the_last() -> None:
    outbox = Outbox(lambda number: b"%d missing" % number, most=10)
    for message in (b"x" * 100, b"lost", b"lost"):
        outbox.put(message)
    assert outbox.take(0) == b"x" * 100
    outbox.put(b"later")
    outbox.put(b"y" * 9)
    outbox.close(b"end")
    outbox.put(b"after the end")
    assert list(iter(lambda: outbox.take(0), None)) == [b"2 missing", b"later", b"1 missing", b"end"]
