# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL for tests, with a directory, a socket and a port of its own, run by the account postgres.

Its people log in by password at the loopback, and the account postgres by its uid at the socket: so Debian sets it up. The tests
are a superuser of their own: becoming the account postgres would change the uid of all threads of this process.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.leftovers import is_in_lab
from tests.waiting import is_living, wait_for

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
SETTINGS = """\
listen_addresses = '127.0.0.1'
unix_socket_directories = '{sockets}'
port = {port}
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = replica
max_wal_senders = 2
shared_buffers = 16MB
max_connections = 40
max_prepared_transactions = 5
max_locks_per_transaction = 16
autovacuum = off
jit = off
max_worker_processes = 4
"""
ACCESS = """\
local all postgres peer
local all tester peer map=tests
local all all reject
local replication postgres peer
host all all 127.0.0.1/32 scram-sha-256
"""
SHOP = """
CREATE ROLE reporting_ro NOLOGIN; CREATE ROLE app NOLOGIN; CREATE ROLE alice LOGIN PASSWORD 'of-alice';
GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC;
CREATE TABLE orders (number integer PRIMARY KEY, customer text NOT NULL);
INSERT INTO orders VALUES (1, 'Ada'), (2, 'Grace');
GRANT SELECT ON orders TO reporting_ro;
"""
OF_THE_SERVER = (
    "SELECT rolname, rolcanlogin, rolsuper, rolvaliduntil FROM pg_roles ORDER BY 1",
    "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members ORDER BY 1, 2",
    "SELECT count(*) FROM pg_prepared_xacts",
    "SELECT dbid, classid, refobjid, deptype FROM pg_shdepend ORDER BY 1, 2, 3, 4",
)
OF_A_DATABASE = (
    "SELECT relname, relacl::text, relowner FROM pg_class WHERE oid >= 16384 ORDER BY 1",
    "SELECT proname, proowner FROM pg_proc WHERE oid >= 16384 ORDER BY 1",
    "SELECT tgname FROM pg_trigger ORDER BY 1",
    "SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY 1",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Postgres:
    """A server that runs until ``end``."""

    def __init__(self) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parts[4]))
        self._programs = programs[-1]
        self.home = Path(tempfile.mkdtemp(prefix="postgres-", dir="/srv" if is_in_lab() else "/tmp"))
        self.sockets = self.home / "sockets"
        self.sockets.mkdir(mode=0o755)
        self.port = free_port()
        for place in (self.home, self.sockets):
            shutil.chown(place, "postgres", "postgres")
        self._run("initdb", "-D", f"{self.home}/data", "-U", "postgres", "-A", "reject", "-E", "UTF8", "--no-locale", "--no-sync")
        (self.home / "data/postgresql.conf").write_text(SETTINGS.format(sockets=self.sockets, port=self.port))
        (self.home / "data/pg_hba.conf").write_text(ACCESS)
        (self.home / "data/pg_ident.conf").write_text("tests root tester\n")
        self.start()
        self._run("createuser", "-h", str(self.sockets), "-p", str(self.port), "--superuser", "tester")
        self.do("CREATE DATABASE shop", "postgres")
        self.do("CREATE DATABASE other", "postgres")
        self.do(SHOP)

    @property
    def version(self) -> int:
        return int(self._programs.parts[4])

    @property
    def uri(self) -> str:
        return f"postgresql:///shop?host={self.sockets}&port={self.port}"

    def _run(self, program: str, *words: str) -> None:
        line = [str(self._programs / program), *words]
        subprocess.run(line, user="postgres", group="postgres", extra_groups=[], env=ENVIRONMENT, cwd="/", check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip

    def start(self) -> None:
        self._run("pg_ctl", "-D", f"{self.home}/data", "-l", f"{self.home}/log", "-w", "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", f"{self.home}/data", "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        """Stop the server as an administrator does, so that all is on the disk, and start it again."""
        self._run("pg_ctl", "-D", f"{self.home}/data", "-l", f"{self.home}/log", "-m", "fast", "-w", "restart")

    def crash(self) -> None:
        """Kill the server as a power cut would. Its children see that, and end: no server starts while one of them lives."""
        pid = int((self.home / "data/postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGSTOP)  # it begins none between the look and the end
        pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(map(is_living, pids)), what="the end of the server")
        self.start()

    @contextmanager
    def standby(self) -> Iterator[int]:
        """Run a standby that follows this server. The value is its port at the loopback."""
        place, port = f"{self.home}/standby", free_port()
        self._run("pg_basebackup", "-h", str(self.sockets), "-p", str(self.port), "-D", place, "-R", "-c", "fast", "--no-sync")
        with open(f"{place}/postgresql.conf", "a", encoding="ascii") as file:
            file.write(f"port = {port}\n")
        self._run("pg_ctl", "-D", place, "-l", f"{self.home}/log-of-standby", "-w", "start")
        try:
            yield port
        finally:
            self._run("pg_ctl", "-D", place, "-m", "immediate", "-w", "stop")
            shutil.rmtree(place)

    def let_in(self, line: str) -> None:
        """Put ``line`` before the others of pg_hba.conf."""
        file = self.home / "data/pg_hba.conf"
        file.write_text(f"{line}\n{file.read_text()}")
        self.ask("SELECT pg_reload_conf()")

    def end(self) -> None:
        if (self.home / "data/postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.home)

    def connect(self, database: str = "shop") -> psycopg.Connection[tuple[Any, ...]]:
        """Connect, and be postgres there."""
        connection = psycopg.connect(host=str(self.sockets), port=self.port, dbname=database, user="tester", autocommit=True,
                                     passfile="/dev/null/none")  # fmt: skip
        connection.execute("SET SESSION AUTHORIZATION postgres")
        return connection

    def connect_as_jitd(self, database: str = "shop") -> psycopg.Connection[tuple[Any, ...]]:
        """Connect by the uid of the account postgres, which all threads of this process have meanwhile."""
        before = os.geteuid()
        os.seteuid(pwd.getpwnam("postgres").pw_uid)
        try:
            return psycopg.connect(host=str(self.sockets), port=self.port, dbname=database, user="postgres", autocommit=True,
                                   passfile="/dev/null/none")  # fmt: skip
        finally:
            os.seteuid(before)

    def do(self, statement: str, database: str = "shop") -> None:
        with self.connect(database) as connection:
            connection.execute(statement.encode())

    def ask(self, question: str, database: str = "shop") -> list[tuple[Any, ...]]:
        with self.connect(database) as connection:
            return connection.execute(question.encode()).fetchall()

    def as_person(self, words: dict[str, str]) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect with the words of a service file, at the loopback."""
        named = {**words, "host": "127.0.0.1", "passfile": "/dev/null/none"}
        return psycopg.connect(**named, autocommit=True, connect_timeout=60)  # type: ignore[arg-type]

    def snapshot(self) -> object:
        """All roles, memberships, and what every database has: for comparison."""
        return [*self._found(OF_THE_SERVER, "shop"), *self._found(OF_A_DATABASE, "shop"), *self._found(OF_A_DATABASE, "other")]

    def _found(self, questions: tuple[str, ...], database: str) -> list[object]:
        with self.connect(database) as connection:
            connection.execute("SET client_encoding = SQL_ASCII")  # what all databases share is in any encoding
            return [connection.execute(question.encode()).fetchall() for question in questions]


def words_of(service_file: bytes, name: str) -> dict[str, str]:
    """Return the words of a service file of libpq, which has the one service ``name``."""
    head, *lines = service_file.decode("ascii").splitlines()
    assert head == f"[{name}]"
    return dict(line.split("=", 1) for line in lines)
