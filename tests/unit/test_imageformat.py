"""Image files are what they are declared to be, and refer to no other file. Headers are written by hand here."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from reconciler.driver import DriverError, ErrorClass
from reconciler.imageformat import inspect

MIB = 1 << 20


def qcow2(
    *, version: int = 3, backing: bytes = b"", size: int = 64 * MIB, features: int = 0, length: int = 4096
) -> bytes:
    """The header of a qcow2 file, and enough behind it."""
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", version, 1024 if backing else 0, len(backing), 16, size)
    header += struct.pack(">IIQQIIQ", 0, 1, 0x30000, 0x10000, 1, 0, 0)
    if version >= 3:
        header += struct.pack(">QQQII", features, 0, 0, 4, 104)
    return header.ljust(1024, b"\0") + backing.ljust(length - 1024, b"\0")


VMDK = b"""# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="monolithicFlat"
RW 20480 FLAT "/etc/shadow" 0
"""
BOOT_SECTOR = bytes(446) + bytes([0x80, 0, 2, 0, 0x83, 5, 5, 5, 0, 8, 0, 0, 0, 64, 0, 0]) + bytes(48) + b"\x55\xaa"

GOOD = [
    (qcow2(), "qcow2", 64 * MIB, "a plain qcow2"),
    (qcow2(version=2), "qcow2", 64 * MIB, "the older version"),
    (bytes(MIB), "raw", MIB, "an empty raw disk"),
    (BOOT_SECTOR + bytes(MIB), "raw", MIB + 512, "a raw disk with a partition table"),
]
BAD = [
    (qcow2(backing=b"/etc/shadow"), "qcow2", "backing file", "a backing file would be read by QEMU"),
    (qcow2(backing=b'json:{"driver":"file","filename":"/etc/shadow"}'), "qcow2", "backing file", "JSON for a name"),
    (qcow2(features=1 << 2), "qcow2", "data_file", "a data file would be read by QEMU"),
    (qcow2(features=1 << 20), "qcow2", "features", "what is unknown cannot be judged"),
    (qcow2(version=9), "qcow2", "version", "what is unknown cannot be judged"),
    (qcow2(size=1 << 62), "qcow2", "bytes", "a size that nothing can hold"),
    (qcow2(size=0), "qcow2", "bytes", "no disk at all"),
    (qcow2(), "raw", "content is qcow2", "raw with a qcow2 header: a guest could have written it"),
    (bytes(MIB), "qcow2", "content is raw", "declared formats are not guessed over"),
    (VMDK, "raw", "content is vmdk", "a text that names another file as its extent"),
    (VMDK, "qcow2", "content is vmdk", "the same, declared otherwise"),
    (VMDK, "vmdk", "none of qcow2, raw", "a format that is not supported"),
    (b"QFI\xfb", "qcow2", "", "a header that is cut off"),
    (b"", "raw", "0 bytes", "an empty file"),
]


@pytest.mark.parametrize(("content", "declared", "size", "reason"), GOOD, ids=[case[-1] for case in GOOD])
def test_a_self_contained_image_is_accepted(
    tmp_path: Path, content: bytes, declared: str, size: int, reason: str
) -> None:
    (tmp_path / "disk").write_bytes(content)
    assert inspect(tmp_path / "disk", declared) == size, reason


@pytest.mark.parametrize(("content", "declared", "words", "reason"), BAD, ids=[case[-1] for case in BAD])
def test_any_other_image_is_refused(tmp_path: Path, content: bytes, declared: str, words: str, reason: str) -> None:
    (tmp_path / "disk").write_bytes(content)
    with pytest.raises(DriverError) as caught:
        inspect(tmp_path / "disk", declared)
    assert caught.value.error_class is ErrorClass.YOURS, reason
    assert words in str(caught.value), reason


def test_a_refusal_is_told_once_and_only_in_the_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "disk").write_bytes(qcow2(backing=b"/etc/shadow"))
    with pytest.raises(DriverError):
        inspect(tmp_path / "disk", "qcow2")
    assert capfd.readouterr() == ("", "")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DriverError):
        inspect(tmp_path / "none", "raw")


def test_a_refusal_names_the_file_as_people_know_it(tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(qcow2(backing=b"/etc/shadow"))
    with pytest.raises(DriverError, match=r"image file images/web\.qcow2 is refused"):
        inspect(tmp_path / "copy", "qcow2", "images/web.qcow2")
