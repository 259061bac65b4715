# SPDX-License-Identifier: Apache-2.0
"""The kind ``postgres-role``: a role of a PostgreSQL server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jitd.core.toml_table import Table, quoted
from jitd_things.givers.kind import Kind
from jitd_things.givers.postgres_settings import read_address
from jitd_things.givers.settings import GiverSettings, NoGiver

_ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9/][A-Za-z0-9.:_/-]{0,254}", re.ASCII)

ROLES: Mapping[str, str] = {
    "pg_execute_server_program": "runs any program as the server's own account, and so may do all in the database",
    "pg_read_server_files": "reads any file that the server can read, each database and its passwords too",
    "pg_write_server_files": "writes any file that the server can write, and so may do all in the database",
    "postgres": "is the superuser of a server as it is installed",
}
"""Roles with the power of a superuser, as far as known, and the end of a sentence on it ("Predefined Roles")."""


@dataclass(frozen=True, slots=True)
class PostgresRole(GiverSettings):
    """A role of the PostgreSQL server at the URI ``database``. The role is a member of the roles ``member_of``. The person
    connects to ``host``. If ``host`` is empty, the person connects to the socket of the URI ``database``.
    """

    KIND = "postgres-role"
    KEYS = ("database", "member_of", "host")
    HAS_SECRET = True

    database: str = ""
    member_of: tuple[str, ...] = ()
    host: str = ""

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        table.needs("database", "member_of")
        database, host = table.text("database", ""), table.text("host", "")
        if "database" in table.values:
            try:
                read_address(database)
            except ValueError as fault:
                table.fault(f'"database" {fault}', "database")
        if "host" in table.values and not _HOST.fullmatch(host):
            table.fault('"host" must be the name or the address of a host, or the directory of a socket', "host")
        return {"database": database, "member_of": table.words("member_of", (), _read_role), "host": host}

    def sentences(self) -> tuple[str, ...]:
        at = f" at {self.host}" if self.host else ""
        return (f"log in to the database {self.database}{at} as a member of {', '.join(self.member_of)}",)

    def ways_to_root(self) -> Iterator[str]:
        yield from (f"a member of the role {role} {ROLES[role]}" for role in self.member_of if role in ROLES)

    def deeds(self) -> Kind:
        """See ``GiverSettings.deeds``. Other kinds work without PostgreSQL's library, which only these deeds load."""
        try:
            from jitd_things.givers.passwords import is_handed_out, password_of
            from jitd_things.givers.postgres_roles import PostgresRoles
        except ImportError as fault:
            raise NoGiver(f"the library of PostgreSQL cannot be loaded: install libpq5 ({fault})") from None
        return PostgresRoles(self.name, read_address(self.database), self.member_of, self.host, password_of, is_handed_out)


def _read_role(word: str) -> str:
    if not _ROLE.fullmatch(word) or word == "public":
        raise ValueError(f"{quoted(word)} is not the name of a role that can be given")
    return word
