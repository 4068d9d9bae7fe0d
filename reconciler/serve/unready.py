"""What follows from guests that are becoming ready: who hears of it, what the status says, and when a round is due."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.address import Address
from reconciler.report.exits import Exit
from reconciler.report.line import escape
from reconciler.report.outcome import step_words
from reconciler.serve.audience import Audience
from reconciler.serve.course import Course
from reconciler.serve.inbox import Inbox
from reconciler.serve.readying import Readying
from reconciler.serve.telling.journal import Journal, Severity
from reconciler.serve.telling.overview import Shown
from reconciler.serve.telling.status import ResourceStatus
from reconciler.serve.telling.tally import goes_on


class Unready:
    """Only one thread may use it, but for `round_due`: no guest is waited for any more, and what that comes to is not
    written down yet. While guests are waited for, whoever follows their commit goes on waiting.
    """

    def __init__(
        self, course: Course, readying: Readying, audience: Audience, inbox: Inbox, journal: Journal, shown: Shown
    ) -> None:
        self._course, self._readying, self._audience = course, readying, audience
        self._inbox, self._journal, self._shown = inbox, journal, shown
        self.round_due = self._followed = False
        self._accounted: dict[Address, bool] = {}

    @property
    def pending(self) -> bool:
        """Whether guests are still waited for."""
        return bool(self._readying.becoming.pending)

    @property
    def shown(self) -> dict[Address, ResourceStatus]:
        """What the status says of all of them."""
        return self._readying.becoming.shown

    @property
    def next_look(self) -> float | None:
        """When there is something to look at, on the monotonic clock; None when nothing is."""
        return self._readying.next()

    def begin_round(self) -> None:
        """A whole round begins: who waits for guests goes on to hear of it."""
        if self._followed:
            self._audience.overtaken("")
            self._followed = False

    def account(self) -> None:
        """A whole round is over that has told of all guests, as they are now."""
        self._accounted = self._readying.becoming.states

    def end_round(self, code: Exit) -> None:
        """A whole round was carried out: it is over for who follows, unless guests are all that is missing, or what
        was left until they are ready.
        """
        self.round_due = False
        self._go_on()
        self._followed = goes_on(code, self.pending or self.round_due)
        if not self._followed:
            self._audience.end(code)

    def look(self) -> None:
        """Hear of guests that are becoming ready, and tell."""
        for news in self._readying.look():
            severity: Severity = "info" if news.ready else "debug"
            self._journal.tell("BecomingReady", news.text, severity, commit=self._course.commit)
            self._audience.add(f"{escape(news.text)}\n")
        self.heed()

    def heed(self) -> None:
        """Tell who is waited for since a whole round told of it, and who no longer. Once none is, everything is planned
        again: the commit counts as applied then, or those who follow it hear what is not ready. So it is once one is
        ready for which steps were left.
        """
        becoming, before = self._readying.becoming, self._accounted
        self._go_on()
        if before == becoming.states:
            self._show_what_is_missing()
            return
        if not becoming.pending:
            self.round_due = True
            self._inbox.whole("no guest is becoming ready any more")
        self._tell_late(before)
        others = {address: each for address, each in self._shown.resources.items() if address not in before}
        self._shown.resources = others | becoming.shown
        self._accounted = becoming.states

    def _go_on(self) -> None:
        if ready := self._readying.freed():
            self.round_due = True
            self._inbox.whole(f"steps waited for {', '.join(sorted(map(str, ready)))}")

    def _show_what_is_missing(self) -> None:
        known = self._shown.resources
        now = {address: each for address, each in self.shown.items() if address in known}
        new = {address: each for address, each in now.items() if each.state == known[address].state}
        if any(known[address].message != each.message for address, each in new.items()):
            self._shown.resources = known | new

    def _tell_late(self, before: Mapping[Address, bool]) -> None:
        becoming = self._readying.becoming
        for step, outcome in becoming.late:
            address = step.key.address
            if not before.get(address) and not becoming.guests[address].told:
                text = f"{step_words(step)} is not ready: {outcome.error}"
                self._journal.tell("NotReady", text, "error", address=str(address), host=step.key.host, verb=step.verb)

    def forget(self) -> None:
        """Another controller works, and looks at guests."""
        self._readying.forget()
        self._accounted, self.round_due = {}, False
        self.begin_round()

    def anew(self) -> None:
        """Another commit is in force: what is not ready has all its time again."""
        assert self._course.loaded is not None, "a commit is in force"
        self._readying.anew(self._course.loaded.desired)
