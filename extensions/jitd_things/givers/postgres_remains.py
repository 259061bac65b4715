# SPDX-License-Identifier: Apache-2.0
"""Handles the remains of a PostgreSQL role that is taken back: its objects, its privileges, its prepared transactions, and the
triggers that run its functions.

Law: an object that the role made is dropped if no object of somebody else depends on it. If an object of somebody else
depends on it, or if it is older than the role, a special role becomes its owner. This special role has no rights and no
members, and nobody can log in as this role. Nothing is dropped with CASCADE. No object is given to a role that has rights,
because a function of the holder may act with the rights of the function's owner. The objects are dropped a few at a time,
because the server has a limited number of locks.
jitd's role was a member of the roles that the settings name. The holder may have made objects in the name of these roles too.
jitd cannot distinguish these objects from objects that other people made in the name of these roles. Therefore jitd lists all
objects of these roles that were made or changed after jitd made its own role. Sources: PostgreSQL, DROP OWNED, REASSIGN
OWNED, "Client Authentication", the system catalogs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import psycopg
from psycopg.pq import DiagnosticField

from jitd_things.givers.kind import named
from jitd_things.givers.postgres_server import (
    Row,
    Session,
    Sql,
    about_role,
    field_of,
    identifier,
    literal,
    told,
    written,
)

MOST_LISTED = 12  # names in each list of the sentence that `Remains.sentence` returns. Further names are only counted.
_LEFT = "_left"
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
        WHEN r.rolcreatedb THEN 'can make databases, which stay'
        WHEN r.rolreplication THEN 'can make replication slots, which belong to nobody'
        WHEN r.rolcanlogin THEN 'can log in, and its members can change its password'
        WHEN r.rolname IN ('pg_execute_server_program', 'pg_write_server_files') THEN 'can act as the account of the server'
        WHEN r.rolname = 'pg_maintain' THEN 'can lock the tables in which PostgreSQL keeps its roles'
        WHEN r.rolname = 'pg_create_subscription' THEN 'can make subscriptions, which continue by themselves'
        WHEN EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.admin_option) THEN 'can grant other roles'
        WHEN EXISTS (SELECT FROM pg_parameter_acl, aclexplode(paracl) a
            WHERE a.grantee = r.oid AND a.privilege_type = 'ALTER SYSTEM') THEN 'can change settings of the server'
    END
    FROM reachable JOIN pg_roles r USING (oid)
"""

# A prepared transaction belongs to the role as which it was prepared, and that may be a role of which jitd's role was a member.
# It is the holder's if it has changed the row of jitd's role, or has locked jitd's role or an object of this role.
_PREPARED = """
    SELECT p.gid, p.database FROM pg_prepared_xacts p JOIN pg_roles o ON o.rolname = p.owner
    WHERE o.oid = %(oid)s OR o.oid = ANY(%(given)s::oid[]) AND (
        p.transaction = (SELECT xmax FROM pg_authid WHERE oid = %(oid)s)
        OR p.transaction IN (SELECT x.transactionid FROM pg_locks x JOIN pg_locks l USING (virtualtransaction)
            WHERE x.pid IS NULL AND l.pid IS NULL AND x.locktype = 'transactionid' AND (
                l.classid = 'pg_authid'::regclass AND l.objid = %(oid)s OR EXISTS (SELECT FROM pg_shdepend s
                    WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %(oid)s AND s.deptype = 'o'
                    AND s.dbid = l.database AND s.classid = CASE l.locktype WHEN 'relation' THEN 'pg_class'::regclass
                    ELSE l.classid END AND s.objid = coalesce(l.relation, l.objid)))))
    ORDER BY 1
"""

# The objects of a role in this database, with the words that DROP and ALTER call them by. The newest come first, because nothing
# depends on an object that is newer than itself, but for what was changed later. Large objects do not count as older than the
# role, because who makes one chooses its number.
_OWNED = """
    SELECT i.type, i.identity, s.objid FROM (
        SELECT classid, objid FROM pg_shdepend
        WHERE refclassid = 'pg_authid'::regclass AND refobjid = %(oid)s AND deptype = 'o' AND objid::bigint < %(below)s
        AND NOT (%(is_older)s AND classid = 'pg_largeobject'::regclass)
        AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY objid DESC LIMIT %(most)s
    ) s, pg_identify_object(s.classid, s.objid, 0) i ORDER BY s.objid DESC
"""
_LARGE_OBJECT = "large object"
_TYPES = (
    "table", "view", "materialized view", "sequence", "foreign table", "function", "procedure", "aggregate", "type", "schema",
    "operator", "operator class", "operator family", "collation", "conversion", "text search configuration",
    "text search dictionary", "statistics object", "publication", "server", _LARGE_OBJECT,
)  # fmt: skip
AT_ONCE = 200  # objects that are dropped in one transaction
_ABOVE_ALL = 2**32  # more than the number of any object (oid)

# The rows of the catalogs that belong to the roles, for what acts later by itself first. A row was made or changed by the
# transaction xmin. VACUUM does not change xmin, not even with FREEZE or FULL.
_ROWS = (
    ("pg_trigger", "NOT tgisinternal AND (tgrelid IN (TABLE tables) OR tgfoid IN (TABLE functions))"),
    ("pg_event_trigger", "evtowner IN (TABLE roles) OR evtfoid IN (TABLE functions)"),
    ("pg_subscription", "subowner IN (TABLE roles)"),
    ("pg_proc", "oid IN (TABLE functions)"),
    ("pg_rewrite", "rulename <> '_RETURN' AND ev_class IN (TABLE tables)"),
    ("pg_policy", "polrelid IN (TABLE tables)"),
    ("pg_default_acl", "defaclrole IN (TABLE roles)"),
    ("pg_attrdef", "adrelid IN (TABLE tables)"),
    ("pg_constraint", "contype = 'c' AND (conrelid IN (TABLE tables) OR contypid IN (TABLE types))"),
    ("pg_cast", "castsource IN (TABLE types) OR casttarget IN (TABLE types)"),
    ("pg_user_mapping", "umuser IN (TABLE roles) OR umserver IN (TABLE servers)"),
    ("pg_foreign_server", "srvowner IN (TABLE roles)"),
    ("pg_foreign_data_wrapper", "fdwowner IN (TABLE roles)"),
    ("pg_publication", "pubowner IN (TABLE roles)"),
    ("pg_publication_rel", "prpubid IN (TABLE publications)"),
    ("pg_publication_namespace", "pnpubid IN (TABLE publications)"),
    ("pg_extension", "extowner IN (TABLE roles)"),
    ("pg_language", "lanowner IN (TABLE roles)"),
    ("pg_operator", "oprowner IN (TABLE roles)"),
    ("pg_opclass", "opcowner IN (TABLE roles)"),
    ("pg_opfamily", "opfowner IN (TABLE roles)"),
    ("pg_collation", "collowner IN (TABLE roles)"),
    ("pg_conversion", "conowner IN (TABLE roles)"),
    ("pg_ts_config", "cfgowner IN (TABLE roles)"),
    ("pg_ts_dict", "dictowner IN (TABLE roles)"),
    ("pg_statistic_ext", "stxowner IN (TABLE roles)"),
    ("pg_class", "oid IN (TABLE tables) AND relkind NOT IN ('i', 'I', 't')"),
    ("pg_class", "relkind IN ('i', 'I') AND oid IN (TABLE indexes)"),
    ("pg_type", "oid IN (TABLE types) AND typrelid = 0 AND typcategory <> 'A'"),
    ("pg_largeobject_metadata", "lomowner IN (TABLE roles)"),
    ("pg_namespace", "nspowner IN (TABLE roles)"),
    ("pg_database", "datname = current_database() AND datdba IN (TABLE roles)"),
    ("pg_authid", "oid IN (TABLE roles) AND current_database() = (TABLE first)"),
)  # fmt: skip
_LISTED = f"""
    WITH roles AS (SELECT unnest(%(roles)s::oid[]) UNION SELECT oid FROM pg_roles WHERE rolname = 'pg_database_owner'
            AND EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datdba = ANY(%(roles)s::oid[]))),
        first AS (SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname <> 'postgres', datname LIMIT 1),
        tables AS (SELECT oid FROM pg_class WHERE relowner IN (TABLE roles)),
        functions AS (SELECT oid FROM pg_proc WHERE proowner IN (TABLE roles)),
        indexes AS (SELECT indexrelid FROM pg_index
            WHERE indrelid IN (TABLE tables) AND num_nonnulls(indexprs, indpred) > 0),
        servers AS (SELECT oid FROM pg_foreign_server WHERE srvowner IN (TABLE roles)),
        publications AS (SELECT oid FROM pg_publication WHERE pubowner IN (TABLE roles)),
        types AS (SELECT oid FROM pg_type WHERE typowner IN (TABLE roles)),
        found(catalog, object, what, made) AS (
            {
    " UNION ALL ".join(
        f"SELECT '{catalog.removesuffix('_metadata')}'::regclass, oid, '', xmin FROM {catalog} WHERE {which}"
        for catalog, which in _ROWS
    )
}
            UNION ALL SELECT 0, attrelid, format('privileges on column %%I of ', attname) || attrelid::regclass, xmin
                FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid IN (TABLE tables)
            UNION ALL SELECT 0, setdatabase, format('settings of the database %%I', datname), s.xmin FROM pg_db_role_setting s
                JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database() AND datdba IN (TABLE roles)
            UNION ALL SELECT 0, setrole, format('settings of the role %%I', rolname), s.xmin FROM pg_db_role_setting s
                JOIN pg_roles r ON r.oid = setrole WHERE setrole IN (TABLE roles) AND current_database() = (TABLE first)
            UNION ALL SELECT 0, 0, format('prepared transaction %%L', gid), transaction FROM pg_prepared_xacts
                JOIN pg_roles ON rolname = owner WHERE database = current_database() AND oid IN (TABLE roles)
        ),
        changed AS (SELECT *, count(*) OVER () AS n FROM found WHERE age(made) <= age(%(since)s::xid8::xid) LIMIT {MOST_LISTED})
    SELECT n, what || CASE WHEN catalog = 'pg_proc'::regclass AND (SELECT prosecdef FROM pg_proc WHERE oid = object)
        THEN 'SECURITY DEFINER ' ELSE '' END || CASE WHEN catalog = 0 THEN '' ELSE pg_describe_object(catalog, object, 0) END
    FROM changed
"""


def reachable(session: Session, roles: Sequence[str]) -> list[int]:
    """Return the oids of ``roles`` and of all roles in which ``roles`` are members. Raises psycopg.Error."""
    return [oid for (oid,) in session.rows(f"{_REACHABLE} SELECT oid FROM reachable", {"roles": list(roles)})]


def outliving(session: Session, roles: Sequence[str]) -> str:
    """Return the reason why a member of ``roles`` could keep its rights after the membership has ended. Return an empty string
    if this is not possible. Raises psycopg.Error.
    """
    found = [(name, why) for name, why in session.rows(f"{_REACHABLE} {_OUTLIVING}", {"roles": list(roles)}) if why]
    return f"the role {named(found[0][0])} {found[0][1]}" if found else ""


def prepared(session: Session, oid: int, given: Sequence[int]) -> list[tuple[str, str]]:
    """Return the holder's prepared transactions, each with its database. ``oid`` is the oid of jitd's role, and ``given`` has the
    oids of the other roles in whose name the holder could act. Raises psycopg.Error.
    """
    return [(gid, database) for gid, database in session.rows(_PREPARED, {"oid": oid, "given": list(given)})]


def databases(session: Session, oid: int) -> list[tuple[int, str]]:
    """Return the numbers and names of all databases but template0, which nobody can connect to and which is never changed. Those
    in which the role ``oid`` has something come first. Raises psycopg.Error.
    """
    question = (
        "SELECT oid, datname FROM pg_database WHERE datname <> 'template0' ORDER BY oid NOT IN (SELECT dbid FROM pg_shdepend"
        " WHERE refclassid = 'pg_authid'::regclass AND refobjid = %(oid)s), datname"
    )
    return [(number, name) for number, name in session.rows(question, {"oid": oid})]


def has_things_in(session: Session, oid: int, database: int) -> bool:
    """True if the role ``oid`` owns an object in ``database``, or was granted a privilege there. Raises psycopg.Error."""
    question = "SELECT 1 FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = %(oid)s AND dbid = %(database)s"
    return session.row(question, {"oid": oid, "database": database}) is not None


class Remains:
    """Removes everything that the role ``oid`` owns in the databases of one server, and notes all remaining objects. The special
    role that becomes their owner has the name ``keeper``.

    ``since`` is the transaction that made the role. ``given`` has the oids of the other roles in whose name the holder could act.
    """

    def __init__(self, oid: int, keeper: str, since: str, given: Sequence[int]) -> None:
        self.oid = oid
        self._keeper = keeper
        self._since = since
        self._given = list(given)
        self._kept: list[str] = []
        self._taken_over: list[str] = []
        self._listed: list[str] = []
        self._n_listed = 0
        self._unseen: list[str] = []

    def clear(self, session: Session, database: str, until: float) -> list[str]:
        """List what was done in the name of the given roles in ``database``. Drop or keep the objects of the role there, and
        revoke the role's privileges. Begin no further batch after ``until``, by time.monotonic. Return the faults, as sentences:
        a part that fails keeps no other part from being tried. This method may be repeated without harm.
        """
        faults = []
        for part in (self._list, self._keep_older, self._drop_triggers, self._drop_objects):
            try:
                part(session, database, until)
            except (psycopg.Error, NotInTime) as fault:
                faults.append(f"{named(database)}: {told(fault)}")
        return faults

    def not_seen(self, database: str) -> None:
        """Remember that jitd could not look into ``database``, in which the role owns nothing and has no privilege."""
        self._unseen.append(named(database))

    def sentence(self) -> str:
        """Return a sentence that names what remains, and the databases that jitd could not look into, or ""."""
        said = []
        if self._kept:
            said.append(f"the role {self._keeper} now owns objects that others depend on: {_several(self._kept)}")
        if self._taken_over:
            said.append(f"the role {self._keeper} now owns objects that the role had taken over: {_several(self._taken_over)}")
        if self._listed:
            said.append(
                f"check changes in the name of the given roles since the grant began: {_several(self._listed, self._n_listed)}"
            )
        if self._unseen:
            said.append(f"not searched, because they accept no connection: the databases {_several(self._unseen)}")
        return "; ".join(said)

    def _keep_older(self, session: Session, database: str, until: float) -> None:
        """Give the objects that are older than the role to the special role. The holder has only made the role their owner, in
        the name of a given role, so they hold what others made. Raises psycopg.Error and NotInTime.
        """
        older = session.rows(_OWNED, {"oid": self.oid, "below": self.oid, "is_older": True, "most": MOST_LISTED + 1})
        if older:
            self._hand_over(session, until, is_older=True)
            self._taken_over += [named(f"{database}: {kind} {name}") for kind, name, _ in older]

    def _drop_triggers(self, session: Session, _: str, until: float) -> None:
        """Drop the triggers that run a function of the role, including triggers on tables of others. If such a trigger remained,
        the role's code would run in the name of others. Raises psycopg.Error, after all of them were tried.
        """
        question = (
            "SELECT t.tgname, n.nspname, c.relname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE p.proowner = %(oid)s AND NOT t.tgisinternal AND t.tgparentid = 0"
        )
        last: Exception | None = None
        for trigger, schema, table in session.rows(question, {"oid": self.oid}):
            if time.monotonic() > until:
                raise NotInTime("not all triggers were removed in time")
            try:
                session.do("DROP TRIGGER {trigger} ON {table}", trigger=identifier(trigger), table=identifier(schema, table))
            except psycopg.Error as fault:
                last = fault
        if last is not None:
            raise last

    def _drop_objects(self, session: Session, database: str, until: float) -> None:
        """Drop the objects of the role, and revoke its privileges. If objects of others depend on an object, give it to the role
        without rights. Raises psycopg.Error and NotInTime.
        """
        n_done, depending = self._each(session, until, _drop)
        while n_done:  # what depended on an object may be gone the next time
            n_done, depending = self._each(session, until, _drop)
        most: dict[str, object] = {"oid": self.oid, "below": _ABOVE_ALL, "is_older": False, "most": AT_ONCE + 1}
        if not depending or len(session.rows(_OWNED, most)) <= AT_ONCE:
            try:
                session.do("{drop}", drop=about_role(self.oid, "DROP OWNED BY %I RESTRICT"))
                if not self._owns_what_is_shared(session):
                    return
                depending = ["a database or a tablespace"]
            except psycopg.errors.DependentObjectsStillExist as fault:
                depending = _depending(fault)
        self._keep(session, until)
        self._kept += [named(f"{database}: {line}") for line in depending]

    def _each(
        self, session: Session, until: float, deed: Callable[[Session, Row], None], *, is_older: bool = False
    ) -> tuple[int, list[str]]:
        """Do ``deed`` to each object of the role in this database, or to each that ``is_older`` than the role, in transactions of
        AT_ONCE objects. If one of these fails, do it to each of them in a transaction of its own. Return to how many objects it
        was done, and what depends on the others. Raises NotInTime.
        """
        n_done, depending, below = 0, list[str](), self.oid if is_older else _ABOVE_ALL
        while batch := session.rows(_OWNED, {"oid": self.oid, "below": below, "is_older": is_older, "most": AT_ONCE}):
            below = batch[-1][-1]
            found = [one for one in batch if one[0] in _TYPES]
            if time.monotonic() > until:
                raise NotInTime("not all objects of the role were removed in time")
            try:
                with session.transaction():
                    for one in found:
                        deed(session, one)
                n_done += len(found)
            except psycopg.Error:
                if session.is_closed:
                    raise
                for one in found:
                    try:
                        deed(session, one)
                        n_done += 1
                    except psycopg.errors.DependentObjectsStillExist as fault:
                        depending += _depending(fault)
                    except psycopg.Error:
                        continue  # the statement that is about all objects fails, too, and says why
        return n_done, depending

    def _keep(self, session: Session, until: float) -> None:
        """Give all the role's objects here to a special role without rights. Raises psycopg.Error and NotInTime."""
        self._hand_over(session, until)
        with session.transaction():
            session.do("{reassign}", reassign=about_role(self.oid, f"REASSIGN OWNED BY %I TO {self._keeper}"))
            session.do("{drop}", drop=about_role(self.oid, "DROP OWNED BY %I RESTRICT"))

    def _hand_over(self, session: Session, until: float, *, is_older: bool = False) -> None:
        """Give the objects of the role, or those that are older than it, to the special role, and make this role if it is not
        there. Raises psycopg.Error and NotInTime.
        """
        keeper = identifier(self._keeper)
        with session.transaction():
            there = session.row("SELECT oid FROM pg_roles WHERE rolname = %(name)s", {"name": self._keeper})
            if there is None:
                session.do("CREATE ROLE {keeper} NOLOGIN NOINHERIT", keeper=keeper)
                session.do(
                    "COMMENT ON ROLE {keeper} IS {why}",
                    keeper=keeper,
                    why=literal(_KEEPER.format(role=self._keeper.removesuffix(_LEFT))),
                )
        self._each(session, until, lambda session, one: _give_to(session, one, keeper), is_older=is_older)

    def _owns_what_is_shared(self, session: Session) -> bool:
        """True if the role owns a database or a tablespace. DROP OWNED does not drop databases and tablespaces."""
        question = (
            "SELECT 1 FROM pg_shdepend"
            " WHERE refclassid = 'pg_authid'::regclass AND refobjid = %(oid)s AND dbid = 0 AND deptype = 'o'"
        )
        return session.row(question, {"oid": self.oid}) is not None

    def _list(self, session: Session, database: str, _: float) -> None:
        found = session.rows(_LISTED, {"roles": self._given, "since": self._since})
        self._listed += [named(f"{database}: {what}") for _, what in found]
        self._n_listed += found[0][0] if found else 0


class NotInTime(Exception):
    """The work is not finished in time. The text is a sentence."""


def keeper_of(role: str) -> str:
    """Return the name of the special role that becomes the owner of remaining objects of ``role``."""
    return f"{role}{_LEFT}"


def _drop(session: Session, one: Row) -> None:
    kind, name, objid = one
    if kind == _LARGE_OBJECT:
        session.do("SELECT lo_unlink({oid})", oid=literal(objid))
    else:
        session.do(f"DROP {_word(kind)} IF EXISTS {{name}} RESTRICT", name=written(name))


def _give_to(session: Session, one: Row, keeper: Sql) -> None:
    session.do(f"ALTER {_word(one[0])} {{name}} OWNER TO {{keeper}}", name=written(one[1]), keeper=keeper)


def _depending(fault: psycopg.Error) -> list[str]:
    """Return what depends on the object that was not dropped, a line each."""
    return (field_of(fault, DiagnosticField.MESSAGE_DETAIL) or str(fault)).split("\n")


def _word(kind: str) -> str:
    return "STATISTICS" if kind == "statistics object" else kind.upper()


def _several(names: Sequence[str], n_names: int = 0) -> str:
    more = max(n_names, len(names)) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
