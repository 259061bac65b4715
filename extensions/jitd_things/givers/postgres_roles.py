# SPDX-License-Identifier: Apache-2.0
"""The deeds of the kind ``postgres-role`` (``postgres_role``): a role of a PostgreSQL server that exists as long as its holding.
This role is a member of the roles that the settings name.

Law: the role's name is made from the id of the holding. jitd recognizes its own roles by their comment. Who can write
it onto a role (CREATEROLE) can also drop that role, so every role that has it ends, and the one of the right name comes first.
Nobody can log in as the role before jitd sends its password to the holder, because nobody knows this password.
``postgres_taking`` takes the role back. Sources: PostgreSQL, CREATE ROLE.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from jitd.beside.secret import sealed
from jitd_things.givers.kind import HOLDING, Failed, Given, Order, Refused, Seen, State, Strays, Taken, checked_holding, named
from jitd_things.givers.postgres_remains import keeper_of, outliving
from jitd_things.givers.postgres_server import Server, Session, Unreachable, about_role, identifier, literal, told, written
from jitd_things.givers.postgres_settings import Address
from jitd_things.givers.postgres_taking import Ending, Steps, end_earlier_deeds, memberships, revoke, take_back

PREFIX = "jitd_"
OLDEST = 15_00_00  # server_version_num of the oldest that is supported (release notes of PostgreSQL 15, "ADMIN OPTION")
_MARK = "jitd made this role for {account}: holding {holding} of postgres-role:{name}, from transaction {transaction} on"
_READ_MARK = re.compile(
    r"jitd made this role for .{1,255}: holding (\S+) of postgres-role:(\S+), from transaction ([0-9]{1,20}) on", re.ASCII
)
_FLAGS = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT"


@dataclass(frozen=True, slots=True)
class _Role:
    """``mark`` is the comment of the role, which says so if jitd made it."""

    oid: int
    name: str
    mark: str

    @property
    def transaction(self) -> str:
        """The transaction that made the role, which the role's comment has if jitd made it, or ""."""
        found = _READ_MARK.fullmatch(self.mark)
        return found[3] if found else ""


class PostgresRoles:
    """Gives roles of the server at ``address`` for the giver ``name``. For the other settings see ``postgres_role.PostgresRole``.
    ``password_of`` returns the password for the thing that an order gives. Within one process, ``password_of`` returns the same
    password for the same order. ``is_known`` returns whether the holder has the password that ``password_of`` returns now.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        member_of: tuple[str, ...],
        host: str,
        password_of: Callable[[Order], str],
        is_known: Callable[[Order], bool],
    ) -> None:
        self._name = name
        self._address = address
        self._member_of = member_of
        self._host = host
        self._password_of = password_of
        self._is_known = is_known

    def give(self, order: Order) -> Given | Refused | Failed:
        """See ``Kind.give``. The secret is a service file of libpq."""
        role = role_of(order.holding)
        stands = False
        try:
            with self._server(order).session() as session:
                found = self._named_again(session, role, order.holding)
                if found is not None and not self._is_ours(found, order.holding):
                    return Refused(f"PostgreSQL has a role {role} already, and jitd did not make it: rename it, or drop it")
                stands = found is not None
                if why := self._fault(session):
                    return Failed(why) if stands else Refused(why)
                password = self._password_of(order)
                self._make(session, order, role, found, session.verifier(role, password))
        except (Unreachable, psycopg.Error) as fault:
            return Failed(told(fault))
        return Given(
            f"you have the role {role}: PGSERVICEFILE=FILE psql service={self._name}, where FILE is the file of the secret",
            sealed(self._service_file(role, password)),
        )

    def mend(self, order: Order) -> Given | Refused | Failed:
        """See ``Mending.mend``. If jitd-givers was restarted after the password was made, only the holder knows the password. In
        this case the password stays the same.
        """
        if self._is_known(order):
            return self.give(order)
        role, again = role_of(order.holding), "end the grant, and ask again"
        try:
            with self._server(order).session() as session:
                found = self._named_again(session, role, order.holding)
                if found is None:
                    return Refused(f"the role {role} is gone, and nobody but its holder knows its password: {again}")
                if not self._is_ours(found, order.holding):
                    return Refused(f"the role {role} does not have the comment by which jitd knows it: {again}")
                if why := self._fault(session):
                    return Failed(why)
                if session.row("SELECT 1 FROM pg_authid WHERE oid = %(oid)s AND rolpassword IS NULL", {"oid": found.oid}):
                    return Refused(f"somebody has removed the password of the role {role}: {again}")
                self._make(session, order, role, found, None)
        except (Unreachable, psycopg.Error) as fault:
            return Failed(told(fault))
        return Given()

    def take(self, order: Order) -> Taken | Refused | Failed:
        role = role_of(order.holding)
        with Steps(self._server(order), role) as steps:
            steps.do(end_earlier_deeds, self._known_as(order))
            found = steps.do(self._marked, role, order.holding) or []
            if not found:
                return Failed(steps.told(role)) if steps.faults else Taken()
            if not self._is_ours(found[0], order.holding):
                return Refused(f"PostgreSQL has a role {role} that jitd did not make: look at it, and drop it if nobody wants it")
            since = found[0].transaction
            left = [take_back(steps, Ending(one.oid, keeper_of(role), since, self._member_of)) for one in found]
            return Failed(steps.told(role)) if steps.faults else Taken("; ".join(dict.fromkeys(filter(None, left))))

    def look(self, order: Order) -> Seen | Failed:
        role = role_of(order.holding)
        try:
            with self._server(order).session() as session:
                found = self._made_for(session, role, order.holding)
                if found is None:
                    return Seen(State.GONE, f"the role {role} is gone")
                if not self._is_ours(found, order.holding):
                    return Seen(State.CHANGED, f"the role {role} does not have the comment by which jitd knows it")
                if found.name != role:
                    return Seen(State.CHANGED, f"the role {role} is called {named(found.name)} now")
                why = self._difference(session, role, found.oid, order.until)
                return Seen(State.CHANGED, f"the role {role} {why}") if why else Seen(State.STANDS)
        except (Unreachable, psycopg.Error) as fault:
            return Failed(told(fault))

    def strays(self, orders: Sequence[Order]) -> Strays | Failed:
        wanted = {order.holding for order in orders}
        try:
            with Server(self._address, "jitd").session() as session:
                rows = session.rows(
                    "SELECT rolname, d.description FROM pg_roles r JOIN pg_shdescription d ON d.objoid = r.oid"
                    f" WHERE d.classoid = 'pg_authid'::regclass AND {_begins('rolname', PREFIX)} ORDER BY 1"
                )
        except (Unreachable, psycopg.Error) as fault:
            return Failed(told(fault))
        found = []
        for role, mark in rows:
            ours = _READ_MARK.fullmatch(mark)
            if ours and HOLDING.fullmatch(ours[1]) and ours[2] == self._name and role_of(ours[1]) == role:
                found.append(ours[1])
        return Strays(tuple(holding for holding in found if holding not in wanted))

    # --- the role --------------------------------------------------------------------------------------------------------

    def _make(self, session: Session, order: Order, role: str, found: _Role | None, verifier: str | None) -> None:
        """In one transaction, make the role or repair it. Without ``verifier``, the password does not change."""
        name = identifier(role)
        with session.transaction():
            if found is None:
                session.do("CREATE ROLE {role} NOLOGIN", role=name)
                made = session.row("SELECT pg_current_xact_id()::text")
                mark = _MARK.format(
                    account=order.account, holding=order.holding, name=order.name, transaction=made[0] if made else 0
                )
                session.do("COMMENT ON ROLE {role} IS {mark}", role=name, mark=literal(mark))
            for membership in memberships(session, found.oid) if found else ():
                if membership.role == role or membership.role not in self._member_of:
                    revoke(session, membership)
            for other in self._member_of:
                session.do("GRANT {other} TO {role}", other=identifier(other), role=name)
            password = "" if verifier is None else f"PASSWORD {literal(verifier)}"
            session.do(
                f"ALTER ROLE {{role}} {_FLAGS} LOGIN {{password}} VALID UNTIL {{until}}",
                role=name,
                password=written(password),
                until=literal(_time(order.until)),
            )

    def _difference(self, session: Session, role: str, oid: int, until: int) -> str:
        """Say after the role's name how it has changed since jitd made it. The text is empty if it has not."""
        flags = session.row(
            "SELECT rolcanlogin AND rolinherit"
            " AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls),"
            " rolvaliduntil IS NOT DISTINCT FROM %(until)s::timestamptz FROM pg_roles WHERE oid = %(oid)s",
            {"oid": oid, "until": _time(until)},
        )
        if flags is None or not flags[0]:
            return "has other attributes than jitd gave it"
        if not flags[1]:
            return "is valid until another time than jitd has set (VALID UNTIL)"
        found = memberships(session, oid)
        joined = {one.role for one in found if one.member == role}
        if lacking := [other for other in self._member_of if other not in joined]:
            return f"is no longer a member of {', '.join(lacking)}"
        if more := joined - set(self._member_of):
            return f"is also a member of {', '.join(map(named, sorted(more)))}, which jitd did not give it"
        if others := {one.member for one in found if one.role == role}:
            return f"was granted to {', '.join(map(named, sorted(others)))}"
        return ""

    def _fault(self, session: Session) -> str:
        standing = session.row(
            "SELECT rolsuper, pg_is_in_recovery(), current_user, current_setting('server_version_num')::integer"
            " FROM pg_roles WHERE rolname = current_user"
        )
        if standing is None or not standing[0]:
            user = standing[2] if standing else "nobody"
            return f"PostgreSQL's user {named(user)} is not a superuser: name another user in database of [givers.{self._name}]"
        if standing[1]:
            return f"the server at {self._address.socket} is a standby, which makes no roles"
        if standing[3] < OLDEST:
            before = f"before PostgreSQL {OLDEST // 10000}, a role can add members to itself"
            return f"{before}, who stay members after the grant: upgrade PostgreSQL"
        wanted: dict[str, object] = {"names": list(self._member_of)}
        there = {name for (name,) in session.rows("SELECT rolname FROM pg_roles WHERE rolname = ANY(%(names)s)", wanted)}
        if lacking := [name for name in self._member_of if name not in there]:
            return f"PostgreSQL has no role {', '.join(lacking)}: create it, or change member_of"
        if why := outliving(session, self._member_of):
            return f"{why}, so a member could keep rights after the grant: name a role in member_of that only has privileges"
        return ""

    def _is_ours(self, found: _Role, holding: str) -> bool:
        mark = _READ_MARK.fullmatch(found.mark)
        return mark is not None and mark[1] == holding and mark[2] == self._name

    def _marked(self, session: Session, role: str, holding: str) -> list[_Role]:
        """Return the roles with the comment of ``holding``, whatever their present names are, because somebody may have renamed
        the one that jitd made. That with the name ``role`` comes first. If there is none, return the role with this name, which
        somebody else has made.
        """
        found = sorted((_Role(*row) for row in session.rows(_ROLES, {"role": role})), key=lambda one: one.name != role)
        return [one for one in found if self._is_ours(one, holding)] or [one for one in found if one.name == role]

    def _made_for(self, session: Session, role: str, holding: str) -> _Role | None:
        """Return the first of ``_marked``."""
        return next(iter(self._marked(session, role, holding)), None)

    def _named_again(self, session: Session, role: str, holding: str) -> _Role | None:
        """Return the role with the name ``role``. If the role of ``holding`` was renamed, it first gets this name again."""
        found = self._made_for(session, role, holding)
        if found is not None and found.name != role:
            session.do("{rename}", rename=about_role(found.oid, f"ALTER ROLE %I RENAME TO {role}"))
        return found

    def _server(self, order: Order) -> Server:
        return Server(self._address, self._known_as(order))

    def _known_as(self, order: Order) -> str:
        return f"jitd {order.holding}"

    def _service_file(self, role: str, password: str) -> bytes:
        host = self._host or self._address.directory
        words = {"host": host, "port": self._address.port, "dbname": self._address.database, "user": role, "password": password}
        return f"[{self._name}]\n{''.join(f'{key}={value}{chr(10)}' for key, value in words.items())}".encode("ascii")


def role_of(holding: str) -> str:
    """Return the role's name: letters, digits and underscores alone, so it needs no quotes in SQL."""
    return PREFIX + re.sub("[-.]", "_", checked_holding(holding)).lower()


def _time(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S+00", time.gmtime(seconds))


def _begins(column: str, words: str) -> str:
    """Return the condition that the bytes of ``column`` begin with ``words``. starts_with() fails at a byte that is not UTF-8."""
    after = f"{words[:-1]}{chr(ord(words[-1]) + 1)}"
    return f"{column} COLLATE \"C\" >= '{words}' AND {column} COLLATE \"C\" < '{after}'"


_ROLES = (
    "SELECT oid, rolname, coalesce(mark, '') FROM pg_roles, shobj_description(oid, 'pg_authid') mark"
    f" WHERE rolname = %(role)s OR {_begins('mark', _MARK.partition('{')[0])} ORDER BY rolname"
)
