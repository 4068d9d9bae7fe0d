"""libvirt's error numbers, classed once for the core (virterror.h has the numbers)."""

from __future__ import annotations

from reconciler.driver import ErrorClass

GONE = frozenset({42, 43, 49, 50, 53, 62, 66, 72, 80, 99, 101, 103, 107})
"""No such domain, network, pool, volume, device, filter, secret, metadata, port …"""
EXISTS = frozenset({28, 37, 90})
"""Domain, network, volume exists."""
TRANSIENT = frozenset({5, 39, 68, 78, 83, 86, 87})
"""No connection, RPC, timeout of a lock, aborted, block copy, agent silent, busy."""
RACE = frozenset({55})
"""Operation invalid: the object is not in the state that the call asks for."""
UNSUPPORTED = frozenset({3, 67, 74, 84})
"""The daemon, the configuration, an argument or an operation is not supported."""

_OPERATION_FAILED = 9
_INTERNAL, _SYSTEM = 1, 38
_FROM_RPC, _FROM_REMOTE = 7, 13
_CLASSES = (
    (GONE, ErrorClass.GONE),
    (EXISTS, ErrorClass.EXISTS),
    (TRANSIENT, ErrorClass.TRANSIENT),
    (RACE, ErrorClass.RACE),
    (UNSUPPORTED, ErrorClass.UNSUPPORTED),
)


def classify(code: int, domain: int = 0, message: str = "") -> ErrorClass:
    """The class of a libvirt error from its number and the part of libvirt (`domain`) that raised it."""
    for codes, error_class in _CLASSES:
        if code in codes:
            return error_class
    if "certificate" in message:
        return ErrorClass.YOURS
    if code in (_INTERNAL, _SYSTEM) and domain in (_FROM_RPC, _FROM_REMOTE):
        return ErrorClass.TRANSIENT
    if code == _OPERATION_FAILED and "already exists" in message:
        return ErrorClass.EXISTS
    if "asynchronous jobs running" in message:
        return ErrorClass.TRANSIENT
    return ErrorClass.YOURS
