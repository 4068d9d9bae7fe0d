"""Keeping in touch with one host: its daemon, its host channel, and what to do when either is lost."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Mapping

from reconciler.address import Address
from reconciler.driver import DriverError, ErrorClass, Files, HostConfig, Notice
from reconciler.identity import Identity
from reconciler_libvirt.channel import Channel
from reconciler_libvirt.connection import PATIENCE, Link, calls, connect
from reconciler_libvirt.enforcement import Table
from reconciler_libvirt.settings import Settings, settings
from reconciler_libvirt.site import Site
from reconciler_libvirt.storage import Storage
from reconciler_libvirt.tunnel import Tunnel
from reconciler_libvirt.watching import Watch

_COMES_BACK = 20.0
"""Seconds in which a daemon that ended, as when it is upgraded, has to come back."""
_PROBE = 5.0
"""Seconds that one which had fallen silent has to answer."""
_REST = 10.0
"""Seconds in which one that could not be reached again is not asked anew, whoever wants it."""


class Access:
    """The way to one host. `site` is what the driver works with."""

    def __init__(self, host: HostConfig, files: Files) -> None:
        self._config, self._files = host, files
        self._settings = settings(host.name, host.connection)
        self._channel = _channel(self._settings)
        self._turn = threading.Lock()
        self._refused: tuple[float, DriverError] | None = None
        try:
            self._link = self._open(host.patience or PATIENCE)
        except DriverError:
            self._channel.close()
            raise
        self.site = self._site()

    def again(self) -> Site:
        """The host, connected to anew if the connection was lost meanwhile: what was known of it counts no more."""
        with self._turn:
            if not self._link.alive:
                self._reopen()
            return self.site

    def hear(self, known: Mapping[str, Address], heard: Callable[[Notice], None]) -> Watch | None:
        """Have libvirt tell of what happens on the host; None when it cannot. Raises `DriverError`."""
        with self._turn:
            if not self._link.alive:
                self._reopen()
            watch = Watch(self.site, known, heard)
            return watch if watch.begin(self._link) else None

    def close(self) -> None:
        """Let go of the host."""
        self._link.close()
        self._channel.close()

    def _reopen(self) -> None:
        """Wait for a daemon that ended; one that hangs gets little time, and holds nobody up twice."""
        now = time.monotonic()
        if self._refused and now < self._refused[0] + _REST:
            raise self._refused[1]
        try:
            link = self._open(_PROBE) if self._link.silent else self._returned(now + _COMES_BACK)
        except DriverError as error:
            self._refused = (time.monotonic(), error)
            raise
        former, self._link, self._refused = self._link, link, None
        self.site = self._site()
        former.tell_lost()
        with contextlib.suppress(Exception):
            former.close()

    def _returned(self, end: float) -> Link:
        """Asked at growing distances, each of chance, so that not everybody knocks at once."""
        pause = 0.1
        while True:
            try:
                return self._open(_PROBE)
            except DriverError as error:
                if error.error_class is not ErrorClass.TRANSIENT or time.monotonic() > end:
                    raise
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - no secret
            pause = min(2 * pause, 2.0)

    def _open(self, patience: float) -> Link:
        forwarded = self._channel.tunnel.socket() if self._channel.tunnel and self._settings.transport == "ssh" else ""
        link = connect(self._settings.uri(forwarded), patience)
        try:
            self._refuse_two_machines(link)
        except DriverError:
            link.close()
            raise
        return link

    def _refuse_two_machines(self, link: Link) -> None:
        """What the channel would write on another machine would filter, lock and look at the wrong guests."""
        with calls("asking libvirt for the host's name"):
            daemon = str(link.handle.getHostname())
        try:
            there = self._channel.run("uname", "-n").strip()
        except DriverError:
            return  # a channel that does not work is told as such by whoever needs it
        if daemon.partition(".")[0].lower() != there.partition(".")[0].lower():
            message = (
                f"libvirt answers from {daemon} and the host channel from {there}, and both have to be one machine"
            )
            raise DriverError(ErrorClass.YOURS, f"{message}: correct the host's section of the trusted configuration")

    def _site(self) -> Site:
        identity, connection, chosen = Identity(self._config.fleet_id), self._link.handle, self._settings
        return Site(
            host=self._config.name,
            identity=identity,
            settings=chosen,
            connection=connection,
            channel=self._channel,
            storage=Storage(connection, identity, chosen.pool, self._channel, chosen.pools),
            table=Table(identity, self._channel),
            files=self._files,
        )


def _channel(chosen: Settings) -> Channel:
    login = chosen.login
    socket = chosen.socket if chosen.transport == "ssh" else ""
    return Channel(chosen.channel.prefix, Tunnel(login, socket) if login else None)
