"""The volumes of one storage pool."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Iterator

import libvirt

from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.xml import storage as xml
from reconciler_libvirt.xml.storage import Volume, VolumeSpec
from reconciler_libvirt.xml.tree import parse, render

CHUNK = 1 << 18


class Volumes(abc.ABC):
    """libvirt refuses several things on a pool while another goes on, so that its changes take turns here."""

    def __init__(self, connection: libvirt.virConnect, name: str) -> None:
        self.name = name
        self._connection = connection
        self._turn = threading.RLock()

    @abc.abstractmethod
    def _open(self) -> libvirt.virStoragePool | None:
        """The pool, if there is anything in it. Raises `DriverError` when there is and it cannot be seen."""

    @abc.abstractmethod
    def ensure(self, progress: Progress) -> libvirt.virStoragePool:
        """The pool, ready to have volumes made in it. Raises `DriverError`."""

    def read(self, prefix: str = "") -> dict[str, Volume]:
        """The volumes whose names start with `prefix`, after looking at the pool anew. Raises `DriverError` when
        they cannot be seen.
        """
        with self._turn:
            pool = self._open()
            if pool is None:
                return {}
            self._refresh(pool)
            with calls(f"listing the volumes of {self.name}"):
                handles = [each for each in pool.listAllVolumes() if each.name().startswith(prefix)]
            found = [described(each) for each in handles]
        return {volume.name: volume for volume in found if volume is not None}

    def look(self, prefix: str, needed: bool) -> dict[str, Volume]:
        """As `read`; a pool that is not there is seen to hold nothing, unless it is needed."""
        with unless(*() if needed else (ErrorClass.YOURS,)):
            return self.read(prefix)
        return {}

    def names(self) -> list[str]:
        """The names of all volumes, as libvirt knows them: nothing is looked at anew."""
        with self._turn, calls(f"listing the volumes of {self.name}"):
            pool = self._open()
            return sorted(pool.listVolumes()) if pool else []

    def _refresh(self, pool: libvirt.virStoragePool) -> None:
        with calls(f"reading the storage pool {self.name}"):
            pool.refresh()

    def volume(self, name: str) -> Volume | None:
        """One volume, if it is there."""
        handle = self._volume(name)
        if handle is None:
            return None
        return described(handle)

    def _volume(self, name: str) -> libvirt.virStorageVol | None:
        pool = self._open()
        if pool is None:
            return None
        with unless(ErrorClass.GONE), calls(f"looking for the volume {name}"):
            return pool.storageVolLookupByName(name)
        return None

    def _there(self, name: str) -> libvirt.virStorageVol:
        handle = self._volume(name)
        if handle is None:
            raise DriverError(ErrorClass.RACE, f"the volume {name} is gone")
        return handle

    def create(self, spec: VolumeSpec, progress: Progress) -> None:
        """Make a volume; one of that name is replaced."""
        with self._turn:
            pool = self.ensure(progress)
            self.remove(spec.name, progress)
            progress.call("volume.create", spec.name)
            with calls(f"creating the volume {spec.name}"):
                pool.createXML(render(xml.volume(spec)))

    def copy(self, spec: VolumeSpec, source: Volumes, original: str, progress: Progress) -> None:
        """Make a volume with all of the content of another, which it does not need from then on; one of that name is
        replaced.
        """
        with self._turn:
            pool = self.ensure(progress)
            self.remove(spec.name, progress)
            progress.call("volume.copy", spec.name)
            with calls(f"copying {original} to the volume {spec.name}"):
                pool.createXMLFrom(render(xml.volume(spec)), source._there(original))

    def wipe(self, name: str, progress: Progress) -> None:
        """Overwrite a volume with zeros: what a block device held before would show."""
        with self._turn, calls(f"wiping the volume {name}"):
            progress.call("volume.wipe", name)
            self._there(name).wipe()

    def fill(self, name: str, size: int, chunks: Iterator[bytes], progress: Progress) -> None:
        """Upload a volume's content."""
        with self._turn, calls(f"uploading the volume {name}"):
            progress.call("volume.upload", name)
            stream = self._connection.newStream()
            self._there(name).upload(stream, 0, size)
            stream.sendAll(_feeder(chunks), None)
            stream.finish()

    def grow(self, name: str, size: int, progress: Progress) -> None:
        """Make a volume larger that no guest has open. The caller has made sure that it is not a shrink."""
        with self._turn, calls(f"growing the volume {name}"):
            handle = self._volume(name)
            if handle is None:
                raise DriverError(ErrorClass.GONE, f"the volume {name} is gone")
            progress.call("volume.resize", name)
            handle.resize(size)

    def remove(self, name: str, progress: Progress) -> None:
        """Delete a volume, if it is there."""
        with self._turn:
            handle = self._volume(name)
            if handle is None:
                return
            progress.call("volume.delete", name)
            with unless(ErrorClass.GONE), calls(f"deleting the volume {name}"):
                handle.delete()


class NamedPool(Volumes):
    """A pool of the host's own, which the trusted configuration lets volumes lie in. It is never made or removed."""

    def _open(self) -> libvirt.virStoragePool:
        remedy = f"start it with `virsh pool-start {self.name}`, or make it if it is not there"
        with unless(ErrorClass.GONE), calls(f"looking for the storage pool {self.name}"):
            pool = self._connection.storagePoolLookupByName(self.name)
            if pool.isActive():
                return pool
        raise DriverError(ErrorClass.YOURS, f"the storage pool {self.name} is not active; {remedy}")

    def ensure(self, progress: Progress) -> libvirt.virStoragePool:
        """The pool. Raises `DriverError` when it is not active."""
        return self._open()

    def form(self) -> xml.PoolForm:
        """What it is. Raises `DriverError`."""
        with calls(f"reading the storage pool {self.name}"):
            return xml.read_pool(parse(self._open().XMLDesc()))


def described(handle: libvirt.virStorageVol) -> Volume | None:
    """A volume that was listed or found a moment ago; None when it was deleted since, as another step may do. Raises
    `DriverError`.
    """
    with unless(ErrorClass.GONE), calls(f"reading the volume {handle.name()}"):
        return xml.read_volume(parse(handle.XMLDesc()))
    return None


def _feeder(chunks: Iterator[bytes]) -> Callable[[object, int, object], bytes]:
    """libvirt asks for at most so many bytes at a time, and takes an empty answer for the end."""
    rest = bytearray()

    def feed(stream: object, most: int, opaque: object) -> bytes:
        while len(rest) < most and (chunk := next(chunks, b"")):
            rest.extend(chunk)
        taken = bytes(rest[:most])
        del rest[:most]
        return taken

    return feed
