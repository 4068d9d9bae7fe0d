"""Taking the dates out of an ISO 9660 file system, so that the same files give the same bytes.

Where the dates stand: ECMA-119 §8.4.26-29 (volume descriptors), §9.1.5 (directory records); Rock Ridge's TF entry.
"""

from __future__ import annotations

from collections.abc import Iterator

_SECTOR = 2048
_FIRST_DESCRIPTOR = 16
_PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 1, 2, 255
_VOLUME_DATES = 813
_NO_VOLUME_DATE = b"0" * 16 + b"\0"
_ROOT_RECORD = 156
_EPOCH = bytes([70, 1, 1, 0, 0, 0, 0])
"""1970-01-01 in a directory record."""


def without_dates(data: bytes) -> bytes:
    """The same file system, made in 1970."""
    disk = bytearray(data)
    for start in _descriptors(disk):
        disk[start + _VOLUME_DATES : start + _VOLUME_DATES + 4 * 17] = _NO_VOLUME_DATE * 4
        for record in [start + _ROOT_RECORD, *_records(disk, start + _ROOT_RECORD)]:
            _undate(disk, record)
    return bytes(disk)


def _descriptors(disk: bytearray) -> Iterator[int]:
    start = _FIRST_DESCRIPTOR * _SECTOR
    while disk[start] != _TERMINATOR:
        if disk[start] in (_PRIMARY, _SUPPLEMENTARY):
            yield start
        start += _SECTOR


def _records(disk: bytearray, root: int) -> Iterator[int]:
    """The records of the root directory, the only one that a seed has."""
    extent = int.from_bytes(disk[root + 2 : root + 6], "little") * _SECTOR
    length = int.from_bytes(disk[root + 10 : root + 14], "little")
    place = extent
    while place < extent + length and disk[place]:
        yield place
        place += disk[place]


def _undate(disk: bytearray, record: int) -> None:
    end = record + disk[record]
    disk[record + 18 : record + 25] = _EPOCH
    stamps = disk.find(b"TF", record + 33, end)
    if stamps > 0:
        count = (disk[stamps + 2] - 5) // 7
        disk[stamps + 5 : stamps + 5 + 7 * count] = _EPOCH * count
