"""Latency and faults on demand, from the environment variable RECONCILER_SIMULATOR.

A JSON object: `latency` is seconds per call; `faults` are struck in the calls that they name:

    {"latency": 0.05, "faults": [{"call": 3, "point": "after-effect", "kind": "kill"},
                                 {"call": "start_domain", "kind": "error"},
                                 {"call": "observe", "kind": "partial"}]}

`call` is a number (modifying calls count from 1 per opened host), a name, which strikes every call of that name, or a
name and what it is called for: `start_domain 3f1c9f0e.default.web-1`, `observe sim-02`; of several such modifying calls
of one opened host, `#2` behind that means the second.
`point`: `before` the call has an effect; `after-effect`, when the effect stands and no reply was given; `after` the
reply. `kind`: `error`; `transient`, an error worth trying again; `crash`, an exception that nobody expects; `kill`,
SIGKILL; `stop`, SIGSTOP; `hang`; and `partial` for `observe` alone.

`silence` is for how many seconds the lock of a run that is stopped keeps others out.

`notices` mangles what a watch tells: `{"lose": 2}` loses every second one, `{"repeat": 100000}` tells each that often,
and `{"reorder": true}` turns them round.
"""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections import Counter
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from reconciler.driver import DriverError, ErrorClass
from reconciler.prepared import prepared

VARIABLE = "RECONCILER_SIMULATOR"
Point = Literal["before", "after-effect", "after"]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong."""

    call: int | str
    point: Point = "before"
    kind: Literal["error", "transient", "crash", "kill", "stop", "hang", "partial"] = "error"


class Notices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of notices: every `lose`th is lost (0: none), each of the others is told `repeat` times, and with
    `reorder` those of one look in the wrong order.
    """

    lose: Annotated[int, Meta(ge=0)] = 0
    repeat: Annotated[int, Meta(ge=1)] = 1
    reorder: bool = False


@prepared
class Specification(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the environment asks for."""

    latency: float = 0.0
    silence: float = 120.0
    faults: tuple[Fault, ...] = ()
    notices: Notices = Notices()


class Crash(BaseException):
    """The process comes to an end here, as far as a test in the same process can have that."""


class Faults:
    """Counts the calls of one opened host and strikes."""

    def __init__(self, specification: Specification) -> None:
        self._specification = specification
        self._numbers = itertools.count(1)
        self._times: Counter[str] = Counter()

    @classmethod
    def from_environment(cls) -> Faults:
        """What the environment asks for; raises `DriverError` when it cannot be understood."""
        try:
            return cls(msgspec.json.decode(os.environ.get(VARIABLE) or "{}", type=Specification))
        except msgspec.DecodeError as failure:
            raise DriverError(ErrorClass.YOURS, f"the environment variable {VARIABLE}: {failure}") from None

    @property
    def silence(self) -> float:
        """Seconds after which the lock of a silent run goes."""
        return self._specification.silence

    @property
    def notices(self) -> Notices:
        """What becomes of notices."""
        return self._specification.notices

    def next_call(self, name: str, target: str) -> tuple[int | str, ...]:
        """What a modifying call that is about to be made goes by."""
        time.sleep(self._specification.latency)
        call = f"{name} {target}"
        self._times[call] += 1
        return next(self._numbers), name, call, f"{call} #{self._times[call]}"

    def strike(self, point: Point, name: str, meant: tuple[int | str, ...] = ()) -> bool:
        """Do what is asked for at this point of this call; true when an observation shall be partial."""
        meant = meant or (name,)
        faults = [fault for fault in self._specification.faults if fault.point == point and fault.call in meant]
        for fault in faults:
            _strike(fault, name)
        return any(fault.kind == "partial" for fault in faults)


def _strike(fault: Fault, name: str) -> None:
    if fault.kind == "crash":
        raise Crash(name)
    if fault.kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.kind == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if fault.kind == "hang":
        time.sleep(24 * 3600)
    if fault.kind in ("error", "transient"):
        error_class = ErrorClass.TRANSIENT if fault.kind == "transient" else ErrorClass.YOURS
        raise DriverError(error_class, f"{name}: the simulator was told to fail here ({fault.point})")
