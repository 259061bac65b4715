# SPDX-License-Identifier: Apache-2.0
"""The kind ``postgres-role``: a role of a PostgreSQL server."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jitd.core.toml_table import Table, quoted
from jitd.settings.postgres import read_address
from jitd.settings.things import GiverSettings

_ROLE = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9/][A-Za-z0-9.:_/-]{0,254}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PostgresRole(GiverSettings):
    """A role of the PostgreSQL server at the URI ``database``. The role is a member of the roles ``member_of``. The person
    connects to ``host``. If ``host`` is empty, the person connects to the socket of the URI ``database``.
    """

    KIND = "postgres-role"
    KEYS = ("database", "member_of", "host")

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


def _read_role(word: str) -> str:
    if not _ROLE.fullmatch(word) or word == "public":
        raise ValueError(f"{quoted(word)} is not the name of a role that can be given")
    return word
