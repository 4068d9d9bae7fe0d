"""The lock of a host as a process that holds it there: also where that process does not end."""

from __future__ import annotations

import pytest

from reconciler.driver import DriverError
from reconciler_libvirt import channel
from reconciler_libvirt.channel import HostLease

MUTE = "trap '' HUP TERM; exec sleep 600"
DEAF = "head -c 1; trap '' HUP TERM; exec sleep 600"
"""It echoes once, as one that holds the lock does, and never ends by itself."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_ECHO_SECONDS", 0.5)


def test_a_lock_whose_holder_hangs_is_let_go_of() -> None:
    lease = HostLease(["bash", "-c", DEAF])
    lease.release()
    assert lease._holder.returncode is not None


def test_a_host_that_does_not_answer_whether_it_gives_the_lock_refuses_it() -> None:
    with pytest.raises(DriverError, match="did not say whether it gives its lock"):
        HostLease(["bash", "-c", MUTE])
