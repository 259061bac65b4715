# SPDX-License-Identifier: Apache-2.0
"""The helpers: the processes that do one kind of work each for the daemon, with fewer rights. Both ends go by this table of what
each of them is and may.

Law: what a row does not say, its helper does not have: no network, no TLS, no variable, no package, and not root; no group,
either, but one that root gives its unit or its account.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Helper:
    """One helper, which ``jitd-helper NAME`` is. Its work belongs to an extension (``jitd.extensions``), and no other process
    imports it.

    It starts only as the account ``account``. Unless ``has_network``, it does not start where it sees a network. Unless
    ``has_tls``, nothing in it can import ssl. It is in ``groups``, keeps the environment variables ``keeps``, and has the options
    ``options``, each with the path of a file; one with the option ``socket`` can also be started by hand. Only if it needs
    ``package``, it finds packages that are not the standard library's. Work that blocks is done in ``n_threads`` threads, and its
    end does not wait for them.
    """

    name: str
    is_root: bool = False
    has_network: bool = False
    has_tls: bool = False
    groups: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    package: str = ""
    n_threads: int = 0

    @property
    def process(self) -> str:
        """Its name in the log, and the name of its account unless it is root."""
        return f"jitd-{self.name}"

    @property
    def account(self) -> str:
        """The name of an account, or a uid in digits."""
        return "0" if self.is_root else self.process

    @property
    def unit(self) -> str:
        """The units of systemd that start it are the service and the socket of this name, instances of one template."""
        return f"jitd-helper@{self.name}"

    @property
    def enable(self) -> str:
        """The command with which root has systemd listen for it, now and after each boot."""
        return f"systemctl enable --now {self.unit}.socket"

    @property
    def socket(self) -> Path:
        """Where systemd listens for it."""
        return Path(f"/run/{self.process}/{self.name}.sock")

    @property
    def listens(self) -> bool:
        """True if systemd listens for it, or if the kernel does not say. The file of a socket stays when nobody listens any more,
        and a connection would start the helper. The kernel connects no datagram to a socket of another type, but says that there
        is one (connect(2), EPROTOTYPE). Its table net/unix is not read: in that, anybody may have a name of several lines.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asker:
            return asker.connect_ex(bytes(self.socket)) not in (errno.ECONNREFUSED, errno.ENOENT)


KDC = Helper(name="kdc", has_network=True, keeps=("KRB5_CONFIG",), options=("keytab", "socket"))
OUTSIDE = Helper(
    name="outside",
    has_network=True,
    has_tls=True,
    keeps=("CREDENTIALS_DIRECTORY",),
    package="httpcore",
    n_threads=64,  # a silent name server keeps a thread until libc gives up
)
GIVERS = Helper(
    name="givers",
    is_root=True,
    has_tls=True,  # psycopg imports ssl before it loads libpq, in a deed
    options=("settings",),
    package="psycopg",
)
PROGRAMS = Helper(name="programs")
PROGRAMS_NET = Helper(name="programs-net", has_network=True)
TERMINALS = Helper(name="terminals", groups=("tty",), n_threads=4)

HELPERS: Mapping[str, Helper] = {one.name: one for one in (KDC, OUTSIDE, GIVERS, PROGRAMS, PROGRAMS_NET, TERMINALS)}
