# SPDX-License-Identifier: Apache-2.0
"""Connects to a PostgreSQL server on this host, as the account that runs the server. Peer authentication accepts this account.

Law: jitd connects only to a socket in a protected directory. Other accounts cannot write to this directory. libpq checks that
the server runs as the owner of that socket. Every statement has a time limit. Objects that users may have made are always named
with their schema. Sources: PostgreSQL, "Peer Authentication", "libpq: Parameter Key Words" (requirepeer), "Client Connection
Defaults", "Character Set Support".

The names of roles, databases and prepared transactions are bytes: all databases of a server share them, and each database writes
them in its own encoding, of which the server remembers nothing. So jitd's sessions convert nothing, and a name is text in which
each byte that is not UTF-8 is a surrogate (PEP 383). A server takes a statement only if all of it is in the encoding of the
session's database, so statements about roles give the number of the role, and the server puts the name in (``about_role``).
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NewType

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq import DiagnosticField

from jitd_things.givers.postgres_settings import Address
from jitpam.wire.shown import shown

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 8
LOCK_SECONDS = 2
"""The seconds for which a statement waits for a lock."""
_OPTIONS = {
    "search_path": "pg_catalog",
    "role": "none",
    "session_replication_role": "replica",
    "local_preload_libraries": "",
    "exit_on_error": "off",
    "idle_session_timeout": "0",
    "jit": "off",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": "15s",
    "default_transaction_read_only": "off",
    "synchronous_commit": "local",
    "client_min_messages": "error",
}
"""Settings of this connection. These settings override the settings that the owner of a database has made for the database. Such
an owner could otherwise let jitd's sessions act as another role, end early, or not begin at all. With
``session_replication_role``, no triggers and no event triggers run in jitd's sessions, because they are a superuser's sessions.
Exceptions are triggers that an administrator has enabled as ENABLE ALWAYS or ENABLE REPLICA. With ``synchronous_commit``,
committed changes survive a crash of the server. If a change were lost, a role that was taken back could exist again after the
crash. Without ``jit``, the first question (_AS_BUILT) is not compiled, either.
"""
_AS_BUILT = (
    "SELECT pg_catalog.set_config(name, boot_val, false) FROM pg_catalog.pg_settings"
    " WHERE source OPERATOR(pg_catalog.=) 'database' AND context OPERATOR(pg_catalog.=) 'user'"
)
"""Gives the settings of the database that any user may change the values with which PostgreSQL was built. With other settings,
the server would need minutes for a question of jitd (``jit``, ``enable_hashjoin``). What only a superuser may set stays.
"""
_OPTIONS_SINCE_17 = {"transaction_timeout": "0"}
_VERSION_17 = 17_00_00
Row = tuple[Any, ...]
Sql = NewType("Sql", str)
"""A part of a statement in which each name and each text is quoted."""


class Unreachable(Exception):
    """The server cannot be asked now. The text is a sentence that says what is wrong and what to do."""


class Server:
    """The server at ``address``, which lists each session of this object as ``known_as``."""

    def __init__(self, address: Address, known_as: str) -> None:
        self.address = address
        self._known_as = known_as

    @contextmanager
    def session(self, database: str = "") -> Iterator[Session]:
        """Connect to ``database``. If ``database`` is empty, connect to the database in the address. Raises Unreachable."""
        with self._connected(database or self.address.database) as connection:
            yield Session(connection)

    @contextmanager
    def session_anywhere(self) -> Iterator[Session]:
        """Connect to any database, for statements about roles, which all databases of a server share. A person who may act as the
        owner of a database can close that database to everybody. Raises Unreachable.
        """
        with self._connected_anywhere() as connection:
            yield Session(connection)

    def _connected_anywhere(self) -> psycopg.Connection[Row]:
        with suppress(Unreachable):
            return self._connected("postgres")
        try:
            return self._connected(self.address.database)
        except Unreachable as fault:
            with suppress(Unreachable):
                return self._connected("template1")
            raise fault

    def _connected(self, database: str) -> psycopg.Connection[Row]:
        """Connect to ``database``, with the settings that the version of the server has. Raises Unreachable.

        A session tells the version when it has begun. By ``transaction_timeout``, which PostgreSQL has since 17, a database can
        end any session that asks something, and some that only begin. So the first session asks nothing, and may fail.
        """
        failed = None
        try:
            connection = self._begun(database, _OPTIONS)
            if connection.info.server_version < _VERSION_17:
                return self._as_built(connection)
            connection.close()
        except Unreachable as fault:
            failed = fault
        try:
            return self._as_built(self._begun(database, _OPTIONS | _OPTIONS_SINCE_17))
        except Unreachable as fault:
            raise failed or fault from None

    def _begun(self, database: str, options: Mapping[str, str]) -> psycopg.Connection[Row]:
        owner = owner_of(self.address)
        with _acting_as(owner), _named_database(database), self._let_in():
            connection = psycopg.connect(
                host=self.address.directory,
                port=self.address.port,
                user=self.address.user or owner.pw_name,
                requirepeer=owner.pw_name,
                passfile="/dev/null/none",
                sslmode="disable",
                gssencmode="disable",
                connect_timeout=CONNECT_SECONDS,
                application_name=self._known_as,
                client_encoding="SQL_ASCII",
                options=" ".join(f"-c {name}={value}" for name, value in options.items()),
                autocommit=True,
                prepare_threshold=None,
            )
        for kind in ("text", "name"):
            connection.adapters.register_loader(kind, _TextLoader)
        return connection

    def _as_built(self, connection: psycopg.Connection[Row]) -> psycopg.Connection[Row]:
        with self._let_in():
            connection.execute(_AS_BUILT)
        return connection

    @contextmanager
    def _let_in(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as fault:
            raise Unreachable(f"PostgreSQL at {self.address.socket} does not let jitd in: {told(fault)}") from None


class Session:
    """One connection to one database. A statement outside of ``transaction`` is committed at once."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def rows(self, question: str, values: dict[str, object] | None = None) -> list[Row]:
        """Return the rows that ``question`` finds. Raises psycopg.Error."""
        with self._connection.cursor() as cursor:
            return cursor.execute(question.encode(), values).fetchall()

    def row(self, question: str, values: dict[str, object] | None = None) -> Row | None:
        """Return the first row that ``question`` finds, or None if there is no such row. Raises psycopg.Error."""
        return next(iter(self.rows(question, values)), None)

    @property
    def is_closed(self) -> bool:
        """True if the connection was closed, by jitd or by the server."""
        return self._connection.closed

    def do(self, statement: str, **parts: Sql) -> None:
        """Execute ``statement``, with what ``parts`` has for each ``{part}``. Raises psycopg.Error."""
        with self._connection.cursor() as cursor:
            cursor.execute(_as_bytes(statement.format(**parts)))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all statements of the block at its end, or nothing. Inside another one, it is a savepoint."""
        with self._connection.transaction():
            yield

    def verifier(self, role: str, password: str) -> str:
        """Return what the server stores instead of ``password``, which cannot be computed from it (RFC 5803)."""
        return self._connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()


def owner_of(address: Address) -> pwd.struct_passwd:
    """Return the account that runs the server at ``address``: the owner of its socket. Raises Unreachable."""
    socket, directory = address.socket, address.directory
    try:
        holding, found = os.stat(directory), os.stat(socket, follow_symlinks=False)
    except FileNotFoundError as fault:
        raise Unreachable(f"PostgreSQL does not run here: there is no {fault.filename}") from None
    except OSError as fault:
        raise Unreachable(f"{fault.filename} cannot be looked at: {fault.strerror}") from None
    try:
        owner = pwd.getpwuid(found.st_uid)
    except KeyError:
        raise Unreachable(f"{socket} belongs to the uid {found.st_uid}, but no account of this host has this uid") from None
    if not stat.S_ISSOCK(found.st_mode):
        raise Unreachable(f"{socket} is not a socket, so the server did not make it")
    if holding.st_uid not in (0, owner.pw_uid) or holding.st_mode & stat.S_IWOTH or _others_may_write(holding, owner):
        raise Unreachable(
            f"accounts other than root and {owner.pw_name} can write to {directory}: set unix_socket_directories to a"
            f" directory that only root and {owner.pw_name} can write to"
        )
    return owner


def _others_may_write(directory: os.stat_result, owner: pwd.struct_passwd) -> bool:
    """True if the group may write, unless it is the group of root or of ``owner``."""
    return bool(directory.st_mode & stat.S_IWGRP) and directory.st_gid not in (0, owner.pw_gid)


@contextmanager
def _acting_as(account: pwd.struct_passwd) -> Iterator[None]:
    """Set the effective uid and gid of this process to the uid and gid of ``account``, because the server sees only the effective
    ids. The process has only one thread, so no other work is done with the account's uid.
    """
    before = os.geteuid(), os.getegid()
    os.setegid(account.pw_gid)
    try:
        os.seteuid(account.pw_uid)
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])


@contextmanager
def _named_database(database: str) -> Iterator[None]:
    """Name the database to libpq by the environment, which is the one place where psycopg takes a name that is not UTF-8."""
    os.environb[b"PGDATABASE"] = _as_bytes(database)
    try:
        yield
    finally:
        del os.environ["PGDATABASE"]


class _TextLoader(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "surrogateescape")


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def identifier(*names: str) -> Sql:
    """Return the name of something, with the names of what it is in before it ("Lexical Structure")."""
    return Sql(".".join(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in names))


def literal(value: str | int) -> Sql:
    """Return a constant. The form with E has one meaning, whatever standard_conforming_strings of the database is."""
    if isinstance(value, int):
        return Sql(str(value))
    return Sql("E'" + value.replace("\\", "\\\\").replace("'", "''") + "'")


def executed(question: str) -> Sql:
    """Return a statement that executes what ``question`` finds, inside the server ("Executing Dynamic Commands")."""
    return Sql(f"DO {literal(f'DECLARE it text := ({question}); BEGIN EXECUTE it; END')}")


def about_role(oid: int, statement: str) -> Sql:
    """Return ``statement``, in which ``%I`` is the name of the role ``oid``, whatever it is called."""
    return executed(f"SELECT format({literal(statement)}, rolname) FROM pg_roles WHERE oid = {oid}")


def written(words: str) -> Sql:
    """Return ``words`` as a part of a statement that is not quoted again, because the server has quoted it itself."""
    return Sql(words)


def told(fault: Exception) -> str:
    """Return the message of ``fault`` on one line, without the SQL, and with what to do where that is known."""
    if not isinstance(fault, psycopg.Error):
        return str(fault)
    said = shown(field_of(fault, DiagnosticField.MESSAGE_PRIMARY) or " ".join(str(fault).split()))
    detail = shown(" ".join(field_of(fault, DiagnosticField.MESSAGE_DETAIL).split("\n")))
    if isinstance(fault, psycopg.errors.LockNotAvailable):
        return f"{said}: somebody else's session or prepared transaction holds the lock (look at pg_locks)"
    if isinstance(fault, psycopg.errors.OutOfMemory):
        return f"{said}: set max_locks_per_transaction of PostgreSQL to a larger number"
    return f"{said} ({detail})" if detail else said


def field_of(fault: psycopg.Error, field: DiagnosticField) -> str:
    """Return what the server says of ``fault``, or "". ``fault.diag`` has lost each byte that is not ASCII."""
    said = fault.pgresult.error_field(field) if fault.pgresult else None
    return (said or b"").decode("utf-8", "surrogateescape")
