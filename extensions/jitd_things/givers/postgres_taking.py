# SPDX-License-Identifier: Apache-2.0
"""Takes a role of PostgreSQL back, in steps.

Law: the memberships of the role are revoked by statements that wait for nothing that a session or a prepared transaction of the
holder can lock, because a member cannot lock a membership. If the server has no connection or no memory for locks left, jitd
first ends the processes of the role without the server's help (``postgres_processes``). Then the role loses its login. The holder
can lock the row of the role (``ALTER ROLE CURRENT_USER PASSWORD ...`` in an open transaction). Therefore one message to the
server ends the sessions of the role and removes the login, so jitd's statement queues for the row before the holder can log in
again. Then comes what the role owns (``postgres_remains``). The role itself is dropped last, and only if nothing else failed,
because jitd knows by the role and its comment that something is still to be done. Sessions and transactions of others are not
ended. jitd reports that it waits for them. Sources: PostgreSQL, REVOKE, ALTER ROLE, "Explicit Locking", PREPARE TRANSACTION.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import psycopg

from jitd_things.givers import postgres_processes
from jitd_things.givers.kind import named
from jitd_things.givers.postgres_processes import NotFound
from jitd_things.givers.postgres_remains import Remains, databases, has_things_in, prepared, reachable
from jitd_things.givers.postgres_server import Server, Session, Unreachable, about_role, executed, literal, told

SECONDS_TO_TAKE = 18.0  # seconds of one try to take a role back. The next one continues
SECONDS_TO_END = 4.0  # seconds within which the sessions of a role have to end
LOOK_AGAIN = 0.05  # seconds between two checks that look for remaining sessions
MOST_FAULTS = 3  # failed steps that the answer names
_DEAF = "a session cannot be ended (server process {}): check what it is doing"

_P = ParamSpec("_P")
_T = TypeVar("_T")


class StillThere(Exception):
    """Something did not end in time. The text is a sentence."""


class Steps:
    """Does steps on ``server``, and remembers the failed steps in ``faults``. If a step has lost the session, the next step opens
    another one. ``roles`` are the names by which the holder may have logged in. ``not_searched`` is a sentence about processes
    that could not be looked for, or empty. ``have_ended`` is True when login, memberships and sessions have ended.
    """

    def __init__(self, server: Server, *roles: str) -> None:
        self.server = server
        self.until = time.monotonic() + SECONDS_TO_TAKE
        self.faults: list[str] = []
        self.not_searched = ""
        self.have_ended = False
        self._roles = roles
        self._open = ExitStack()
        self._session: Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()

    def do(self, step: Callable[Concatenate[Session, _P], _T], *values: _P.args, **more: _P.kwargs) -> _T | None:
        """Do ``step`` in a session of any database, and return its result. If the step fails, return None. If the server has no
        room for it, and the holder has server processes, end these processes and try again.
        """
        while True:
            try:
                return step(self._opened(), *values, **more)
            except (Unreachable, psycopg.errors.OutOfMemory) as fault:
                if not self._makes_room(fault):
                    self.faults.append(told(fault))
                    return None
            except (psycopg.Error, StillThere) as fault:
                self.faults.append(told(fault))
                return None

    def end_processes(self) -> None:
        """End the server processes that have begun for the holder until now, also those that the server does not list yet."""
        try:
            for pid in postgres_processes.end(self.server.address, self._roles, SECONDS_TO_END):
                self.faults.append(_DEAF.format(pid))
        except NotFound as fault:
            self.not_searched = f"not searched: sessions that were about to begin: {fault}"
        except OSError as fault:
            self.faults.append(f"the processes of the server cannot be found: {fault.strerror or fault}")

    def _opened(self) -> Session:
        """Return the session, and open it if it is not open. Raises Unreachable."""
        if self._session is None or self._session.is_closed:
            self._session = self._open.enter_context(self.server.session_anywhere())
        return self._session

    def _makes_room(self, fault: Exception) -> bool:
        """End the holder's processes after ``fault``. Return True if it is worth while to try again."""
        if isinstance(fault, Unreachable) and self._session is not None and not self._session.is_closed:
            return False  # a database that jitd cannot enter, and not the server
        with suppress(NotFound, OSError):
            if time.monotonic() < self.until and postgres_processes.is_any(self.server.address, self._roles):
                postgres_processes.end(self.server.address, self._roles, SECONDS_TO_END)
                return True
        return False

    def told(self, role: str) -> str:
        """Return a sentence with the failed steps about ``role``."""
        different = list(dict.fromkeys(self.faults))
        more = len(different) - MOST_FAULTS
        ended = "login, memberships and sessions have ended; objects remain: " if self.have_ended else ""
        return f"{role}: {ended}{'; '.join(different[:MOST_FAULTS])}{f'; and {more} more' if more > 0 else ''}"


@dataclass(frozen=True, slots=True)
class Membership:
    """The role ``member`` is a member of the role ``role``, by the row with the numbers of both, and of who granted it."""

    role: str
    member: str
    row: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Ending:
    """The role that is taken back, by its oid. ``keeper`` is the name of the role that becomes the owner of
    things that have to stay. ``since`` is the transaction that made the role. ``member_of`` are the roles of which the settings
    made the role a member.
    """

    oid: int
    keeper: str
    since: str
    member_of: Sequence[str]


def memberships(session: Session, oid: int) -> list[Membership]:
    """Return the memberships of the role ``oid`` in other roles, and of other roles in it. Raises psycopg.Error."""
    question = (
        "SELECT r.rolname, m.rolname, a.roleid, a.member, a.grantor FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid"
        " JOIN pg_roles m ON m.oid = a.member WHERE %(oid)s IN (a.roleid, a.member) ORDER BY 1, 2, 5"
    )
    return [Membership(role, member, (*row,)) for role, member, *row in session.rows(question, {"oid": oid})]


def revoke(session: Session, membership: Membership) -> None:
    """Revoke ``membership``, also if somebody else granted it. Since PostgreSQL 16, REVOKE without a grantor only revokes what
    the superuser granted. Raises psycopg.Error.
    """
    role, member, grantor = membership.row
    revoking = (
        "SELECT format('REVOKE %I FROM %I', r.rolname, m.rolname) || coalesce(format(' GRANTED BY %I', g.rolname), '')"
        " || ' CASCADE' FROM pg_roles r JOIN pg_roles m ON m.oid = {member} LEFT JOIN pg_roles g ON g.oid = {grantor}"
        " WHERE r.oid = {role}"
    )
    session.do("{it}", it=executed(revoking.format(role=role, member=member, grantor=grantor)))


def take_back(steps: Steps, ending: Ending) -> str:
    """Take the role back. Return a sentence about what is left, see ``Remains.sentence``. The failed steps are in ``steps``."""
    for membership in steps.do(memberships, ending.oid) or ():
        if membership.row[1] == ending.oid:
            steps.do(revoke, membership)
    given = steps.do(reachable, ending.member_of) or []
    steps.do(_close, steps.server, ending, given)
    steps.end_processes()
    steps.do(_end_sessions, ending.oid)
    for gid, database in steps.do(prepared, ending.oid, given) or ():
        steps.do(_roll_back, steps.server, gid, database)
    steps.have_ended = not steps.faults and not steps.not_searched
    left = Remains(ending.oid, ending.keeper, ending.since, given)
    there = steps.do(databases, ending.oid) or []
    for number, (oid, database) in enumerate(there):
        share = (steps.until - time.monotonic()) / (len(there) - number)
        if share <= 0:
            steps.faults.append(f"{len(there) - number} databases were not looked at in time")
            break
        steps.do(_clear, steps, left, oid, database, time.monotonic() + share)
    followers = steps.do(standbys) or []
    if not steps.faults:
        steps.do(_drop, ending.oid)
        steps.do(_end_sessions, ending.oid)
    following = f"not ended: sessions of the role at standbys of this server ({', '.join(followers)})" if followers else ""
    return "; ".join(filter(None, (left.sentence(), following, steps.not_searched)))


def standbys(session: Session) -> list[str]:
    """Return the names of the standbys that follow the server, or are to follow it again. They learn the end of the role, but a
    session there that has set a given role keeps it (SET ROLE), and jitd cannot end it. Raises psycopg.Error.
    """
    question = (
        "SELECT coalesce(nullif(application_name, ''), host(client_addr), 'at the socket') FROM pg_stat_replication r"
        " WHERE state <> 'backup' AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE active_pid = r.pid"
        " AND slot_type = 'logical')"
        " UNION SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'physical' AND NOT active ORDER BY 1"
    )
    return [named(name) for (name,) in session.rows(question)]


def end_earlier_deeds(session: Session, known_as: str) -> None:
    """End the sessions of earlier deeds that were killed. The server may still be executing the last statement of such a deed,
    and that may be this one, so only sessions that are older than this session are ended.
    """
    _end(
        session,
        "application_name = %(known_as)s AND usesysid = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        " AND backend_start < (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())",
        {"known_as": known_as},
    )


_SESSIONS = (
    "usesysid IN (WITH RECURSIVE members(oid) AS (SELECT {oid}::oid UNION"
    " SELECT m.member FROM pg_auth_members m JOIN members ON m.roleid = members.oid) SELECT oid FROM members)"
    " AND usesysid NOT IN (SELECT oid FROM pg_roles WHERE rolsuper)"
)
"""The sessions of a role, and of its members, who may act as it. Superusers may act as any, and are left out."""


def _close(session: Session, server: Server, ending: Ending, given: Sequence[int]) -> None:
    """Remove the role's login. Raises psycopg.Error: whatever holds the role's row after SECONDS_TO_END is somebody else's, or a
    session that does not end.
    """
    until = time.monotonic() + SECONDS_TO_END
    while True:
        for gid, database in prepared(session, ending.oid, given):
            with suppress(Unreachable, psycopg.Error):  # take_back does this again, and tells it
                _roll_back(session, server, gid, database)
        try:
            return session.do(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_SESSIONS}; {{close}}",
                oid=literal(ending.oid),
                close=about_role(ending.oid, "ALTER ROLE %I NOLOGIN PASSWORD NULL VALID UNTIL '-infinity'"),
            )
        except psycopg.Error:
            if session.is_closed or time.monotonic() > until:
                raise


def _roll_back(_: Session, server: Server, gid: str, database: str) -> None:
    """PostgreSQL does this only in the transaction's own database. Raises Unreachable and psycopg.Error."""
    with server.session(database) as there:
        there.do("ROLLBACK PREPARED {gid}", gid=literal(gid))


def _clear(session: Session, steps: Steps, left: Remains, oid: int, database: str, until: float) -> None:
    """Remove everything that the role has in ``database``, whose number is ``oid``. Skip the database if it accepts no connection
    and has nothing of the role. Raises Unreachable and psycopg.Error.
    """
    try:
        with steps.server.session(database) as there:
            steps.faults += left.clear(there, database, until)
    except Unreachable:
        if has_things_in(session, left.oid, oid):
            raise
        left.not_seen(database)


def _drop(session: Session, oid: int) -> None:
    session.do("{drop}", drop=about_role(oid, "DROP ROLE %I"))


def _end_sessions(session: Session, oid: int) -> None:
    """Raises StillThere."""
    _end(session, _SESSIONS.format(oid="%(oid)s"), {"oid": oid})


def _end(session: Session, which: str, values: dict[str, object]) -> None:
    until = time.monotonic() + SECONDS_TO_END
    while found := session.rows(f"SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE {which}", values):
        if time.monotonic() > until:
            raise StillThere(_DEAF.format(found[0][0]))
        time.sleep(LOOK_AGAIN)
