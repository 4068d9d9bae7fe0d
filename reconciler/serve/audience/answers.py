"""Answers for whoever waits for a commit of which nothing becomes, or nothing more."""

from __future__ import annotations

import io

from reconciler.report.diagnostics import diagnostics_lines
from reconciler.report.exits import Exit
from reconciler.report.screen import Stream
from reconciler.serve.audience import Audience
from reconciler.serve.course import Course, Turned
from reconciler.serve.following.reading import comes_after


def answer(audience: Audience, course: Course, *, leads: bool, why: str) -> None:
    """Tell those who wait, once the branch was looked at, where nothing becomes of their commits; the others go on."""
    for commit in audience.awaited():
        if not leads:
            audience.dismiss(commit, f"Another controller leads this fleet ({why}); it takes it from here.\n", Exit.OK)
        elif commit == course.commit:
            continue
        elif commit in course.turned:
            audience.dismiss(commit, *_turned(course, course.turned[commit]))
        elif not comes_after(course.repository, commit, course.tip):
            text = f"{commit[:12]} is not on the branch any more, whose newest commit is {course.tip[:12]}.\n"
            audience.dismiss(commit, text, Exit.ERROR)
        elif course.tip in course.turned:
            text, code = _turned(course, course.turned[course.tip])
            audience.dismiss(
                commit, f"A newer commit took over, {course.tip[:12]}, which is not deployed:\n{text}", code
            )


def _turned(course: Course, turned: Turned) -> tuple[str, Exit]:
    """Why a commit is not deployed, as text and exit code."""
    file = io.StringIO()
    Stream(file, {"NO_COLOR": "1"}).write(diagnostics_lines(turned.diagnostics))
    stays = f"{course.commit[:12]} stays in force." if course.commit else "No commit is in force."
    return f"{file.getvalue()}{stays}\n", Exit.REFUSED if turned.verdict == "held" else Exit.ERROR
