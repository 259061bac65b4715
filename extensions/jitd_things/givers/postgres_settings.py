# SPDX-License-Identifier: Apache-2.0
"""Parses the address of a PostgreSQL server on this host. The address is a URI of libpq:
``postgresql://USER@/DATABASE?host=DIRECTORY&port=NUMBER``. Law: the address must be that of a Unix socket. A URI may
contain only the parts that are shown above. jitd never passes the URI to libpq. Source: PostgreSQL, "libpq: Connection URIs".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jitd.core.conditions import is_name

DIRECTORY, PORT = "/run/postgresql", 5432
_URI = re.compile(r"(?:postgresql|postgres)://(?:([^@/?#]*)@)?([^@/?#]*)/([^?#]*)(?:\?([^?#]*))?", re.ASCII)
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_.$-]{0,62}", re.ASCII)
_PLACE = re.compile(r"(?:/[A-Za-z0-9_.+-]{1,64}){1,8}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """A ``database`` behind the socket in ``directory``. An empty ``user`` is named like the socket's owner."""

    database: str
    directory: str = DIRECTORY
    port: int = PORT
    user: str = ""

    @property
    def socket(self) -> str:
        """The path of the server's socket."""
        return f"{self.directory}/.s.PGSQL.{self.port}"


def read_address(uri: str) -> Address:
    """Return the address in ``uri``. Raises ValueError with a predicate, such as ``must be ...``."""
    example = "such as postgresql:///app?host=/run/postgresql"
    parts = _URI.fullmatch(uri)
    if parts is None:
        raise ValueError(f"must be a URI of PostgreSQL, {example}")
    user, host, database, query = (part or "" for part in parts.groups())
    words = [word.partition("=")[::2] for word in query.split("&")] if query else []
    found = dict(words)
    if host or not found.get("host", DIRECTORY).startswith("/"):
        raise ValueError(f"must name the directory of a Unix socket, {example}: jitd-givers has no network")
    if len(found) != len(words) or not found.keys() <= {"host", "port"}:
        raise ValueError(f"may have host and port after the question mark, once each and nothing else, {example}")
    if user and not is_name(user):
        raise ValueError("has a user that is not the name of a role (a password does not belong here)")
    directory, port = found.get("host", DIRECTORY), found.get("port", str(PORT))
    if not _DATABASE.fullmatch(database):
        raise ValueError(f"must name a database, {example}")
    if not _PLACE.fullmatch(directory) or ".." in directory.split("/"):
        raise ValueError("has a host that is not the absolute path of a directory")
    if not _NUMBER.fullmatch(port) or int(port) > 65535:
        raise ValueError("has a port that is not a number from 1 to 65535")
    return Address(database, directory, int(port), user)
