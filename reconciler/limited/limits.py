"""What a process may use up, and how it is told that it wanted more."""

from __future__ import annotations

import resource
import signal
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from reconciler.limited.process import Ended

OUT_OF_MEMORY = 71
"""The status with which a child of ours says that it got no more memory."""
MIB = 1 << 20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """For a process and all that it starts, each by itself: `seconds` of time as clocks show it (for all together),
    `cpu` seconds of work, `memory` bytes of address space, `file` bytes of any file that it writes, `descriptors`.
    `output` is how many bytes of each output are taken; 0 in `memory` is no limit.
    """

    seconds: float
    cpu: int
    memory: int
    file: int
    descriptors: int = 256
    output: int = 64 * MIB

    def of_the_system(self) -> dict[int, int]:
        """What the kernel is told."""
        found = {
            resource.RLIMIT_CPU: self.cpu,
            resource.RLIMIT_FSIZE: self.file,
            resource.RLIMIT_NOFILE: self.descriptors,
            resource.RLIMIT_CORE: 0,
        }
        return found | ({resource.RLIMIT_AS: self.memory} if self.memory else {})


def broken(ended: Ended, limits: Limits) -> str:
    """Which limit ended a process, as a sentence for people; else how it ended."""
    if ended.stopped == "time":
        return f"It took longer than {limits.seconds:g} s."
    if ended.stopped == "output":
        return f"It answered with more than {limits.output // MIB:,} MiB."
    if ended.status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"It worked for more than {limits.cpu} s."
    if ended.status == -signal.SIGXFSZ:
        return f"It wrote a file of more than {limits.file // MIB:,} MiB."
    if ended.status == OUT_OF_MEMORY:
        return f"It wanted more than {limits.memory // MIB:,} MiB of memory."
    if ended.status < 0:
        return f"It was ended by signal {-ended.status} ({signal.strsignal(-ended.status)})."
    said = ended.error.decode(errors="replace").strip().rpartition("\n")[2]
    return f"It ended with status {ended.status}{': ' + said[:300] if said else ''}."
