# SPDX-License-Identifier: Apache-2.0
"""Roles of PostgreSQL as a row of the suite over all kinds (worlds.py).

Law: the server and its people are asked, not the product.
"""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.givers.postgres import Postgres

GIVEN_TO = (
    "SELECT r.rolname FROM pg_roles r JOIN pg_shdescription d ON d.objoid = r.oid"
    " WHERE r.rolname LIKE 'jitd\\_%' AND d.description LIKE 'jitd made this role for {account}:%'"
)


class PostgresWorld:
    """A server of its own. Who is a member of reporting_ro needs no password there: the tests do not read the secret."""

    thing = "postgres-role:reporting"
    people = ("alice", "bob")

    def __init__(self) -> None:
        self._files: list[Path] = []

    def prepare(self) -> None:
        self._server = Postgres()
        self._server.let_in("host all +reporting_ro 127.0.0.1/32 trust")
        self.config = (
            f'[givers.reporting]\nkind = "postgres-role"\ndatabase = "{self._server.uri}"\nmember_of = ["reporting_ro"]\n'
        )

    def clear(self) -> None:
        self._server.end()
        for file in self._files:
            file.unlink(missing_ok=True)

    def works(self, account: str) -> bool:
        return any(self._can_read(role) for (role,) in self._server.ask(GIVEN_TO.format(account=account)))

    def _can_read(self, role: str) -> bool:
        try:
            with self._server.as_person({"port": str(self._server.port), "dbname": "shop", "user": role}) as session:
                return session.execute("SELECT customer FROM orders WHERE number = 1").fetchall() == [("Ada",)]
        except psycopg.Error:
            return False

    def needs(self, account: str) -> tuple[str, ...]:
        return ()

    def to_keep(self, account: str) -> tuple[str, ...]:
        """The secret goes into a file."""
        self._files.append(Path(f"/home/{account}/reporting-{len(self._files)}"))
        return "--to", str(self._files[-1])

    def snapshot(self) -> object:
        return self._server.snapshot()

    def break_target(self) -> None:
        """The socket stands where others can write, so jitd does not connect."""
        self._server.sockets.chmod(0o1777)

    def mend_target(self) -> None:
        self._server.sockets.chmod(0o755)

    def remove_by_hand(self) -> None:
        for (role,) in self._server.ask(GIVEN_TO.format(account="alice")):
            self._server.do(f"DROP ROLE {role}")
