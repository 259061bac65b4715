# SPDX-License-Identifier: Apache-2.0
"""Handles the remains of a PostgreSQL role that is taken back: its objects, its privileges, its prepared transactions, and the
triggers that run its functions.

Law: the role's objects in a database are dropped if no object of somebody else depends on them. If an object of somebody else
depends on an object of the role, a special role becomes the owner of all remaining objects of the role. This special role has no
rights and no members, and nobody can log in as this role. Nothing is dropped with CASCADE. No object is given to a role that has
rights, because a function of the holder may act with the rights of the function's owner. jitd's role was a member of the roles
that the settings name. The holder may have made objects in the name of these roles too. jitd cannot distinguish these objects
from objects that other people made in the name of these roles. Therefore jitd lists all objects of these roles that were made or
changed after jitd made its own role. Sources: PostgreSQL, DROP OWNED, REASSIGN OWNED, "Client Authentication", the system
catalogs.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from jitd.givers.postgres_server import Session

MOST_LISTED = 12
"""Maximum number of names in each list of the sentence that ``Remains.sentence`` returns. Further names are only counted."""
_KEEPER = "jitd made this role to keep what {role} owned: nobody has its rights. Drop it with what it owns when nobody needs that"

_REACHABLE = """
    WITH RECURSIVE reachable(oid) AS (
        SELECT oid FROM pg_roles WHERE rolname = ANY(%(roles)s)
        UNION SELECT m.roleid FROM pg_auth_members m JOIN reachable r ON m.member = r.oid
    )
"""

_OUTLIVING = """
    SELECT r.rolname, CASE
        WHEN r.rolsuper THEN 'is a superuser'
        WHEN r.rolcreaterole THEN 'can make roles'
        WHEN r.rolcanlogin THEN 'can log in, and its members can change its password'
        WHEN r.rolname IN ('pg_execute_server_program', 'pg_write_server_files') THEN 'can act as the account of the server'
        WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.admin_option) THEN 'can grant other roles'
    END
    FROM reachable JOIN pg_roles r USING (oid)
"""

# Each row has the name of a thing, and the transaction that made or changed it (xmin). VACUUM and ANALYZE do not change xmin.
_ACTS_LATER = """
    SELECT format('trigger %%I on %%s', t.tgname, t.tgrelid::regclass), t.xmin FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE NOT t.tgisinternal AND (c.relowner = ANY(%(roles)s::oid[]) OR p.proowner = ANY(%(roles)s::oid[]))
    UNION ALL SELECT format('event trigger %%I', e.evtname), e.xmin FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid
        WHERE e.evtowner = ANY(%(roles)s::oid[]) OR p.proowner = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('%%sfunction %%s', CASE WHEN prosecdef THEN 'SECURITY DEFINER ' ELSE '' END, oid::regprocedure), xmin
        FROM pg_proc WHERE proowner = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('rule %%I on %%s', r.rulename, r.ev_class::regclass), r.xmin FROM pg_rewrite r
        JOIN pg_class c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN' AND c.relowner = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('policy %%I on %%s', l.polname, l.polrelid::regclass), l.xmin FROM pg_policy l
        JOIN pg_class c ON c.oid = l.polrelid WHERE c.relowner = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('default privileges of %%s', defaclrole::regrole), xmin FROM pg_default_acl
        WHERE defaclrole = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('default of a column of %%s', d.adrelid::regclass), d.xmin FROM pg_attrdef d
        JOIN pg_class c ON c.oid = d.adrelid WHERE c.relowner = ANY(%(roles)s::oid[])
    UNION ALL SELECT DISTINCT ON (c.oid) format('privileges on columns of %%s', c.oid::regclass), a.xmin FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL AND c.relowner = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('%%s %%s', CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'table' END, oid::regclass), xmin FROM pg_class
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relowner = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('schema %%I', nspname), xmin FROM pg_namespace WHERE nspowner = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('database %%I', datname), xmin FROM pg_database
        WHERE datname = current_database() AND datdba = ANY(%(roles)s::oid[])
    UNION ALL SELECT format('settings of the database %%I', d.datname), s.xmin FROM pg_db_role_setting s
        JOIN pg_database d ON d.oid = s.setdatabase
        WHERE d.datname = current_database() AND d.datdba = ANY(%(roles)s::oid[])
"""


def reachable(session: Session, roles: Sequence[str]) -> list[int]:
    """Return the oids of ``roles`` and of all roles in which ``roles`` are members. Raises psycopg.Error."""
    return [oid for (oid,) in session.rows(f"{_REACHABLE} SELECT oid FROM reachable", {"roles": list(roles)})]


def outliving(session: Session, roles: Sequence[str]) -> str:
    """Return the reason why a member of ``roles`` could keep its rights after the membership has ended. Return an empty string
    if this is not possible. Raises psycopg.Error.
    """
    found = [(name, why) for name, why in session.rows(f"{_REACHABLE} {_OUTLIVING}", {"roles": list(roles)}) if why]
    return f"the role {found[0][0]} {found[0][1]}" if found else ""


def databases(session: Session) -> list[str]:
    """Return the names of all databases that accept connections. Raises psycopg.Error."""
    return [name for (name,) in session.rows("SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")]


def has_things_in(session: Session, oid: int, database: str) -> bool:
    """True if the role ``oid`` owns an object in ``database``, or was granted a privilege there. Raises psycopg.Error."""
    question = (
        "SELECT 1 FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid"
        " WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %(oid)s AND d.datname = %(database)s"
    )
    return session.row(question, {"oid": oid, "database": database}) is not None


class Remains:
    """Removes everything that the role ``role`` owns in the databases of one server, and notes all remaining objects. ``oid`` is
    the oid of the role.

    ``since`` is the transaction that made the role. ``since`` is empty if the transaction is not known. ``given`` has the oids of
    the other roles in whose name the holder could act.
    """

    def __init__(self, role: str, oid: int, since: str, given: Sequence[int]) -> None:
        self._role = role
        self._oid = oid
        self._since = since
        self._given = list(given)
        self._kept: list[str] = []
        self._listed: list[str] = []
        self._unseen: list[str] = []

    def clear(self, session: Session, database: str) -> None:
        """Roll back the transactions that the role has prepared in ``database``. Drop or keep the objects of the role there, and
        revoke the role's privileges. This method may be repeated without harm. Raises psycopg.Error.
        """
        question = "SELECT gid FROM pg_prepared_xacts WHERE owner = %(role)s AND database = current_database()"
        for (prepared,) in session.rows(question, {"role": self._role}):
            session.do("ROLLBACK PREPARED {prepared}", prepared=sql.Literal(prepared))
        self._drop_triggers(session)
        try:
            session.do("DROP OWNED BY {role} RESTRICT", role=sql.Identifier(self._role))
        except psycopg.errors.DependentObjectsStillExist as fault:
            self._keep(session, database, fault)
        if self._owns_what_is_shared(session):
            self._keep(session, database, None)
        self._list(session, database)

    def not_seen(self, database: str) -> None:
        """Remember that jitd could not look into ``database``. Call this method only if the role owns nothing in ``database``,
        and has no privilege there.
        """
        self._unseen.append(database)

    def sentence(self) -> str:
        """Return a sentence that names the remaining objects, and the databases that jitd could not look into. Return an empty
        string if there are none.
        """
        said = []
        if self._kept:
            said.append(f"the role {keeper_of(self._role)} now owns objects that others depend on: {_several(self._kept)}")
        if self._listed:
            said.append(f"check changes in the name of the given roles since the grant began: {_several(self._listed)}")
        if self._unseen:
            said.append(f"databases that could not be looked at: {_several(self._unseen)}")
        return "; ".join(said)

    def _drop_triggers(self, session: Session) -> None:
        """Drop the triggers that run a function of the role, including triggers on tables of others. If such a trigger remained,
        the role's code would run in the name of others.
        """
        question = (
            "SELECT t.tgname, n.nspname, c.relname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE p.proowner = %(oid)s AND NOT t.tgisinternal AND t.tgparentid = 0"
        )
        for trigger, schema, table in session.rows(question, {"oid": self._oid}):
            session.do("DROP TRIGGER {trigger} ON {table}", trigger=sql.Identifier(trigger), table=sql.Identifier(schema, table))

    def _keep(self, session: Session, database: str, fault: psycopg.Error | None) -> None:
        """In ``database``, give all objects of the role to a special role that has no rights. ``fault`` is the error that says
        which objects of others depend on objects of the role. ``fault`` is None if the role owns a database or a tablespace.
        """
        keeper, role = sql.Identifier(keeper_of(self._role)), sql.Identifier(self._role)
        with session.transaction():
            there = session.row("SELECT oid FROM pg_roles WHERE rolname = %(name)s", {"name": keeper_of(self._role)})
            if there is None:
                session.do("CREATE ROLE {keeper} NOLOGIN NOINHERIT", keeper=keeper)
                session.do("COMMENT ON ROLE {keeper} IS {why}", keeper=keeper, why=sql.Literal(_KEEPER.format(role=self._role)))
            session.do("REASSIGN OWNED BY {role} TO {keeper}", role=role, keeper=keeper)
            session.do("DROP OWNED BY {role} RESTRICT", role=role)
        lines = ((fault.diag.message_detail if fault is not None else "") or "a database or a tablespace").splitlines()
        self._kept += [f"{database}: {line}" for line in lines]

    def _owns_what_is_shared(self, session: Session) -> bool:
        """True if the role owns a database or a tablespace. DROP OWNED does not drop databases and tablespaces."""
        question = (
            "SELECT 1 FROM pg_shdepend"
            " WHERE refclassid = 'pg_authid'::regclass AND refobjid = %(oid)s AND dbid = 0 AND deptype = 'o'"
        )
        return session.row(question, {"oid": self._oid}) is not None

    def _list(self, session: Session, database: str) -> None:
        if not self._since:
            return
        question = f"SELECT what FROM ({_ACTS_LATER}) AS found(what, made) WHERE age(made) <= age(%(since)s::xid8::xid)"
        found = session.rows(question, {"roles": self._given, "since": self._since})
        self._listed += [f"{database}: {what}" for (what,) in found]


def keeper_of(role: str) -> str:
    """Return the name of the special role that becomes the owner of remaining objects of ``role``."""
    return f"{role}_left"


def _several(names: Sequence[str]) -> str:
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
