# SPDX-License-Identifier: Apache-2.0
"""A role of PostgreSQL is taken back from holders who want to keep it: the right ends first, and no step waits for the holder.

Law: each holder here is played with what a real one has, which is a session and the roles that were given. After every attack the
role is gone, unless somebody else's transaction holds it; then its rights, its login and its sessions are gone all the same.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jitd_things.givers import postgres_server, postgres_taking
from jitd_things.givers.kind import Failed, Given, Refused, Seen, State, Taken
from jitd_things.givers.passwords import password_of
from jitd_things.givers.postgres_roles import PostgresRoles
from jitd_things.givers.postgres_server import Server, Unreachable
from tests.givers.postgres import Postgres
from tests.givers.test_postgres_role import ORDER, ROLE, can_log_in, given, is_open, roles_of, settings
from tests.marks import by_day, full
from tests.waiting import wait_for

Words = dict[str, str]
Held = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    made = Postgres()
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(autouse=True)
def as_before(server: Postgres) -> Iterator[None]:
    """After each test the server has what it had before."""
    before = server.snapshot()
    yield
    assert server.snapshot() == before


@pytest.fixture
def roles(server: Postgres) -> Iterator[PostgresRoles]:
    made = roles_of(settings(server), password_of)
    yield made
    assert isinstance(made.take(ORDER), Taken)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for somebody else's lock waits for a short time."""
    monkeypatch.setitem(postgres_server._OPTIONS, "lock_timeout", "100ms")
    monkeypatch.setattr(postgres_taking, "SECONDS_TO_END", 0.3)


@pytest.fixture
def owning(server: Postgres) -> Iterator[None]:
    """The given role owns the database in which the holder works."""
    server.do("ALTER DATABASE shop OWNER TO reporting_ro")
    yield
    server.do("ALTER DATABASE shop RESET ALL", "postgres")
    server.do("ALTER DATABASE shop ALLOW_CONNECTIONS true", "postgres")
    server.do("ALTER DATABASE shop OWNER TO postgres", "postgres")


def has_rights(server: Postgres) -> bool:
    """True if the role is a member of any role."""
    rights = f"SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = '{ROLE}'"
    return bool(server.ask(rights, "postgres"))


def is_there(server: Postgres) -> bool:
    return bool(server.ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'", "postgres"))


def doing(server: Postgres, words: Words, *statements: str) -> Held:
    session = server.as_person(words)
    for statement in statements:
        session.execute(statement.encode())
    return session


def taken_again(roles: PostgresRoles) -> Taken:
    """Take the role again and again, as jitd does: on a busy host a session may take longer to end than the ``quick`` have."""
    return wait_for(lambda: said if isinstance(said := roles.take(ORDER), Taken) else None, what="the end of the role")


# --- what the holder locks -----------------------------------------------------------------------------------------------

PASSWORD = "ALTER ROLE CURRENT_USER PASSWORD 'x'"
AS_GIVEN = ("SET ROLE reporting_ro", "PREPARE TRANSACTION 'his'")
LOCKING = {
    "the row of the role": ("BEGIN", PASSWORD),
    "the settings of the role": ("BEGIN", "ALTER ROLE CURRENT_USER SET work_mem = '1MB'"),
    "the catalogs, as far as anybody may": (
        "BEGIN", "LOCK TABLE pg_auth_members, pg_shdepend, pg_database, pg_roles IN ACCESS SHARE MODE",
    ),
    "an advisory lock, and a cursor that stays": (
        "SELECT pg_advisory_lock(1)", "BEGIN", "DECLARE c CURSOR WITH HOLD FOR TABLE orders", "COMMIT", "FETCH 1 FROM c",
    ),
    "the row of the role, prepared": ("BEGIN", PASSWORD, "PREPARE TRANSACTION 'his'"),
    "the row of the role, prepared as the given role": ("BEGIN", PASSWORD, *AS_GIVEN),
    "the settings of the role, prepared as the given role": (
        "BEGIN", "ALTER ROLE CURRENT_USER SET work_mem = '1MB'", *AS_GIVEN,
    ),
    "a table that was made, prepared as the given role": ("BEGIN", "CREATE TABLE his (a integer)", *AS_GIVEN),
    "a table that stands, prepared as the given role": (
        "CREATE TABLE his (a integer)", "BEGIN", "LOCK TABLE his", *AS_GIVEN,
    ),
    "a role that was set, in an open transaction": ("SET ROLE reporting_ro", "BEGIN", "TABLE orders"),
}  # fmt: skip


@pytest.mark.parametrize("statements", LOCKING.values(), ids=LOCKING)
def test_what_the_holder_locks_delays_nothing(server: Postgres, roles: PostgresRoles, statements: tuple[str, ...]) -> None:
    """THREATS Q-39."""
    session = doing(server, given(roles), *statements)
    assert roles.take(ORDER) == Taken()
    assert not is_there(server) and not is_open(session)


@pytest.mark.usefixtures("quick")
def test_an_administrator_who_locks_the_role_is_told_and_not_ended_and_everything_else_is_done(
    server: Postgres, roles: PostgresRoles
) -> None:
    """THREATS Q-39. The honest twin: the transaction goes on, and ends as the administrator says."""
    words = given(roles)
    session = doing(server, words, "CREATE TABLE his (a integer)", "SET ROLE reporting_ro")
    with server.connect() as administrator:
        administrator.execute("BEGIN")
        administrator.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 7")
        answer = roles.take(ORDER)
        assert isinstance(answer, Failed) and "lock timeout" in answer.why and "pg_locks" in answer.why
        assert not has_rights(server) and not is_open(session) and is_there(server)
        assert server.ask("SELECT 1 FROM pg_class WHERE relname = 'his'") == []
        administrator.execute("COMMIT")
    assert taken_again(roles) == Taken()
    assert not can_log_in(server, words)


@pytest.mark.usefixtures("quick")
def test_a_prepared_transaction_of_somebody_else_stays_and_is_waited_for(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. The honest twin: those that do not concern jitd's role are left alone, whoever may act as their owner."""
    given(roles)
    hers = {"host": "127.0.0.1", "port": str(server.port), "dbname": "shop", "user": "alice", "password": "of-alice"}
    doing(server, hers, "CREATE TABLE hers (a integer)", "BEGIN", f"GRANT SELECT ON hers TO {ROLE}", "PREPARE TRANSACTION 'hers'")
    with server.connect() as another:
        for statement in (
            "BEGIN",
            "LOCK TABLE orders IN ACCESS SHARE MODE",
            "SET LOCAL ROLE reporting_ro",
            "PREPARE TRANSACTION 'app'",
        ):
            another.execute(statement.encode())
    try:
        answer = roles.take(ORDER)
        assert isinstance(answer, Failed) and "lock timeout" in answer.why
        assert server.ask("SELECT gid FROM pg_prepared_xacts ORDER BY 1") == [("app",), ("hers",)]
    finally:
        server.do("ROLLBACK PREPARED 'hers'")
    taken = taken_again(roles)
    server.do("ROLLBACK PREPARED 'app'")
    server.do("DROP TABLE hers")
    assert taken == Taken(
        "check changes in the name of the given roles since the grant began: 'shop: prepared transaction \\x27app\\x27'"
    )


@pytest.mark.usefixtures("quick")
def test_a_session_that_does_not_end_keeps_no_right_and_no_table(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. A server process can be deaf to its end, as in a loop of PL/Perl; here it is stopped."""
    words = given(roles)
    session = doing(server, words, "CREATE TABLE his (a integer)", "SET ROLE reporting_ro")
    pid = session.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = roles.take(ORDER)
        assert isinstance(answer, Failed) and f"cannot be ended (server process {pid})" in answer.why
        assert not has_rights(server) and not can_log_in(server, words) and is_there(server), "by its name it is taken again"
        assert server.ask("SELECT 1 FROM pg_class WHERE relname = 'his'") == []
    finally:
        os.kill(pid, signal.SIGCONT)
    assert taken_again(roles) == Taken()
    assert not is_open(session)


def test_a_holder_who_comes_back_at_once_and_locks_again_is_shut_out(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. So does a pool of connections, too."""
    words, over = given(roles), threading.Event()

    def come_back() -> None:
        while not over.is_set():
            with suppress(psycopg.Error), server.as_person(words) as session:
                session.execute("BEGIN")
                session.execute(PASSWORD.encode())
                over.wait()

    holders = [threading.Thread(target=come_back) for _ in range(12)]
    for each in holders:
        each.start()
    try:
        wait_for(lambda: server.ask("SELECT 1 FROM pg_locks WHERE locktype = 'tuple'"), what="holders who wait for each other")
        answers = [roles.take(ORDER) for _ in range(3)]
        assert Taken() in answers, answers
        assert not is_there(server)
    finally:
        over.set()
        for each in holders:
            each.join()


@pytest.mark.usefixtures("quick")
def test_a_membership_that_somebody_else_granted_is_revoked_first_too(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. Since PostgreSQL 16, REVOKE is about the grants of one grantor."""
    server.do("CREATE ROLE boss; GRANT app, reporting_ro TO boss WITH ADMIN OPTION")
    given(roles)
    server.do(f"SET ROLE boss; GRANT app, reporting_ro TO {ROLE} WITH ADMIN OPTION")
    doing(server, given(roles), "GRANT reporting_ro TO alice").close()
    with server.connect() as administrator:
        administrator.execute("BEGIN")
        administrator.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 7")
        assert isinstance(roles.take(ORDER), Failed)
        assert not has_rights(server)
    taken = taken_again(roles)
    server.do("REVOKE reporting_ro FROM alice; DROP OWNED BY boss; DROP ROLE boss")
    assert taken == Taken()


def test_nobody_may_lock_the_memberships(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. The first step waits for no lock that a holder can take, in any mode that would be in its way."""
    words = given(roles)
    forbidden = [
        f"LOCK TABLE pg_auth_members IN {mode} MODE" for mode in ("ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE")
    ]
    forbidden += [f"SELECT 1 FROM pg_auth_members FOR {mode}" for mode in ("SHARE", "KEY SHARE")]
    forbidden += [f"{word} reporting_ro {to} {ROLE}" for word, to in (("GRANT", "TO"), ("REVOKE", "FROM"))]
    for statement in forbidden:
        with server.as_person(words) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("BEGIN")
            session.execute(statement.encode())


# --- what the server does not list, and when it cannot be asked -----------------------------------------------------------


def fill_with_locks(session: Held) -> Held:
    """Hold as many locks as the server has memory for, and keep them after the error."""
    with pytest.raises(psycopg.errors.OutOfMemory):
        session.execute("SELECT pg_advisory_lock(i) FROM generate_series(1, 1000000) i")
    return session


def is_starting(server: Postgres, role: str) -> bool:
    """True if a server process has let ``role`` in and sleeps, so that the list of sessions does not have it."""
    pids = {pid for (pid,) in server.ask("SELECT pid FROM pg_stat_activity")}
    titles = [place.read_bytes() for place in Path("/proc").glob("[0-9]*/cmdline") if int(place.parent.name) not in pids]
    return any(f" {role} ".encode() in title and b"startup" in title for title in titles)


def test_a_session_that_is_about_to_begin_does_not_begin_when_the_role_has_been_taken(
    server: Postgres, roles: PostgresRoles
) -> None:
    """THREATS Q-39. Who logs in may let the server sleep after it has checked everything, and has set the given role."""
    words, hers = given(roles), {"host": "127.0.0.1", "dbname": "shop", "user": "alice", "password": "of-alice"}
    found: dict[str, object] = {}

    def begin(words: Words, role: str) -> None:
        named = {**words, "host": "127.0.0.1", "port": str(server.port), "passfile": "/dev/null/none"}
        late = f"-c role={role} -c post_auth_delay=5"
        try:
            with psycopg.connect(**named, options=late) as session:  # type: ignore[arg-type]
                found[words["user"]] = session.execute("SELECT current_user").fetchall()
        except psycopg.Error:
            found[words["user"]] = None

    holders = [threading.Thread(target=begin, args=each) for each in ((words, "reporting_ro"), (hers, "alice"))]
    for each in holders:
        each.start()
    wait_for(lambda: is_starting(server, ROLE) and is_starting(server, "alice"), what="two sessions that are about to begin")
    assert roles.take(ORDER) == Taken()
    for each in holders:
        each.join()
    assert found == {ROLE: None, "alice": [("alice",)]}


def test_what_the_role_has_only_taken_over_is_kept_and_told(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-41. A table that the given role owned is not dropped with its rows; what the role made is."""
    server.do("ALTER TABLE orders OWNER TO reporting_ro; GRANT CREATE ON SCHEMA public TO reporting_ro")
    try:
        session = doing(server, given(roles), "ALTER TABLE orders OWNER TO CURRENT_USER", "CREATE TABLE own (id int)")
        assert len(session.execute("TABLE orders").fetchall()) == 2
        answer = roles.take(ORDER)
        assert isinstance(answer, Taken)
        told = f"the role {ROLE}_left now owns objects that the role had taken over: 'shop: table public.orders'"
        assert told in answer.left
        assert server.ask("SELECT count(*), to_regclass('own') FROM orders") == [(2, None)]
    finally:
        server.do("ALTER TABLE orders OWNER TO postgres; GRANT SELECT ON orders TO reporting_ro")
        server.do(f"REVOKE CREATE ON SCHEMA public FROM reporting_ro; DROP ROLE {ROLE}_left")


def test_a_holder_who_fills_the_server_with_locks_keeps_nothing(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. Then nobody can log in, not even a superuser; and what is locked already can still be read."""
    words = given(roles)
    session = doing(server, words, "BEGIN", "TABLE orders")
    filling = fill_with_locks(server.as_person(words))
    assert len(session.execute("TABLE orders").fetchall()) == 2
    assert roles.take(ORDER) == Taken()
    assert not is_open(session) and not is_open(filling)


def test_a_holder_who_fills_the_server_again_and_again_is_shut_out(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39."""
    words, over, n_filled = given(roles), threading.Event(), [0]

    def fill() -> None:
        while not over.is_set():
            with suppress(psycopg.Error, AssertionError):
                fill_with_locks(server.as_person(words))
                n_filled[0] += 1

    holders = [threading.Thread(target=fill) for _ in range(6)]
    for each in holders:
        each.start()
    try:
        wait_for(lambda: n_filled[0] > 0, what="a full server")
        answers = [roles.take(ORDER) for _ in range(3)]
        assert Taken() in answers, answers
        assert not can_log_in(server, words)
    finally:
        over.set()
        for each in holders:
            each.join()


@pytest.mark.usefixtures("quick")
def test_who_else_fills_the_server_is_told_and_not_ended(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. The honest twin."""
    words = given(roles)
    session = server.as_person(words)
    hers = fill_with_locks(server.as_person({**words, "user": "alice", "password": "of-alice"}))
    answer = roles.take(ORDER)
    assert isinstance(answer, Failed) and "out of shared memory" in answer.why
    assert not is_open(session)
    hers.execute("SELECT pg_advisory_unlock_all()")
    hers.close()
    assert taken_again(roles) == Taken()


def test_a_holder_who_has_all_connections_keeps_nothing(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. Also those that are kept for superusers: a session has one before its password is checked."""
    words, sessions, before = given(roles), [], []
    with pytest.raises(psycopg.OperationalError):
        while True:
            sessions.append(server.as_person(words))
    for _ in range(10):
        before.append(socket.create_connection(("127.0.0.1", server.port)))
        before[-1].sendall(startup_of(ROLE))
    assert roles.take(ORDER) == Taken()
    assert not any(map(is_open, sessions))
    for each in before:
        each.close()


def startup_of(role: str) -> bytes:
    """Return the first message of a client (PostgreSQL, "Message Formats", StartupMessage)."""
    words = b"".join(word.encode() + b"\0" for word in ("user", role, "database", "shop", ""))
    return struct.pack("!ii", 8 + len(words), 3 << 16) + words


def test_who_follows_the_server_is_told_because_a_session_there_goes_on(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39. The honest twin: without a standby, nothing is told."""
    words = given(roles)
    with server.standby() as port:
        at_standby = {**words, "port": str(port)}
        wait_for(lambda: can_log_in(server, at_standby), what="the role at the standby")
        session, other = doing(server, at_standby, "SET ROLE reporting_ro"), server.as_person(at_standby)
        answer = roles.take(ORDER)
        assert isinstance(answer, Taken) and "standbys of this server (walreceiver)" in answer.left
        wait_for(lambda: not can_log_in(server, at_standby), what="the end of the role at the standby")
        assert len(session.execute("TABLE orders").fetchall()) == 2
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute("TABLE orders")
    given(roles)
    wait_for(lambda: not server.ask("SELECT 1 FROM pg_stat_replication"), what="the end of the standby's connection")
    assert roles.take(ORDER) == Taken()


# --- the owner of a database ---------------------------------------------------------------------------------------------

SETTINGS = (
    "SET role = 'reporting_ro'",
    "SET local_preload_libraries = 'nosuch'",
    "SET idle_session_timeout = 1",
    "SET exit_on_error = on",
    "SET default_transaction_isolation = 'serializable'",
    "SET quote_all_identifiers = on",
    "SET standard_conforming_strings = off",
    "SET transaction_timeout = 1",
)
SLOW = (
    "jit = on", "jit_above_cost = 0", "jit_inline_above_cost = 0", "jit_optimize_above_cost = 0", "work_mem = '64kB'",
    *(f"enable_{name} = off" for name in ("hashjoin", "mergejoin", "indexscan", "bitmapscan", "hashagg")),
)  # fmt: skip


OTHER_SETTINGS = full("every day, three of the settings are changed; all of them are read in the same way")


@pytest.mark.usefixtures("owning")
@pytest.mark.parametrize("setting", by_day(SETTINGS, list(SETTINGS)[:3], OTHER_SETTINGS))
def test_the_settings_of_a_database_that_the_holder_may_change_keep_nothing(
    server: Postgres, roles: PostgresRoles, setting: str
) -> None:
    """THREATS Q-40. Things of others depend on what the holder owns, so that statements of jitd fail on the way."""
    if "transaction_timeout" in setting and server.version < 17:
        return
    doing(
        server, given(roles), "CREATE TABLE his (a integer)", "GRANT ALL ON his TO reporting_ro", "SET ROLE reporting_ro",
        "CREATE VIEW later AS TABLE his", f"ALTER DATABASE shop {setting}",
    ).close()  # fmt: skip
    answer = roles.take(ORDER)
    server.do("ALTER DATABASE shop RESET ALL", "postgres")
    server.do(f"DROP VIEW later; DROP OWNED BY {ROLE}_left; DROP ROLE {ROLE}_left")
    assert isinstance(answer, Taken) and not is_there(server)
    assert "later" in answer.left and "settings of the database" in answer.left


def test_a_database_that_ends_sessions_which_only_begin_keeps_nothing(
    server: Postgres, roles: PostgresRoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-40. On a busy host, transaction_timeout does that, too."""
    if server.version < 17:
        return
    begin = Server._begun

    def begun(self: Server, database: str, options: Words) -> Held:
        if "transaction_timeout" not in options:
            raise Unreachable("terminating connection due to transaction timeout")
        return begin(self, database, options)

    session = doing(server, given(roles), "CREATE TABLE his (a integer)")
    monkeypatch.setattr(Server, "_begun", begun)
    assert roles.take(ORDER) == Taken()
    assert not is_there(server) and not is_open(session)


@pytest.mark.usefixtures("owning")
def test_settings_that_make_questions_slow_delay_nothing(
    server: Postgres, roles: PostgresRoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-40. The server then compiles each question of jitd, for up to eight seconds instead of a tenth."""
    monkeypatch.setitem(postgres_server._OPTIONS, "statement_timeout", "2s")
    settings = [f"ALTER DATABASE shop SET {setting}" for setting in SLOW]
    doing(server, given(roles), "SET ROLE reporting_ro", *settings).close()
    answer = roles.take(ORDER)
    server.do("ALTER DATABASE shop RESET ALL", "postgres")
    assert isinstance(answer, Taken) and "settings of the database" in answer.left


@pytest.mark.usefixtures("owning", "quick")
def test_a_database_that_the_holder_closes_is_told_and_ends_no_later_than_the_others(
    server: Postgres, roles: PostgresRoles
) -> None:
    """THREATS Q-40."""
    words = given(roles)
    session = doing(server, words, "CREATE TABLE his (a integer)", "SET ROLE reporting_ro")
    elsewhere = {**words, "dbname": "other"}
    doing(server, elsewhere, "SET ROLE reporting_ro", "ALTER DATABASE shop ALLOW_CONNECTIONS false")
    answer = roles.take(ORDER)
    assert isinstance(answer, Failed) and "not currently accepting connections" in answer.why
    assert not has_rights(server) and not can_log_in(server, elsewhere) and not is_open(session)
    server.do("ALTER DATABASE shop ALLOW_CONNECTIONS true", "postgres")
    taken_again(roles)
    assert not is_there(server)


@pytest.mark.usefixtures("owning")
def test_a_closed_database_in_which_the_role_has_nothing_is_told_as_not_searched(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-40."""
    doing(server, {**given(roles), "dbname": "other"}, "SET ROLE reporting_ro", "ALTER DATABASE shop ALLOW_CONNECTIONS false")
    assert roles.take(ORDER) == Taken("not searched, because they accept no connection: the databases shop")


def test_a_connection_limit_of_a_database_keeps_jitd_out_of_nothing(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-40."""
    words = given(roles)

    def session() -> Held | None:
        with suppress(psycopg.OperationalError):  # the server may still count a session that was closed
            return doing(server, words, "CREATE TABLE his (a integer)")
        return None

    server.do("ALTER DATABASE shop CONNECTION LIMIT 1")
    try:
        his = wait_for(session, what="the only session that others may have")
        taken = roles.take(ORDER)
    finally:
        server.do("ALTER DATABASE shop CONNECTION LIMIT -1")
    assert taken == Taken() and not is_open(his)


def test_no_event_trigger_runs_as_the_superuser_that_jitd_is(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-40. An administrator has made the trigger, and its function belongs to the given role."""
    server.do("CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$")
    server.do("CREATE EVENT TRIGGER watching ON ddl_command_start EXECUTE FUNCTION ddl()")
    server.do("ALTER FUNCTION ddl() OWNER TO reporting_ro")
    evil = "BEGIN IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN ALTER ROLE alice SUPERUSER; END IF; END"
    try:
        doing(
            server, given(roles), "CREATE TABLE his (a integer)", "SET ROLE reporting_ro",
            f"CREATE OR REPLACE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ {evil} $$",
        ).close()  # fmt: skip
        taken = roles.take(ORDER)
        assert server.ask("SELECT rolsuper FROM pg_roles WHERE rolname = 'alice'") == [(False,)]
        assert isinstance(taken, Taken) and "function public.ddl()" in taken.left
    finally:
        with server.connect() as administrator:
            for statement in ("SET session_replication_role = replica", "DROP EVENT TRIGGER watching", "DROP FUNCTION ddl()"):
                administrator.execute(statement.encode())


@pytest.mark.parametrize("planted", [
    "CREATE FUNCTION {schema}.age(xid) RETURNS integer LANGUAGE sql AS 'SELECT 1/0'",
    "CREATE FUNCTION {schema}.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT (1/0)::text'",
    "CREATE FUNCTION {schema}.same(oid, oid) RETURNS boolean LANGUAGE sql AS 'SELECT 1/0 = 1';"
    " CREATE OPERATOR {schema}.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = {schema}.same)",
    "CREATE VIEW {schema}.pg_roles AS SELECT 1/0 AS oid",
])  # fmt: skip
def test_names_that_the_holder_plants_are_not_used_by_jitd(server: Postgres, roles: PostgresRoles, planted: str) -> None:
    """THREATS Q-40."""
    session = server.as_person(given(roles))
    for statement in planted.format(schema="public").split(";"):
        session.execute(statement.encode())
    assert roles.take(ORDER) == Taken()


# --- what the holder owns ------------------------------------------------------------------------------------------------


def make_many(session: Held, n: int, statement: str) -> None:
    """Make ``n`` things by ``statement``, in which ``%`` is a number, 125 in each transaction: the server's locks are few."""
    for first in range(0, n, 125):
        loop = f"FOR i IN {first + 1}..{min(first + 125, n)} LOOP EXECUTE replace('{statement}', '%', i::text); END LOOP"
        session.execute(f"DO $$ BEGIN {loop}; END $$".encode())


@pytest.mark.parametrize(("n", "statement"), [
    (3_000, "CREATE TABLE t%()"),
    (1_250, "CREATE FUNCTION f%() RETURNS integer LANGUAGE sql AS ''SELECT 1''"),
    (1_250, "SELECT lo_create(%)"),
])  # fmt: skip
def test_more_things_than_the_server_has_locks_are_dropped(
    server: Postgres, roles: PostgresRoles, n: int, statement: str
) -> None:
    """THREATS Q-41."""
    with server.as_person(given(roles)) as session:
        make_many(session, n, statement)
    assert take_all(server, roles) == Taken()


def take_all(server: Postgres, roles: PostgresRoles) -> Taken | Failed:
    """Take the role as jitd does, which asks again while objects remain that could not be removed in time."""
    while isinstance(answer := roles.take(ORDER), Failed) and "in time" in answer.why:
        assert not has_rights(server)
    return answer


N_OWNED = 3_000
COUNT_OWNED = f"SELECT count(*) FROM pg_class WHERE relowner = '{ROLE}'::regrole"


def test_login_memberships_and_sessions_end_before_any_of_thousands_of_objects(
    server: Postgres, roles: PostgresRoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-30. An administrator holds up the first object that is removed, so everything before it can be seen."""
    monkeypatch.setitem(postgres_server._OPTIONS, "lock_timeout", "0")
    monkeypatch.setitem(postgres_server._OPTIONS, "statement_timeout", "0")
    words = given(roles)
    session = server.as_person(words)
    make_many(session, N_OWNED, "CREATE TABLE t%()")
    with server.connect() as administrator:
        administrator.execute("BEGIN")
        administrator.execute(f"LOCK TABLE t{N_OWNED} IN ACCESS SHARE MODE")
        taking = os.fork()  # and no thread, because jitd becomes the account postgres for a moment
        if taking == 0:
            answer = take_all(server, roles)
            os.write(2, f"{answer}\n".encode())
            os._exit(answer != Taken())
        waits = f"SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 't{N_OWNED}'::regclass"
        wait_for(lambda: server.ask(waits), what="the removal of the first object")
        assert not has_rights(server) and not is_open(session) and not can_log_in(server, words)
        assert server.ask(COUNT_OWNED) == [(N_OWNED,)]
    _, status = os.waitpid(taking, 0)
    assert status == 0 and not is_there(server)


def test_who_asks_while_objects_remain_is_told_that_login_and_sessions_have_ended(
    server: Postgres, roles: PostgresRoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS Q-30. The honest twin: if a session has not ended, nobody is told that sessions have."""
    words = given(roles)
    session = doing(server, words, "CREATE TABLE his (a integer)")
    with monkeypatch.context() as hurried:
        hurried.setattr(postgres_taking, "SECONDS_TO_TAKE", 0.0)
        answer = roles.take(ORDER)
        assert isinstance(answer, Failed)
        assert answer.why.startswith(f"{ROLE}: login, memberships and sessions have ended; objects remain: "), answer
        assert not has_rights(server) and not is_open(session) and not can_log_in(server, words)
        assert server.ask(COUNT_OWNED) == [(1,)]
        hurried.setattr(postgres_taking, "_end_sessions", raising_still_there)
        answer = roles.take(ORDER)
        assert isinstance(answer, Failed) and "have ended" not in answer.why and "does not end" in answer.why
    assert roles.take(ORDER) == Taken()


def raising_still_there(_: object, oid: int) -> None:
    raise postgres_taking.StillThere("a session does not end")


def test_more_tables_than_locks_on_which_others_depend_get_the_owner_without_rights(
    server: Postgres, roles: PostgresRoles
) -> None:
    """THREATS Q-41."""
    with server.as_person(given(roles)) as session:
        make_many(session, 1_250, "CREATE TABLE t%()")
        make_many(session, 1_250, "GRANT SELECT ON t% TO reporting_ro")
        session.execute("SET ROLE reporting_ro")
        make_many(session, 1_250, "CREATE VIEW v% AS TABLE t%")
    while isinstance(answer := roles.take(ORDER), Failed) and "in time" in answer.why:
        assert not has_rights(server)
    assert isinstance(answer, Taken) and f"the role {ROLE}_left now owns" in answer.left
    assert not is_there(server)
    for kind, name in (("VIEW", "v"), ("TABLE", "t")):
        make_many(server.connect(), 1_250, f"DROP {kind} {name}%")
    server.do(f"DROP OWNED BY {ROLE}_left; DROP ROLE {ROLE}_left")


@pytest.mark.usefixtures("quick")
def test_a_table_that_somebody_else_locks_keeps_no_other_from_being_dropped(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-41."""
    words = given(roles)
    doing(server, words, *(f"CREATE TABLE {name} (a integer)" for name in "abc"), "GRANT ALL ON b TO alice").close()
    doing(server, {**words, "dbname": "other"}, "SELECT lo_create(7)").close()
    with server.as_person({**words, "user": "alice", "password": "of-alice"}) as hers:
        hers.execute("BEGIN")
        hers.execute("TABLE b")
        answer = roles.take(ORDER)
        assert isinstance(answer, Failed) and "lock timeout" in answer.why
        assert server.ask("SELECT relname FROM pg_class WHERE relname IN ('a', 'b', 'c')") == [("b",)]
        assert server.ask("SELECT oid FROM pg_largeobject_metadata", "other") == []
    assert taken_again(roles) == Taken()


# --- what was done in the name of the given roles ------------------------------------------------------------------------

DONE = {
    "CREATE FUNCTION f() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'": "SECURITY DEFINER function public.f()",
    "CREATE TABLE t (a integer)": "table public.t",
    "CREATE TABLE t (a integer DEFAULT 1)": "default value for column a of table public.t",
    "CREATE TABLE t (a integer CHECK (a > 1))": "constraint t_a_check on table public.t",
    "CREATE INDEX i ON orders (lower(customer))": "index public.i",
    "CREATE RULE r AS ON INSERT TO orders DO INSTEAD NOTHING": "rule r on table public.orders",
    "CREATE POLICY p ON orders": "policy p on table public.orders",
    "GRANT SELECT (customer) ON orders TO alice": "privileges on column customer of public.orders",
    "GRANT SELECT ON orders TO alice": "table public.orders",
    "ALTER TABLE orders DISABLE ROW LEVEL SECURITY": "table public.orders",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO alice": "default privileges on new relations belonging to role reporting_ro",
    "SELECT lo_create(4711)": "large object 4711",
    "CREATE SCHEMA s": "schema s",
    "CREATE DOMAIN d AS integer CHECK (VALUE > 1)": "constraint d_check",
    "CREATE SERVER far FOREIGN DATA WRAPPER wrapper": "server far",
    "CREATE USER MAPPING FOR reporting_ro SERVER near": "user mapping for reporting_ro on server near",
    "CREATE USER MAPPING FOR alice SERVER near": "user mapping for alice on server near",
    "CREATE PUBLICATION p": "publication p",
    "ALTER PUBLICATION standing ADD TABLE orders": "publication of table public.orders in publication standing",
    "ALTER ROLE CURRENT_USER PASSWORD 'for-later'": "postgres: role reporting_ro",
    "ALTER ROLE CURRENT_USER SET search_path = his": "postgres: settings of the role reporting_ro",
    "CREATE COLLATION c FROM \"C\"": "collation public.c",
    "CREATE STATISTICS s ON number, customer FROM orders": "statistics object public.s",
    "CREATE TABLE \"a; 'x'\" (a integer)": 'table public."a; \\x27x\\x27"',
}  # fmt: skip


OTHERS_DONE = full("every day, every second of these statements is listed")


@pytest.mark.parametrize("statement", by_day(DONE, list(DONE)[::2], OTHERS_DONE))
def test_what_was_done_in_the_name_of_the_given_role_is_listed(server: Postgres, roles: PostgresRoles, statement: str) -> None:
    """THREATS Q-42. Also what was hidden by a VACUUM, which the owner of a database may do."""
    for prepared in (
        "ALTER TABLE orders OWNER TO reporting_ro", "ALTER DATABASE shop OWNER TO reporting_ro",
        "CREATE FOREIGN DATA WRAPPER wrapper", "GRANT USAGE ON FOREIGN DATA WRAPPER wrapper TO reporting_ro",
        "CREATE SERVER near FOREIGN DATA WRAPPER wrapper", "ALTER SERVER near OWNER TO reporting_ro",
        "CREATE PUBLICATION standing", "ALTER PUBLICATION standing OWNER TO reporting_ro",
    ):  # fmt: skip
        server.do(prepared)
    try:
        session = doing(server, given(roles), "SET ROLE reporting_ro", statement, "VACUUM (FULL, FREEZE)")
        session.close()
        taken = roles.take(ORDER)
    finally:
        server.do("ALTER TABLE orders OWNER TO postgres; ALTER DATABASE shop OWNER TO postgres")
        server.do("DROP OWNED BY reporting_ro CASCADE; DROP INDEX IF EXISTS i; DROP POLICY IF EXISTS p ON orders")
        server.do("DROP RULE IF EXISTS r ON orders; REVOKE ALL ON orders FROM alice; REVOKE ALL (customer) ON orders FROM alice")
        server.do("DROP FOREIGN DATA WRAPPER wrapper CASCADE; GRANT SELECT ON orders TO reporting_ro")
        server.do("DROP STATISTICS IF EXISTS s; ALTER ROLE reporting_ro PASSWORD NULL; ALTER ROLE reporting_ro RESET ALL")
    assert isinstance(taken, Taken) and DONE[statement] in taken.left, taken


# --- whatever comes into their mind --------------------------------------------------------------------------------------

SEEDS = range(12)
THOUGHTS = (
    "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT s", "ROLLBACK TO s", "SET ROLE reporting_ro", "RESET ROLE",
    "PREPARE TRANSACTION 'p{n}'", "COMMIT PREPARED 'p{n}'", PASSWORD, "ALTER ROLE CURRENT_USER SET work_mem = '{n}MB'",
    "ALTER ROLE CURRENT_USER IN DATABASE shop SET search_path = his", "CREATE SCHEMA his{n}", "CREATE TABLE his{n}.t (a serial)",
    "CREATE TABLE t{n} (a integer PRIMARY KEY)", "CREATE TABLE u{n} (a integer REFERENCES t{n}, b e{n})",
    "ALTER TABLE t{n} ADD FOREIGN KEY (a) REFERENCES t{n} DEFERRABLE", "LOCK TABLE t{n}", "GRANT ALL ON t{n} TO PUBLIC",
    "CREATE VIEW v{n} AS TABLE t{n}", "CREATE MATERIALIZED VIEW m{n} AS TABLE t{n}", "CREATE TYPE e{n} AS ENUM ('a')",
    "CREATE FUNCTION f{n}() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*)::integer FROM public.orders'",
    "CREATE FUNCTION tr{n}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'caught'; END $$",
    "CREATE TRIGGER tr{n} BEFORE INSERT ON orders EXECUTE FUNCTION tr{n}()", "CREATE INDEX ON t{n} ((f{n}()))",
    "ALTER TABLE t{n} ALTER a SET DEFAULT f{n}()", "CREATE DOMAIN d{n} AS integer CHECK (VALUE > 0)",
    "CREATE OPERATOR ==={n}= (LEFTARG = e{n}, RIGHTARG = e{n}, FUNCTION = pg_catalog.enum_eq)", "CREATE TEMP TABLE x{n} ()",
    "CREATE CAST (e{n} AS integer) WITH FUNCTION f{n}()", "CREATE AGGREGATE a{n} (integer) (SFUNC = int4pl, STYPE = integer)",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA his{n} GRANT ALL ON TABLES TO alice",
    "SELECT lo_create({n}00)", "SELECT pg_advisory_lock({n})", "LISTEN his", "CREATE PUBLICATION his{n} FOR TABLE t{n}",
    "DECLARE c{n} CURSOR WITH HOLD FOR TABLE orders", "CREATE COLLATION c{n} FROM \"C\"",
    "CREATE STATISTICS s{n} ON a, b FROM u{n}",
    "ALTER TABLE t{n} OWNER TO reporting_ro", "REASSIGN OWNED BY CURRENT_USER TO reporting_ro", "DROP OWNED BY CURRENT_USER",
    "CREATE POLICY p{n} ON t{n} USING (f{n}() > 0)", "CREATE RULE r{n} AS ON INSERT TO t{n} DO ALSO SELECT f{n}()",
    "LOCK TABLE pg_auth_members IN ACCESS SHARE MODE", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "CREATE TABLE part{n} (a integer) PARTITION BY RANGE (a)", "CREATE TABLE p{n} PARTITION OF part{n} DEFAULT",
)  # fmt: skip


OTHER_SEEDS = full("every day, holders say what four seeds draw")


@pytest.mark.parametrize("seed", by_day(SEEDS, list(SEEDS)[:4], OTHER_SEEDS))
def test_whatever_a_holder_says_to_the_server_the_role_goes(server: Postgres, roles: PostgresRoles, seed: int) -> None:
    """THREATS Q-39. In some sessions at once, with what the given role may do, and with a table of others that may be used."""
    play(server, roles, seed)


def play(server: Postgres, roles: PostgresRoles, seed: int) -> None:
    """Play the holder of ``seed``. ``python -c`` may call this with more seeds than there are in SEEDS."""
    chance = random.Random(seed)
    server.do("GRANT TRIGGER ON orders TO reporting_ro; GRANT CREATE ON DATABASE shop TO PUBLIC")
    words = given(roles)
    sessions = [server.as_person(words) for _ in range(3)]
    for session in sessions:
        session.execute("SET lock_timeout = '20ms'")
    for _ in range(chance.randrange(60)):
        statement = chance.choice(THOUGHTS).replace("{n}", str(chance.randrange(3)))
        with suppress(psycopg.Error):
            chance.choice(sessions).execute(statement.encode())
    answer = roles.take(ORDER)
    assert isinstance(answer, Taken), f"seed {seed}: {answer}"
    assert not any(map(is_open, sessions)) and not is_there(server), seed
    for (gid,) in server.ask("SELECT gid FROM pg_prepared_xacts"):  # in the name of the given role, and listed
        assert f"prepared transaction '{gid}'" in answer.left or " more" in answer.left, seed
        server.do(f"ROLLBACK PREPARED '{gid}'")
    server.do(f"""
        DROP OWNED BY reporting_ro CASCADE; REVOKE CREATE ON DATABASE shop FROM PUBLIC; GRANT SELECT ON orders TO reporting_ro;
        DO $$ BEGIN DROP OWNED BY {ROLE}_left CASCADE; EXCEPTION WHEN undefined_object THEN END $$;
        DROP ROLE IF EXISTS {ROLE}_left
    """)
    server.do("INSERT INTO orders VALUES (3, 'Edsger'); DELETE FROM orders WHERE number = 3")


# --- names that are bytes ------------------------------------------------------------------------------------------------

ANDRE = b"andr\xe9"  # what LATIN1 writes of a name, and UTF-8 cannot read
OF_ANDRE = "rolname > 'andr' AND rolname < 'ands'"


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def odd(request: pytest.FixtureRequest, server: Postgres) -> Iterator[str]:
    """Return the name of a database with another encoding than the others."""
    made = f"CREATE DATABASE odd ENCODING '{request.param}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    server.do(made, "postgres")
    yield "odd"
    server.do("DROP DATABASE odd WITH (FORCE)", "postgres")


def do_bytes(server: Postgres, statement: bytes, database: str) -> None:
    with server.connect(database) as session:
        session.execute("SET client_encoding = SQL_ASCII")
        session.execute(statement)


def by_oid(server: Postgres, statement: str, which: str) -> None:
    """Do ``statement`` to each role for which ``which`` holds, whatever the name is."""
    server.do(
        f"DO $$ DECLARE one oid; BEGIN FOR one IN SELECT oid FROM pg_roles WHERE {which} LOOP"
        f" EXECUTE (SELECT format('{statement}', rolname) FROM pg_roles WHERE oid = one); END LOOP; END $$",
        "postgres",
    )


@pytest.fixture
def andre(server: Postgres, odd: str) -> Iterator[None]:
    """A role that somebody has named in that database."""
    do_bytes(server, b'CREATE ROLE "' + ANDRE + b'"', odd)
    do_bytes(server, b'COMMENT ON ROLE "' + ANDRE + b"\" IS 'jitd made this role for \xe9'", odd)
    yield
    by_oid(server, "DROP ROLE %I", OF_ANDRE)


@pytest.mark.usefixtures("andre")
def test_a_role_whose_name_is_not_utf_8_keeps_nobody_elses_from_being_given_and_taken(
    server: Postgres, roles: PostgresRoles
) -> None:
    """THREATS Q-39. All databases of a server share the names of roles, and each writes them in its own encoding."""
    words = given(roles)
    session = doing(server, words)
    assert roles.look(ORDER).state.name == "STANDS"  # type: ignore[union-attr]
    assert roles.take(ORDER) == Taken()
    assert not is_open(session) and not is_there(server) and not can_log_in(server, words)


@pytest.mark.usefixtures("andre")
def test_memberships_of_a_role_whose_name_is_not_utf_8_are_seen_and_end(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39."""
    given(roles)
    by_oid(server, f"GRANT %I TO {ROLE}", OF_ANDRE)
    told = "is also a member of 'andr\\xe9', which jitd did not give it"
    assert roles.look(ORDER) == Seen(State.CHANGED, f"the role {ROLE} {told}")
    assert not isinstance(roles.mend(ORDER), Failed | Refused)
    assert roles.look(ORDER) == Seen(State.STANDS)
    by_oid(server, f"GRANT {ROLE} TO %I", OF_ANDRE)
    assert roles.look(ORDER) == Seen(State.CHANGED, f"the role {ROLE} was granted to 'andr\\xe9'")
    assert roles.take(ORDER) == Taken()
    assert not is_there(server)


def test_a_role_that_is_renamed_to_bytes_is_ended_by_its_number(server: Postgres, roles: PostgresRoles, odd: str) -> None:
    """THREATS Q-39."""
    session = doing(server, given(roles), "CREATE TABLE his (a integer)")
    do_bytes(server, f'ALTER ROLE {ROLE} RENAME TO "'.encode() + ANDRE + b'"', odd)
    assert roles.look(ORDER) == Seen(State.CHANGED, f"the role {ROLE} is called 'andr\\xe9' now")
    assert roles.take(ORDER) == Taken()
    assert not is_open(session) and not server.ask(f"SELECT 1 FROM pg_roles WHERE {OF_ANDRE}")


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("name", [b"caf\xe9", "café".encode(), b"a \"b' \\c"], ids=["not UTF-8", "UTF-8", "quotes"])
def test_what_the_role_owns_in_a_database_goes_whatever_the_database_is_called(
    server: Postgres, roles: PostgresRoles, odd: str, name: bytes
) -> None:
    """THREATS Q-39. jitd connects to each database by the bytes of its name."""
    do_bytes(server, b'CREATE DATABASE "' + name.replace(b'"', b'""') + b'" TEMPLATE ' + odd.encode(), "odd")
    try:
        given(roles)
        do_bytes(server, b'ALTER DATABASE "' + name.replace(b'"', b'""') + f'" OWNER TO {ROLE}'.encode(), "odd")
        said = roles.take(ORDER)
        assert isinstance(said, Taken) and "not searched" not in said.left, said
        assert not is_there(server)
    finally:
        do_bytes(server, b'DROP DATABASE "' + name.replace(b'"', b'""') + b'"', "odd")
        server.do(f"DROP ROLE IF EXISTS {ROLE}_left")


def test_a_prepared_transaction_whose_name_is_not_utf_8_is_rolled_back(server: Postgres, roles: PostgresRoles, odd: str) -> None:
    """THREATS Q-39. Its name is in the list of all databases."""
    words = {**given(roles), "dbname": odd}
    with server.as_person(words) as session:
        session.execute("SET client_encoding = SQL_ASCII")
        for statement in (b"BEGIN", b"ALTER ROLE CURRENT_USER PASSWORD 'x'", b"PREPARE TRANSACTION 'caf\xe9'"):
            session.execute(statement)
    assert roles.take(ORDER) == Taken()
    assert not is_there(server) and not server.ask("SELECT 1 FROM pg_prepared_xacts")


@pytest.mark.parametrize("cluster", ["", "prod", "prod: eu", "a b:"])
@pytest.mark.parametrize("database", ["shop", "a: b"])
def test_a_login_that_is_held_up_is_ended_whatever_the_cluster_and_the_database_are_called(
    server: Postgres, roles: PostgresRoles, cluster: str, database: str
) -> None:
    """THREATS Q-39. The title of a server process is "postgres: CLUSTER: ROLE DATABASE HOST", and only the role is jitd's."""
    if database != "shop":
        server.do(f'CREATE DATABASE "{database}"', "postgres")
    server.do(f"ALTER SYSTEM SET cluster_name = '{cluster}'", "postgres")
    server.restart()
    found: list[object] = []
    words = {**given(roles), "dbname": database, "host": "127.0.0.1", "port": str(server.port), "passfile": "/dev/null/none"}

    def begin() -> None:
        try:
            with psycopg.connect(**words, options="-c role=reporting_ro -c post_auth_delay=5") as session:  # type: ignore[arg-type]
                found.append(session.execute("SELECT current_user").fetchall())
        except psycopg.Error:
            found.append(None)

    holder = threading.Thread(target=begin)
    holder.start()
    try:
        wait_for(lambda: is_starting(server, ROLE), what="a session that is about to begin")
        assert roles.take(ORDER) == Taken()
    finally:
        holder.join()
        server.do("ALTER SYSTEM RESET cluster_name", "postgres")
        server.restart()
        if database != "shop":
            server.do(f'DROP DATABASE "{database}"', "postgres")
    assert found == [None]


# --- comments that others have written ---------------------------------------------------------------------------------------


def marked(server: Postgres, name: str, then: str = "") -> None:
    """Somebody with CREATEROLE gives the comment of jitd's role to a role of their own."""
    (mark,) = server.ask(f"SELECT shobj_description('{ROLE}'::regrole, 'pg_authid')")[0]
    server.do(f"CREATE ROLE {name} LOGIN; COMMENT ON ROLE {name} IS $${mark}$$; {then}")


@pytest.mark.parametrize("name", ["aaa", "zzz"])
def test_the_comment_on_a_role_of_somebody_elses_keeps_nothing(server: Postgres, roles: PostgresRoles, name: str) -> None:
    """THREATS Q-39. Who can write a comment on a role can drop it, so a role that has the comment may end, too."""
    words = given(roles)
    session = doing(server, words)
    marked(server, name)
    assert roles.look(ORDER) == Seen(State.STANDS), "the role of the right name counts"
    assert isinstance(roles.mend(ORDER), Given)
    assert roles.take(ORDER) == Taken()
    assert not is_open(session) and not is_there(server) and not can_log_in(server, words)
    assert not server.ask(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'")


def test_a_renamed_role_ends_whatever_else_has_its_comment(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-39."""
    session = doing(server, given(roles))
    marked(server, "aaa", f"ALTER ROLE {ROLE} RENAME TO renamed")
    assert roles.take(ORDER) == Taken()
    assert not is_open(session) and not server.ask("SELECT 1 FROM pg_roles WHERE rolname IN ('aaa', 'renamed')")
