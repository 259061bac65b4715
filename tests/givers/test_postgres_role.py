# SPDX-License-Identifier: Apache-2.0
"""The kind ``postgres-role`` against a real PostgreSQL: what it gives, what it takes, and what hostile holders leave."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from jitd.beside.secret import fault_in
from jitd_things.givers import postgres_server
from jitd_things.givers.kind import Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitd_things.givers.passwords import password_of
from jitd_things.givers.postgres_role import PostgresRole
from jitd_things.givers.postgres_roles import PostgresRoles, role_of
from jitd_things.givers.postgres_settings import read_address
from tests.givers.postgres import Postgres, words_of
from tests.waiting import wait_for

ROLE = "jitd_wnc0_d702_1"
ORDER = Order("WNC0-D702.1", "reporting", "alice", 1000, int(time.time()) + 86400)
"""Until a day after these tests were read: on a busy host they may come an hour later."""
KILLED_LAST = 60
"""More statements than one deed has."""


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


def roles_of(
    giver: PostgresRole, password_of: Callable[[Order], str], is_known: Callable[[Order], bool] = lambda _: False
) -> PostgresRoles:
    return PostgresRoles(giver.name, read_address(giver.database), giver.member_of, giver.host, password_of, is_known)


def settings(server: Postgres) -> PostgresRole:
    return PostgresRole("reporting", database=server.uri, member_of=("reporting_ro",), host="127.0.0.1")


def given(roles: PostgresRoles, order: Order = ORDER) -> dict[str, str]:
    """Give the role; return the words of its service file."""
    answer = roles.give(order)
    assert isinstance(answer, Given), answer
    return secret(answer)


def secret(answer: Given) -> dict[str, str]:
    assert answer.secret is not None
    with open(answer.secret, "rb") as file:
        assert fault_in(file.fileno()) == ""
        return words_of(file.read(), "reporting")


def can_log_in(server: Postgres, words: dict[str, str]) -> bool:
    try:
        server.as_person(words).close()
    except psycopg.OperationalError:
        return False
    return True


def is_open(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


# --- given, used, taken ------------------------------------------------------------------------------------------------


def test_the_holder_may_do_what_the_roles_may_and_nothing_when_it_is_taken(server: Postgres, roles: PostgresRoles) -> None:
    words = given(roles)
    assert words["user"] == ROLE and words["host"] == "127.0.0.1" and words["dbname"] == "shop"
    with server.as_person(words) as session:
        assert session.execute("SELECT customer FROM orders ORDER BY number").fetchall() == [("Ada",), ("Grace",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("DELETE FROM orders")
        assert roles.look(ORDER) == Seen(State.STANDS)
        assert roles.take(ORDER) == Taken()
        assert not is_open(session)
    assert not can_log_in(server, words)
    look = roles.look(ORDER)
    assert isinstance(look, Seen) and look.state is State.GONE
    assert roles.take(ORDER) == Taken()


def test_psql_of_somebody_else_reads_the_secret_as_a_service_file(server: Postgres, roles: PostgresRoles) -> None:
    """The password is on no command line and in no environment."""
    answer = roles.give(ORDER)
    assert isinstance(answer, Given) and answer.secret is not None and "psql service=reporting" in answer.tell
    with open(answer.secret, "rb") as file:
        said = subprocess.run(
            ["/usr/bin/psql", "-XAt", "service=reporting", "-c", "SELECT current_user"],
            env={"PGSERVICEFILE": f"/dev/fd/{file.fileno()}"},
            pass_fds=[file.fileno()], user="nobody", extra_groups=[], capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (said.stdout, said.stderr) == (f"{ROLE}\n", "")


def test_a_role_given_twice_has_the_same_password_and_taking_twice_does_no_harm(server: Postgres, roles: PostgresRoles) -> None:
    assert given(roles) == given(roles)


def test_two_holdings_on_one_thing_do_not_know_of_each_other(server: Postgres, roles: PostgresRoles) -> None:
    other = replace(ORDER, holding="WNC0-D703.12", account="bob", uid=1001)
    words, others = given(roles), given(roles, other)
    assert words["password"] != others["password"]
    assert roles.take(ORDER) == Taken()
    assert not can_log_in(server, words) and can_log_in(server, others)
    assert roles.take(other) == Taken()


def test_the_password_is_nowhere_in_the_server(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-06."""
    server.do("ALTER SYSTEM SET log_statement = 'all'", "postgres")
    server.ask("SELECT pg_reload_conf()")
    wait_for(lambda: server.ask("SHOW log_statement") == [("all",)] or None)
    password = given(roles)["password"]
    kept = server.ask("SELECT rolpassword FROM pg_authid WHERE rolname = 'jitd_wnc0_d702_1'")
    server.do("ALTER SYSTEM RESET log_statement", "postgres")
    server.ask("SELECT pg_reload_conf()")
    log = (server.home / "log").read_bytes()
    assert kept[0][0].startswith("SCRAM-SHA-256$") and ROLE.encode() in log
    assert password.encode() not in log and password not in str(kept)


def test_nobody_logs_in_after_the_end_even_if_jitd_is_down(server: Postgres, roles: PostgresRoles) -> None:
    words = given(roles, replace(ORDER, until=int(time.time()) - 1))
    assert not can_log_in(server, words)


# --- what was there before ---------------------------------------------------------------------------------------------


def test_a_role_of_the_same_name_is_neither_given_nor_changed_nor_taken(server: Postgres) -> None:
    """THREATS Q-01."""
    server.do(f"CREATE ROLE {ROLE} LOGIN")
    before = server.snapshot()
    roles = roles_of(settings(server), password_of)
    for answer in (roles.give(ORDER), roles.take(ORDER)):
        assert isinstance(answer, Refused) and "did not make" in answer.why
    assert server.snapshot() == before
    look = roles.look(ORDER)
    assert isinstance(look, Seen) and look.state is State.CHANGED
    server.do(f"DROP ROLE {ROLE}")


def test_a_role_that_somebody_renamed_is_taken_all_the_same(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-02."""
    words = given(roles)
    with server.as_person(words) as session:
        server.do(f'ALTER ROLE {ROLE} RENAME TO "funny one"')
        look = roles.look(ORDER)
        assert isinstance(look, Seen) and look.state is State.CHANGED and "funny one" in look.why
        assert roles.take(ORDER) == Taken()
        assert not is_open(session)
    assert not can_log_in(server, {**words, "user": "funny one"}) and not can_log_in(server, words)
    assert roles.take(ORDER) == Taken()


def test_a_role_that_somebody_renamed_is_mended_and_not_made_twice(server: Postgres, roles: PostgresRoles) -> None:
    words = given(roles)
    server.do(f"ALTER ROLE {ROLE} RENAME TO funny")
    assert isinstance(roles.mend(ORDER), Given)
    assert roles.look(ORDER) == Seen(State.STANDS) and can_log_in(server, words)
    assert not can_log_in(server, {**words, "user": "funny"})


def test_another_giver_does_not_take_the_role(server: Postgres, roles: PostgresRoles) -> None:
    given(roles)
    others = roles_of(replace(settings(server), name="writing"), password_of)
    assert isinstance(others.take(replace(ORDER, name="writing")), Refused)
    assert roles.look(ORDER) == Seen(State.STANDS)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("CREATE ROLE strong SUPERUSER NOLOGIN", "is a superuser"),
        ("CREATE ROLE strong CREATEROLE NOLOGIN", "can make roles"),
        ("CREATE ROLE strong CREATEDB NOLOGIN", "can make databases"),
        ("CREATE ROLE strong LOGIN", "can log in"),
        ("CREATE ROLE strong REPLICATION NOLOGIN", "replication slots"),
        ("CREATE ROLE strong NOLOGIN IN ROLE pg_execute_server_program", "account of the server"),
        ("CREATE ROLE strong NOLOGIN; GRANT app TO strong WITH ADMIN OPTION", "can grant other roles"),
        ("CREATE ROLE strong NOLOGIN; CREATE ROLE behind LOGIN; GRANT behind TO strong", "can log in"),
        ("CREATE ROLE strong NOLOGIN; GRANT ALTER SYSTEM ON PARAMETER archive_command TO strong", "settings of the server"),
        ("", "no role strong"),
    ],
)
def test_a_role_whose_members_could_outlast_its_end_is_not_given(server: Postgres, made: str, why: str) -> None:
    """THREATS Q-02."""
    if made:
        server.do(made)
    before = server.snapshot()
    answer = roles_of(replace(settings(server), member_of=("reporting_ro", "strong")), password_of).give(ORDER)
    assert isinstance(answer, Refused) and why in answer.why
    assert server.snapshot() == before
    if "PARAMETER" in made:
        server.do("REVOKE ALL ON PARAMETER archive_command FROM strong")
    server.do("DROP ROLE IF EXISTS strong, behind")


# --- differences ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("REVOKE reporting_ro FROM {role}", "no longer a member of reporting_ro"),
        ("GRANT app TO {role}", "also a member of app"),
        ("GRANT {role} TO alice", "was granted to alice"),
        ("ALTER ROLE {role} SUPERUSER", "other attributes"),
        ("ALTER ROLE {role} NOLOGIN", "other attributes"),
        ("ALTER ROLE {role} VALID UNTIL 'infinity'", "another time"),
    ],
)
def test_a_difference_is_seen_and_mended(server: Postgres, roles: PostgresRoles, change: str, why: str) -> None:
    given(roles)
    server.do(change.format(role=ROLE))
    look = roles.look(ORDER)
    assert isinstance(look, Seen) and look.state is State.CHANGED and why in look.why
    given(roles)
    assert roles.look(ORDER) == Seen(State.STANDS)


@pytest.fixture
def restarted(server: Postgres) -> PostgresRoles:
    """The kind in a jitd-givers that was started again: its passwords are others, and the holder has none of them."""
    return roles_of(settings(server), lambda order: "f" * 64)


@pytest.mark.parametrize("change", ["REVOKE reporting_ro FROM {role}", "ALTER ROLE {role} NOLOGIN", "GRANT {role} TO alice"])
def test_mending_keeps_the_password_that_the_holder_has(
    server: Postgres, roles: PostgresRoles, restarted: PostgresRoles, change: str
) -> None:
    words = given(roles)
    server.do(change.format(role=ROLE))
    assert restarted.mend(ORDER) == Given(), "and hands out no secret"
    assert restarted.look(ORDER) == Seen(State.STANDS)
    with server.as_person(words) as session:
        assert session.execute("SELECT count(*) FROM orders").fetchall() == [(2,)]


def test_a_role_that_is_gone_is_made_again_only_if_its_password_is_known(
    server: Postgres, roles: PostgresRoles, restarted: PostgresRoles
) -> None:
    words = given(roles)
    server.do(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")
    before = server.snapshot()
    answer = restarted.mend(ORDER)
    assert isinstance(answer, Refused) and "nobody but its holder knows its password" in answer.why
    assert server.snapshot() == before
    same = roles_of(settings(server), password_of, lambda order: order == ORDER)
    answer = same.mend(ORDER)
    assert isinstance(answer, Given) and secret(answer) == words
    assert can_log_in(server, words)


def test_a_password_that_somebody_took_is_not_replaced_by_one_that_nobody_has(
    server: Postgres, roles: PostgresRoles, restarted: PostgresRoles
) -> None:
    given(roles)
    server.do(f"ALTER ROLE {ROLE} PASSWORD NULL")
    before = server.snapshot()
    answer = restarted.mend(ORDER)
    assert isinstance(answer, Refused) and "removed the password" in answer.why
    assert server.snapshot() == before


def test_strays_are_the_roles_of_this_giver_that_nobody_holds(server: Postgres, roles: PostgresRoles) -> None:
    given(roles)
    server.do("CREATE ROLE jitd_abcd_efgh_1; CREATE ROLE jitd_x; COMMENT ON ROLE jitd_x IS 'mine'")
    assert roles.strays([ORDER]) == Strays()
    assert roles.strays([]) == Strays((ORDER.holding,))
    assert roles_of(replace(settings(server), name="writing"), password_of).strays([]) == Strays()
    server.do("DROP ROLE jitd_abcd_efgh_1, jitd_x")


# --- a server that is down, a process that is killed --------------------------------------------------------------------


def test_a_server_that_is_down_is_a_failure_and_it_is_taken_when_the_server_is_back(
    server: Postgres, roles: PostgresRoles
) -> None:
    words = given(roles)
    server.stop()
    try:
        for answer in (roles.give(ORDER), roles.take(ORDER), roles.look(ORDER), roles.strays([])):
            assert isinstance(answer, Failed) and "PostgreSQL" in answer.why
    finally:
        server.start()
    assert can_log_in(server, words)
    assert roles.take(ORDER) == Taken()
    assert not can_log_in(server, words)


def test_what_was_given_and_what_was_taken_outlasts_a_crash_of_the_server(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-07."""
    assert server.ask("SHOW synchronous_commit") == [("off",)]
    words = given(roles)
    server.crash()
    assert roles.look(ORDER) == Seen(State.STANDS)
    assert roles.take(ORDER) == Taken()
    server.crash()
    assert not can_log_in(server, words)


def killed_at(deed: Callable[[Order], object], statement: int) -> bool:
    """Do ``deed`` in a process that is killed when it has sent that many statements. Return False if it ended before."""
    pid = os.fork()
    if pid == 0:
        try:
            sent = [0]
            sending = psycopg.Connection.wait

            def counted(self: psycopg.Connection[Any], generator: Any, *words: Any, **more: Any) -> Any:
                sent[0] += 1
                if sent[0] >= statement:
                    next(generator)  # the bytes are on their way, and nobody waits for what the server says
                    os.kill(os.getpid(), signal.SIGKILL)
                return sending(self, generator, *words, **more)

            psycopg.Connection.wait = counted  # type: ignore[assignment, method-assign]
            deed(ORDER)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def test_killed_at_any_step_of_giving_it_is_given_again_or_taken(server: Postgres, roles: PostgresRoles) -> None:
    before, step = server.snapshot(), 1
    while killed_at(roles.give, step):
        if step % 2:
            words = given(roles)
            assert can_log_in(server, words)
        assert roles.take(ORDER) == Taken()
        assert server.snapshot() == before
        step += 1
    assert 5 < step < KILLED_LAST


def test_what_the_server_still_does_for_a_deed_that_was_killed_is_ended_before_it_is_taken(
    server: Postgres, roles: PostgresRoles
) -> None:
    with server.connect_as_jitd() as late, server.connect_as_jitd() as another:
        late.execute(f"SET application_name = 'jitd {ORDER.holding}'")
        another.execute("SET application_name = 'jitd WNC0-D703.12'")
        late.execute("BEGIN")
        late.execute(f"CREATE ROLE {ROLE} LOGIN")
        assert roles.take(ORDER) == Taken()
        assert not is_open(late) and is_open(another)
        late.close()


def test_killed_at_any_step_of_taking_it_is_taken_the_next_time(server: Postgres, roles: PostgresRoles) -> None:
    before, step, killed = server.snapshot(), 1, True
    while killed:
        words = given(roles)
        with server.as_person(words) as session:
            session.execute("CREATE TABLE mine (a integer)")
            killed = killed_at(roles.take, step)
            assert roles.take(ORDER) == Taken()
            assert not is_open(session)
        assert server.snapshot() == before
        step += 1
    assert 8 < step < KILLED_LAST


# --- hostile holders -----------------------------------------------------------------------------------------------------


def test_what_the_role_owns_in_any_database_goes_with_it(server: Postgres, roles: PostgresRoles) -> None:
    words = given(roles)
    server.do("GRANT CREATE ON SCHEMA public TO PUBLIC", "other")
    for database in ("shop", "other"):
        with server.as_person({**words, "dbname": database}) as session:
            session.execute("CREATE TABLE mine AS SELECT 1 AS a")
            session.execute("CREATE FUNCTION f() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'")
            session.execute("SELECT lo_create(0)")
            session.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC")
            session.execute("GRANT ALL ON mine TO alice")
    assert roles.take(ORDER) == Taken()
    server.do("REVOKE CREATE ON SCHEMA public FROM PUBLIC", "other")


def test_a_trigger_on_somebody_elses_table_that_runs_the_holders_function_goes_with_it(
    server: Postgres, roles: PostgresRoles
) -> None:
    """THREATS Q-03."""
    server.do("GRANT TRIGGER ON orders TO reporting_ro")
    with server.as_person(given(roles)) as session:
        session.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'caught'; END $$")
        session.execute("CREATE TRIGGER later BEFORE INSERT ON orders EXECUTE FUNCTION f()")
    with pytest.raises(psycopg.errors.RaiseException):
        server.do("INSERT INTO orders VALUES (3, 'Edsger')")
    taken = roles.take(ORDER)
    server.do("INSERT INTO orders VALUES (3, 'Edsger'); DELETE FROM orders WHERE number = 3")
    server.do("REVOKE TRIGGER ON orders FROM reporting_ro")
    assert taken == Taken()


def test_what_others_depend_on_is_kept_by_a_role_without_rights_and_is_listed(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-03."""
    words = given(roles)
    with server.as_person(words) as session:
        session.execute("CREATE TABLE mine AS SELECT 1 AS a")
        session.execute(
            "CREATE FUNCTION secrets() RETURNS bigint SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM public.orders'"
        )
        assert session.execute("SELECT secrets()").fetchall() == [(2,)]
        session.execute("GRANT SELECT ON mine TO alice")
    with server.as_person({**words, "user": "alice", "password": "of-alice"}) as hers:
        hers.execute("CREATE VIEW theirs AS SELECT a, secrets() FROM mine")
        taken = roles.take(ORDER)
        assert isinstance(taken, Taken)
        assert "jitd_wnc0_d702_1_left now owns" in taken.left and "view public.theirs depends on" in taken.left.replace(
            "view theirs", "view public.theirs"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            hers.execute("SELECT secrets()")
    kept = server.ask("SELECT rolcanlogin OR rolsuper FROM pg_roles WHERE rolname = 'jitd_wnc0_d702_1_left'")
    joined = server.ask("SELECT 1 FROM pg_auth_members WHERE member = 'jitd_wnc0_d702_1_left'::regrole")
    assert kept == [(False,)] and joined == [] and roles.strays([]) == Strays()
    server.do("DROP VIEW theirs; DROP OWNED BY jitd_wnc0_d702_1_left; DROP ROLE jitd_wnc0_d702_1_left")


def test_what_was_made_in_the_name_of_the_given_roles_is_listed(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-04."""
    server.do("SET ROLE reporting_ro; CREATE FUNCTION old() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'")
    with server.as_person(given(roles)) as session:
        session.execute("SET ROLE reporting_ro")
        session.execute("CREATE FUNCTION later() RETURNS integer SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'")
        session.execute("CREATE TABLE his (a integer)")
        session.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO alice")
    taken = roles.take(ORDER)
    server.do("DROP FUNCTION old(); DROP OWNED BY reporting_ro; GRANT SELECT ON orders TO reporting_ro")
    assert isinstance(taken, Taken)
    assert "shop: SECURITY DEFINER function public.later()" in taken.left and "table public.his" in taken.left
    assert "default privileges on new relations belonging to role reporting_ro" in taken.left and "old()" not in taken.left


def test_a_role_cannot_grant_itself_and_sessions_of_members_that_others_made_end_too(
    server: Postgres, roles: PostgresRoles
) -> None:
    """THREATS Q-05."""
    words = given(roles)
    with server.as_person(words) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute(f"GRANT {ROLE} TO alice")
    server.do(f"GRANT {ROLE} TO alice; GRANT {ROLE} TO postgres")
    with server.as_person({**words, "user": "alice", "password": "of-alice"}) as hers:
        hers.execute("SET ROLE reporting_ro")
        assert roles.take(ORDER) == Taken()
        assert not is_open(hers)


def test_a_prepared_transaction_of_the_holder_is_rolled_back(server: Postgres, roles: PostgresRoles) -> None:
    with server.as_person(given(roles)) as session:
        session.execute("BEGIN")
        session.execute("CREATE TABLE mine (a integer)")
        session.execute("PREPARE TRANSACTION 'it''s mine'")
    assert roles.take(ORDER) == Taken()


def test_a_holder_who_locks_what_is_his_does_not_delay_the_end(server: Postgres, roles: PostgresRoles) -> None:
    session = server.as_person(given(roles))
    session.execute("CREATE TABLE mine (a integer)")
    session.execute("BEGIN")
    session.execute("LOCK TABLE mine")
    assert roles.take(ORDER) == Taken()
    session.close()


def test_another_session_that_holds_a_lock_delays_what_is_left_and_not_the_end_itself(
    server: Postgres, roles: PostgresRoles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres_server._OPTIONS, "lock_timeout", "100ms")
    words = given(roles)
    with server.as_person(words) as session:
        session.execute("CREATE TABLE mine (a integer)")
        session.execute("GRANT ALL ON mine TO alice")
    with server.as_person({**words, "user": "alice", "password": "of-alice"}) as hers:
        hers.execute("BEGIN")
        hers.execute("SELECT * FROM mine")
        answer = roles.take(ORDER)
        assert isinstance(answer, Failed) and "lock timeout" in answer.why
        assert not can_log_in(server, words)
        assert server.ask("SELECT 1 FROM pg_auth_members WHERE member = 'jitd_wnc0_d702_1'::regrole") == []
    assert roles.take(ORDER) == Taken()


def test_a_database_with_a_name_that_could_be_read_as_an_address_is_only_a_name(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-08."""
    server.do("CREATE DATABASE \"host=192.0.2.9 user='x' postgresql://192.0.2.9/\"")
    given(roles)
    try:
        assert roles.take(ORDER) == Taken()
    finally:
        server.do("DROP DATABASE \"host=192.0.2.9 user='x' postgresql://192.0.2.9/\"")


def test_the_owner_of_a_database_cannot_turn_the_end_aside_by_its_settings(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-08."""
    server.do("CREATE SCHEMA evil; CREATE FUNCTION evil.age(xid) RETURNS integer LANGUAGE sql AS 'SELECT 1/0'")
    server.do(
        "ALTER DATABASE shop SET search_path = evil, pg_catalog; ALTER DATABASE shop SET default_transaction_read_only = on;"
        " ALTER DATABASE shop SET statement_timeout = 1"
    )
    try:
        given(roles)
        assert roles.take(ORDER) == Taken()
    finally:
        server.do("SET statement_timeout = 0; SET default_transaction_read_only = off; ALTER DATABASE shop RESET ALL", "postgres")
        server.do("DROP SCHEMA evil CASCADE")


# --- the socket ----------------------------------------------------------------------------------------------------------


def test_a_socket_where_others_can_write_is_not_connected_to(server: Postgres, roles: PostgresRoles) -> None:
    """THREATS Q-06."""
    given(roles)
    server.sockets.chmod(0o1777)
    try:
        for answer in (roles.give(ORDER), roles.take(ORDER)):
            assert isinstance(answer, Failed) and "can write to" in answer.why
    finally:
        server.sockets.chmod(0o755)
    assert roles.look(ORDER) == Seen(State.STANDS)


def test_a_role_is_called_after_its_holding_and_after_nothing_else() -> None:
    assert role_of("WNC0-D702.1") == ROLE
    with pytest.raises(ValueError, match="holding"):
        role_of('X"; DROP ROLE app; --')
