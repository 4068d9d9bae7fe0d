"""The fleet's storage pool on a host: one folder, made when first needed and removed with its last volume."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import libvirt

from reconciler.driver import DriverError, ErrorClass, Progress
from reconciler.identity import Identity
from reconciler.observation import Foreign
from reconciler_libvirt import names
from reconciler_libvirt.channel import Channel, CommandError
from reconciler_libvirt.connection import calls, unless
from reconciler_libvirt.xml import storage as xml
from reconciler_libvirt.xml.storage import Volume, VolumeSpec
from reconciler_libvirt.xml.tree import parse, render

CHUNK = 1 << 18


class Storage:
    """libvirt refuses several things on a pool while another goes on, so that its changes take turns here."""

    def __init__(self, connection: libvirt.virConnect, identity: Identity, folder: str, channel: Channel) -> None:
        self.name = names.pool(identity)
        self.path = f"{folder.rstrip('/')}/{self.name}"
        self._uuid = names.pool_uuid(identity)
        self._connection = connection
        self._channel = channel
        self._turn = threading.RLock()

    def find(self) -> libvirt.virStoragePool | None:
        """The pool, if there is one; raises `DriverError` (exists) when the name is taken by another's."""
        pool = self._lookup()
        if pool is not None and pool.UUIDString() != self._uuid:
            raise DriverError(ErrorClass.EXISTS, f"the storage pool {self.name} exists and is not ours")
        return pool

    def _lookup(self) -> libvirt.virStoragePool | None:
        with unless(ErrorClass.GONE), calls(f"looking for the storage pool {self.name}"):
            return self._connection.storagePoolLookupByName(self.name)
        return None

    def foreign(self) -> Foreign | None:
        """A pool of another that bears our pool's name."""
        pool = self._lookup()
        if pool is None or pool.UUIDString() == self._uuid:
            return None
        return Foreign("storage pool", self.name, "its UUID is not ours; every volume of this fleet would go there")

    def read(self) -> dict[str, Volume]:
        """All volumes by name, after looking at the folder anew. Raises `DriverError` when they cannot be seen."""
        with self._turn:
            pool = self._open()
            if pool is None:
                return {}
            self._refresh(pool)
            with calls(f"listing the volumes of {self.name}"):
                found = [xml.read_volume(parse(volume.XMLDesc())) for volume in pool.listAllVolumes()]
        return {volume.name: volume for volume in found}

    def _open(self) -> libvirt.virStoragePool | None:
        """The pool, if there is anything in it. Raises `DriverError` when there is and it cannot be seen."""
        pool = self.find()
        if pool is None or pool.isActive():
            return pool
        if self._bare():
            return None
        message = f"the storage pool {self.name} is not active; start it with `virsh pool-start {self.name}`"
        raise DriverError(ErrorClass.YOURS, message)

    def _refresh(self, pool: libvirt.virStoragePool) -> None:
        with calls(f"reading the folder of the storage pool {self.name}"):
            pool.refresh()

    def _bare(self) -> bool:
        """Whether there is nothing in the pool's folder, or no folder."""
        try:
            return not self._channel.run("ls", "-A", "--", self.path).strip()
        except CommandError:
            return True

    def ensure(self, progress: Progress) -> libvirt.virStoragePool:
        """The pool, made if it is missing and started if it is not."""
        with self._turn:
            pool = self.find()
            if pool is None:
                progress.call("pool.define", self.name)
                with calls(f"defining the storage pool {self.name} at {self.path}"):
                    pool = self._connection.storagePoolDefineXML(render(xml.pool(self.name, self._uuid, self.path)))
            if not pool.isActive():
                progress.call("pool.start", self.name)
                with calls(f"starting the storage pool {self.name} at {self.path}"):
                    pool.build()
                    pool.create()
            if not pool.autostart():
                with calls(f"setting the storage pool {self.name} to start with the host"):
                    pool.setAutostart(1)
            return pool

    def volume(self, name: str) -> Volume | None:
        """One volume, if it is there."""
        handle = self._volume(name)
        if handle is None:
            return None
        with unless(ErrorClass.GONE), calls(f"reading the volume {name}"):
            return xml.read_volume(parse(handle.XMLDesc()))
        return None

    def _volume(self, name: str) -> libvirt.virStorageVol | None:
        pool = self._open()
        if pool is None:
            return None
        with unless(ErrorClass.GONE), calls(f"looking for the volume {name}"):
            return pool.storageVolLookupByName(name)
        return None

    def create(self, spec: VolumeSpec, progress: Progress) -> None:
        """Make a volume; one of that name is replaced."""
        with self._turn:
            pool = self.ensure(progress)
            self.remove(spec.name, progress)
            progress.call("volume.create", spec.name)
            with calls(f"creating the volume {spec.name}"):
                pool.createXML(render(xml.volume(spec)))

    def fill(self, name: str, size: int, chunks: Iterator[bytes], progress: Progress) -> None:
        """Upload a volume's content."""
        with self._turn, calls(f"uploading the volume {name}"):
            progress.call("volume.upload", name)
            stream = self._connection.newStream()
            handle = self._volume(name)
            if handle is None:
                raise DriverError(ErrorClass.RACE, f"the volume {name} is gone")
            handle.upload(stream, 0, size)
            stream.sendAll(_feeder(chunks), None)
            stream.finish()

    def settle(self, name: str, progress: Progress) -> None:
        """Give a volume that was filled under its partial name its own: it is whole from then on."""
        with self._turn:
            progress.call("volume.settle", name)
            path = f"{self.path}/{name}"
            self._channel.run("mv", "-T", "--", path + names.PARTIAL, path)
            self._refresh(self.ensure(progress))

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

    def remove_if_empty(self, progress: Progress) -> None:
        """Remove the pool and its folder, which we made, when no file is left in it."""
        with self._turn:
            pool = self.find()
            if pool is None or self.read():
                return
            progress.call("pool.delete", self.name)
            with unless(ErrorClass.GONE), calls(f"removing the storage pool {self.name}"):
                if pool.isActive():
                    pool.destroy()
                self._remove_folder()
                pool.undefine()

    def _remove_folder(self) -> None:
        """Only if it is empty: what libvirt does not show as a volume is not ours."""
        with contextlib.suppress(CommandError):
            self._channel.run("rm", "-d", "-f", "--", self.path)


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
