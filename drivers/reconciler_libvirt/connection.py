"""The connection to one libvirt daemon."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import libvirt

from reconciler.driver import DriverError, ErrorClass
from reconciler_libvirt.errors import classify
from reconciler_libvirt.settings import Settings


def connect(chosen: Settings) -> libvirt.virConnect:
    """Open the connection. libvirt's habit of printing errors is switched off: they are raised."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with calls(f"connecting to libvirt at {chosen.socket}"):
        return libvirt.open(chosen.uri)


@contextlib.contextmanager
def calls(doing: str) -> Iterator[None]:
    """Turn libvirt's errors into the core's, with what was being done."""
    try:
        yield
    except libvirt.libvirtError as error:
        code, domain = error.get_error_code() or 0, error.get_error_domain() or 0
        message = error.get_error_message() or str(error)
        raise DriverError(classify(code, domain, message), f"{doing}: {message}") from error


@contextlib.contextmanager
def unless(*accepted: ErrorClass) -> Iterator[None]:
    """Pass over errors of these classes: what was to be made exists, what was to be deleted is gone."""
    try:
        yield
    except DriverError as error:
        if error.error_class not in accepted:
            raise
