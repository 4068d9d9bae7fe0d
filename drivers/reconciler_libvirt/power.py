"""Starting and stopping guests, and joining them to their networks once they are filtered."""

from __future__ import annotations

import time

import libvirt

from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler_libvirt.connection import calls, unless

_PRESS_AGAIN = 10.0
"""Seconds; a guest that is still booting does not see the power button."""
_LOOK_AGAIN = 0.1


def start(domain: libvirt.virDomain, progress: Progress) -> None:
    """Start a domain, or let a paused one go on."""
    name = domain.name()
    if not domain.isActive():
        progress.call("domain.start", name)
        with calls(f"starting {name}"):
            domain.create()
    elif domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        progress.call("domain.resume", name)
        with calls(f"resuming {name}"):
            domain.resume()


def stop(domain: libvirt.virDomain, deadline: float, progress: Progress) -> None:
    """Press the power button, and switch off what does not follow within `deadline` seconds."""
    name = domain.name()
    if not domain.isActive():
        return
    if domain.state()[0] != libvirt.VIR_DOMAIN_PAUSED:  # who is paused sees no button
        progress.call("domain.shutdown", name)
        progress.note(f"waiting up to {deadline:.0f} s for {name} to shut down")
        _press(domain, deadline)
    switch_off(domain, progress)


def _press(domain: libvirt.virDomain, deadline: float) -> None:
    end, next_press = time.monotonic() + deadline, 0.0
    while domain.isActive() and (now := time.monotonic()) < end:
        if now >= next_press:
            next_press = now + _PRESS_AGAIN
            with unless(*ErrorClass), calls(f"pressing the power button of {domain.name()}"):
                domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
        time.sleep(_LOOK_AGAIN)


def switch_off(domain: libvirt.virDomain, progress: Progress) -> None:
    """Switch a guest off, if it runs: QEMU is asked first, so that it can write what it has, and then killed."""
    for flags in (libvirt.VIR_DOMAIN_DESTROY_GRACEFUL, libvirt.VIR_DOMAIN_DESTROY_DEFAULT):
        if not domain.isActive():
            return
        progress.call("domain.destroy", domain.name())
        try:
            with calls(f"switching {domain.name()} off"):
                domain.destroyFlags(flags)
        except DriverError:
            if domain.isActive() and flags == libvirt.VIR_DOMAIN_DESTROY_DEFAULT:
                raise
