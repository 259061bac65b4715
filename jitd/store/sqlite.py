# SPDX-License-Identifier: Apache-2.0
"""The store in one SQLite file, with a write-ahead log. Every commit is on the disk before ``commit`` returns.
Law: if a statement fails, its whole transaction is rolled back and the error is raised. No failed statement is silently
repeated.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from jitd.core.chain import GENESIS, Seal, seal
from jitd.core.command import RunAs
from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.lock import Lock
from jitd.core.moves import MAY_BE_SET_ASIDE
from jitd.core.named_groups import named_by
from jitd.core.owed_review import OwedReview
from jitd.core.policy_text import PolicyText
from jitd.core.request import Request
from jitd.core.run import Run
from jitd.core.subject import Identity, Subject
from jitd.core.values import Values, owner_of
from jitd.store import (
    FAULTS,
    Change,
    Conflict,
    Damage,
    History,
    OtherSchema,
    StoreError,
    T,
    Unreadable,
    documents,
    earlier,
    history,
)
from jitd.store.checkpoints import Checkpoints
from jitd.store.columns import COLUMNS
from jitd.store.cursors import Cursors
from jitd.store.index import Index
from jitd.store.kept import Kept, Unread
from jitd.store.live import LiveObjects
from jitd.store.masked_words import MaskedWords, WordsKey
from jitd.store.policies import Policies
from jitd.store.queries import Queries
from jitd.store.readable import HOLDER, IS_JSON, REQUESTER, REVIEWS, extract
from jitd.store.standing import StandingLists
from jitd.store.tally import Had, Tally
from jitd.store.texts import Texts
from jitd.store.told import ToldMarks

P = TypeVar("P")
FIRST, SCHEMA = 16, 17
"""The numbers of the first and the last file in ``schema/``. The last is the version of the schema that this code uses. The first
makes a new database, and each other one turns a database of the version before into its own. A database with a version before
the first is refused: no release has made it.
"""
STEPS = resources.files("jitd.store") / "schema"  # the directory of these files

PAGE = 64  # maximum number of objects in one page
PAGE_BYTES = 256 * 1024  # a page ends when its documents together have more than this number of bytes
_LIVES = ("request", "grant", "run", "lock", "holding", "owed_review")  # in the order of `COLUMNS`
_SET_ASIDE = -1  # stands in the column `is_open` of an object that was set aside
_BARRING = (Lock, OwedReview)  # lists of these are whole, or there is none


def _member(row: str, *paths: str) -> str:
    """Return SQL for what stands at ``paths`` in the document of the table ``row``, as bytes of JSON. It is NULL if the document
    is not JSON: an error of SQLite would end the query, which is also about other objects.
    """
    document = f"{row}.document"
    found = extract(f"CAST({document} AS TEXT)", *paths)
    return f"CASE WHEN {IS_JSON.format(document)} THEN CAST({found} AS BLOB) END"


_HOLDER, _REVIEWED = _member("g", HOLDER), _member("r", REQUESTER, REVIEWS)


class SqliteStore(MaskedWords, ToldMarks, Texts, Policies, StandingLists, Checkpoints, Cursors, LiveObjects, Queries, Index):
    """See ``Store``. Use a SqliteStore from one thread only."""

    found_damaged: Callable[[str, str], None]

    def __init__(self, path: Path, words_key: Path | None = None, copied: Callable[[Path], None] = lambda made: None) -> None:
        """``copied`` is called with the copy that was made of an older database, before its schema changes."""
        self._path, self.found_damaged = path, _told_nobody
        self._words_key = None if words_key is None else WordsKey(words_key)
        self._open_locks: tuple[Lock, ...] | None = None  # needed for each decision; only this object changes locks
        self._owing: frozenset[str] | None = None  # who owes reviews: asked at each event, and mostly nobody
        self._acting: dict[str, tuple[Subject, RunAs]] | None = None
        self._tally, self._kept, self._rows = Tally(), Kept(), {}
        self._is_reader, self._is_shut = False, True
        try:
            _check(path, _version_of(path))  # before anything of it is touched
            with self._told():
                path.chmod(0o600)
                self._migrate(copied)
                self._named = frozenset(name for (name,) in self._db.execute("SELECT name FROM named_groups"))
            self._forget_index()
            self._head = self._read_head()
            self.drain()  # a daemon that was killed after it had forgotten values may have left them in the log
        except BaseException as fault:
            if not self._is_shut:
                self.close()  # what had begun would lock the database for as long as the error is held
            if isinstance(fault, FAULTS):
                raise StoreError(f"{path}: the database is damaged: {fault}") from fault
            raise

    @classmethod
    def reading(cls, path: Path, *, is_alone: bool = False) -> SqliteStore:
        """Open ``path`` for reading, at one moment, even if a daemon writes. If no daemon has it (``is_alone``), no -wal file is
        made. Raises StoreError.
        """
        store = cls.__new__(cls)
        is_still = is_alone and not path.with_name(f"{path.name}-wal").exists()  # otherwise the reader would create that file
        how = "mode=ro&immutable=1" if is_still else "mode=ro"
        store._path, store._words_key, store.found_damaged = path, None, _told_nobody
        store._open_locks = store._owing = store._acting = None
        store._tally, store._kept, store._rows = Tally(), Kept(), {}
        store._named = frozenset()
        store._is_reader, store._is_shut = True, False
        store._forget_index()
        with store._told():
            store._db = sqlite3.connect(
                f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None, timeout=5.0, check_same_thread=False
            )
            store._db.execute("PRAGMA trusted_schema = OFF")
            store._db.execute("PRAGMA temp_store = MEMORY")  # the daemon can write no file outside its own directories
            (found,) = store._db.execute("PRAGMA user_version").fetchone()
            if found == 0:
                raise StoreError(f"{path}: not a jitd database; copy a live one with sqlite3 and .backup")
            _check(path, found)
            store._db.execute("BEGIN")  # the first read fixes the moment that all later reads show
        store._head = store._read_head()
        return store

    def renew(self) -> None:
        self._kept, self._tally, self._rows = Kept(), Tally(), {}
        self._open_locks = self._owing = self._acting = None
        with self._told():
            self._db.execute("BEGIN")
        self._head = self._read_head()

    def rest(self) -> None:
        with self._told():
            self._db.execute("ROLLBACK")

    def _migrate(self, copied: Callable[[Path], None]) -> None:
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        _check(self._path, found)
        if 0 != found < SCHEMA:
            copied(earlier.copy(self._db, self._path, found))
        for version in range(max(found + 1, FIRST), SCHEMA + 1):
            script = (STEPS / f"{version:04}.sql").read_text("utf-8")
            self._db.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {version};\nCOMMIT;")

    def _read_head(self) -> Seal:
        with self._told():
            row = self._db.execute("SELECT number, digest FROM chain ORDER BY number DESC LIMIT 1").fetchone()
        return Seal(*row) if row else GENESIS

    def commit(
        self,
        changes: Iterable[Change],
        records: Iterable[bytes],
        said: Iterable[tuple[Values, datetime]] = (),
        forgotten: Iterable[str] = (),
        policy: PolicyText | None = None,
        set_aside: Iterable[tuple[str, str]] = (),
    ) -> None:
        head = self._head
        changes, forgotten, set_aside = tuple(changes), tuple(forgotten), tuple(set_aside)
        tally, self._tally = self._tally, Tally()  # if the commit fails, neither counts nor objects nor values are kept
        kept, self._kept = self._kept, Kept()
        rows, self._rows = self._rows, {}
        acting, self._acting = self._acting, None
        if any(isinstance(change.after, Lock) for change in changes):
            self._open_locks = None  # after a failed commit too, the locks are read again
        if any(isinstance(change.after, OwedReview) for change in changes):
            self._owing = None
        with self._told():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for change in changes:
                    self._write(change)
                    self._add_words(change.after)
                for life, id in set_aside:
                    self._set_aside(life, id)
                self._drop_words(changes)
                self._rows = rows
                for values, at in said:
                    self._add(values, at)
                if open_ones := [owner for owner in forgotten if self._is_open(owner)]:
                    raise Conflict(f"{open_ones[0]} has not ended, so its values are not forgotten")
                self._forget(forgotten)
                if policy is not None:
                    self._keep_policy(policy)
                for body in records:
                    head = seal(head, body)
                    self._db.execute("INSERT INTO chain VALUES (?, ?, ?)", (head.number, body, head.digest))
                    self._index(head.number, body)
                self._db.execute("COMMIT")
            except BaseException:
                self._forget_index()
                self._rows = {}
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._head = head
        named = frozenset[str]().union(*(named_by(change.after) for change in changes if isinstance(change.after, Request)))
        if not named <= self._named:  # otherwise it stays the same object, by which what is made of it is found again
            self._named |= named
        for change in changes:
            tally.note(change.after)
            kept.note(change, self._values(change.after.id)[1])
        self._tally, self._kept = tally, kept
        if forgotten:
            self._kept, self._rows = Kept(), {}
        if set_aside:
            self._kept, self._tally = Kept(), Tally()
        elif acting is not None:
            with suppress(StoreError):  # it is committed; what cannot be read now is read the next time
                for change in changes:
                    if isinstance(change.after, Run):
                        self._note_acting(acting, change.after)
                self._acting = acting

    @property
    def groups_named(self) -> frozenset[str]:
        """See ``Store.groups_named``."""
        return self._named

    def _had(self, person: str) -> Had:
        """Query the database for the open requests, unused grants, and live runs and holdings of the person."""
        with self._told():
            waiting = self._db.execute(
                "SELECT id FROM requests INDEXED BY requests_open WHERE is_open = 1 AND person = ?", (person,)
            ).fetchall()
            unused = self._db.execute(
                "SELECT id FROM grants INDEXED BY grants_unused WHERE unused = 1 AND person = ?", (person,)
            ).fetchall()
            running = self._db.execute(
                "SELECT grants.id, count(*) FROM grants INDEXED BY grants_open"
                " CROSS JOIN runs INDEXED BY runs_open ON runs.grant_id = grants.id"
                " WHERE grants.is_open = 1 AND grants.person = ? AND runs.is_open = 1 GROUP BY grants.id",
                (person,),
            ).fetchall()
            running += self._db.execute(
                "SELECT grants.id, count(*) FROM grants INDEXED BY grants_open"
                " CROSS JOIN holdings INDEXED BY holdings_open ON holdings.grant_id = grants.id"
                " WHERE grants.is_open = 1 AND grants.person = ? AND holdings.is_open = 1 GROUP BY grants.id",
                (person,),
            ).fetchall()
        return Had({id for (id,) in waiting}, {id for (id,) in unused}, dict(running))

    def _write(self, change: Change) -> None:
        after, columns = change.after, COLUMNS[type(change.after)]
        is_open = int(columns.is_open(after))
        if isinstance(after, Request) and (new := named_by(after) - self._named):
            self._db.executemany("INSERT OR IGNORE INTO named_groups VALUES (?)", [(name,) for name in sorted(new)])
        if change.expected == 0:
            row = {
                "id": after.id,
                "version": after.version,
                "is_open": is_open,
                "document": change.document,
                **columns.keys(after),
                **columns.moving(after),
            }
            try:
                self._db.execute(_insert(columns.table, tuple(row)), tuple(row.values()))
            except sqlite3.IntegrityError as fault:
                raise Conflict(f"{after.id} exists already") from fault
            return
        moved = {"version": after.version, "is_open": is_open, "document": change.document, **columns.moving(after)}
        done = self._db.execute(_update(columns.table, tuple(moved)), (*moved.values(), after.id, change.expected))
        if done.rowcount != 1:
            raise Conflict(f"{after.id} is not in version {change.expected}")

    def _set_aside(self, life: str, id: str) -> None:
        if life not in MAY_BE_SET_ASIDE:
            raise Conflict(f"{life} {id} cannot be set aside")
        unused = ", unused = 0" if life == "grant" else ""
        moved = self._db.execute(
            f"UPDATE {life}s SET is_open = {_SET_ASIDE}, version = version + 1{unused} WHERE id = ? AND is_open = 1", (id,)
        )
        if moved.rowcount != 1:
            raise Conflict(f"{life} {id} is not open")
        self._drop_words_of(owner_of(id))

    def damage_of(self, life: str, id: str) -> Damage | None:
        kind = tuple(COLUMNS)[_LIVES.index(life)]
        with self._told():
            row = self._db.execute(f"SELECT version, document, is_open FROM {COLUMNS[kind].table} WHERE id = ?", (id,)).fetchone()
        if row is None:
            return None
        version, document, is_open = row
        if is_open == _SET_ASIDE:
            return Damage("it was set aside", is_open=False)
        try:
            self._object(kind, id, version, document)
        except Unreadable as fault:
            return Damage(str(fault), is_open == 1, isinstance(fault.__cause__, documents.ValuesMissing), version)
        return None

    def request(self, id: str) -> Request | None:
        return self._one(Request, id)

    def grant(self, id: str) -> Grant | None:
        return self._one(Grant, id)

    def run(self, id: str) -> Run | None:
        return self._one(Run, id)

    def lock(self, id: str) -> Lock | None:
        return self._one(Lock, id)

    def holding(self, id: str) -> Holding | None:
        return self._one(Holding, id)

    def owed_review(self, id: str) -> OwedReview | None:
        return self._one(OwedReview, id)

    def requests(self, *, uid: int | None = None, ended: bool = False) -> Iterator[Request]:
        if uid is None:
            return self._read_all(Request, _open_only(ended))
        return self._read_all(Request, f"{_open_only(ended)} AND uid = ?", uid)

    def grants(self, *, uid: int | None = None, ended: bool = False) -> Iterator[Grant]:
        if uid is None:
            return self._read_all(Grant, _open_only(ended))
        return self._read_all(Grant, f"{_open_only(ended)} AND uid = ?", uid)

    def leases(self, uid: int, work: bytes) -> Iterator[Grant]:
        with self._told():
            query = "SELECT id FROM grants WHERE is_open = 1 AND uid = ? AND work = ? ORDER BY rowid"
            ids = [id for (id,) in self._db.execute(query, (uid, work))]
        return (grant for id in ids if (grant := self.grant(id)) is not None)

    def runs(self, *, grant: str | None = None, ended: bool = False) -> Iterator[Run]:
        if grant is None:
            return self._read_all(Run, _open_only(ended))
        by = "" if ended else "INDEXED BY runs_open "
        return self._read_all(Run, f"{by}{_open_only(ended)} AND grant_id = ?", grant)

    def has_live_runs(self) -> bool:
        with self._told():
            return self._db.execute("SELECT 1 FROM runs INDEXED BY runs_open WHERE is_open = 1 LIMIT 1").fetchone() is not None

    def acting(self) -> Mapping[str, tuple[Subject, RunAs]]:
        if (found := self._acting) is None:
            found = {}
            for run in self.runs():
                self._note_acting(found, run)
            if not self._is_reader:  # another store writes what a reader reads
                self._acting = found
        return found

    def _note_acting(self, found: dict[str, tuple[Subject, RunAs]], run: Run) -> None:
        if not run.is_live:
            found.pop(run.id, None)
        elif run.id not in found:  # otherwise it is known: neither of the two changes
            asked, held = self.request(run.request), self.grant(run.grant)
            if asked is not None and asked.command.run_as.uid != 0:
                found[run.id] = asked.requester.begins(run.used_by), asked.command.run_as
            elif asked is None and held is not None and held.command.run_as.uid != 0:
                found[run.id] = held.holder.begins(run.used_by), held.command.run_as

    def holdings(self, *, grant: str | None = None, ended: bool = False) -> Iterator[Holding]:
        if grant is None:
            return self._read_all(Holding, _open_only(ended))
        return self._read_all(Holding, f"{_open_only(ended)} AND grant_id = ?", grant)

    def locks(self, *, ended: bool = False) -> Iterator[Lock]:
        if ended:
            return self._read_all(Lock, _open_only(ended))
        if self._open_locks is None:
            self._open_locks = tuple(self._read_all(Lock, _open_only(ended)))
        return iter(self._open_locks)

    def owed_reviews(self, *, person: str | None = None) -> Iterator[OwedReview]:
        if person is None:
            return self._read_all(OwedReview, "WHERE is_open = 1")
        if self._owing is None:
            with self._told():
                rows = self._db.execute("SELECT DISTINCT person FROM owed_reviews WHERE is_open = 1").fetchall()
            self._owing = frozenset(person for (person,) in rows)
        if person not in self._owing:
            return iter(())
        return self._read_all(OwedReview, "WHERE is_open = 1 AND person = ?", person)

    def n_open(self, person: str | None = None) -> int:
        if person is not None:
            return len(self._tally.of(person, self._had).open)
        with self._told():
            row = self._db.execute("SELECT count(*) FROM requests WHERE is_open = 1").fetchone()
        return int(row[0])

    def live(self) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        with self._told():
            for life in ("request", "grant", "lock", "owed_review"):
                rows = self._db.execute(f"SELECT id FROM {life}s INDEXED BY {life}s_open WHERE is_open = 1")
                found.update((life, id) for (id,) in rows.fetchall())
        return found

    def n_running(self, person: str) -> int:
        return sum(self._tally.of(person, self._had).running.values())

    def n_unused(self, person: str) -> int:
        return len(self._tally.of(person, self._had).unused)

    def history(self, person: str, since: datetime, *, beside: str = "") -> History:
        with self._told():
            return history.count(self._db, person, since, beside)

    def n_denied(self, person: str, since: datetime, until: datetime) -> int:
        with self._told():
            return history.n_denied(self._db, person, since, until)

    def lately(self, person: str, most_bytes: int) -> Iterator[Request]:
        with self._told():
            places = history.places(self._db, person, most_bytes)
        for place in places:
            yield from self._read(Request, "SELECT id, version, document FROM requests WHERE rowid = ?", place)

    def requesters(self) -> Iterator[tuple[str, tuple[Subject, *tuple[Identity, ...]]]]:
        query = f"SELECT id, {_REVIEWED} FROM requests r INDEXED BY requests_open WHERE is_open = 1 ORDER BY rowid"
        with self._told():
            rows = self._db.execute(query).fetchall()
        for id, reviewed in rows:
            if people := self._part(documents.read_reviewed, reviewed, "request", id):
                yield id, people

    def holders(self) -> Iterator[tuple[int, str, tuple[Subject, Subject, *tuple[Identity, ...]]]]:
        both = "grants g INDEXED BY grants_open JOIN requests r ON r.id = g.id"
        with self._told():
            rows = self._db.execute(
                f"SELECT g.rowid, g.id, {_HOLDER}, {_REVIEWED} FROM {both} WHERE g.is_open = 1 ORDER BY g.rowid"
            ).fetchall()
        for place, id, holder, reviewed in rows:
            held = self._part(documents.read_subject, holder, "grant", id)
            people = self._part(documents.read_reviewed, reviewed, "request", id)
            if held and people:
                yield place, id, (held, *people)

    def page(self, life: Any, after: int, *, ended: bool = False, is_down: bool = False) -> list[tuple[int, Any]]:
        found: list[tuple[int, Any]] = []
        n_bytes = 0
        table = COLUMNS[life].table
        by = "" if ended else f"INDEXED BY {table}_open"  # few objects are open, so do not read the ended ones
        on = "rowid < ? ORDER BY rowid DESC" if is_down else "rowid > ? ORDER BY rowid"
        with self._told():
            # the index alone has the places: to sort whole rows would read all open ones anew for each page
            places = self._db.execute(f"SELECT rowid FROM {table} {by} {_open_only(ended)} AND {on}", (after,))
            while len(found) < PAGE and n_bytes <= PAGE_BYTES and (row := places.fetchone()) is not None:
                (place,) = row
                id, version, document = self._db.execute(
                    f"SELECT id, version, document FROM {table} WHERE rowid = ?", (place,)
                ).fetchone()
                one, size = self._sound(life, id, version, document)
                n_bytes += size
                if one is not None:
                    found.append((place, one))
        return found

    def place_of(self, life: Any, id: str) -> int:
        with self._told():
            row = self._db.execute(f"SELECT rowid FROM {COLUMNS[life].table} WHERE id = ?", (id,)).fetchone()
        return 0 if row is None else int(row[0])

    def last_runs(self, grant: str, most: int) -> list[Run]:
        runs = self._read(
            Run,
            f"SELECT id, version, document FROM runs {_open_only(ended=True)} AND grant_id = ? ORDER BY rowid DESC LIMIT ?",
            grant,
            most,
        )
        return list(runs)[::-1]

    def head(self) -> Seal:
        return self._head

    def records(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
        with self._told():
            rows = self._db.execute(
                "SELECT number, CAST(body AS BLOB), CAST(digest AS BLOB) FROM chain WHERE number > ? ORDER BY number", (after,)
            )
            while row := rows.fetchone():  # with `yield from`, the cursor might be closed after the database
                yield row

    def newest(self) -> Iterator[bytes]:
        with self._told():
            for (body,) in self._db.execute("SELECT CAST(body AS BLOB) FROM chain ORDER BY number DESC"):
                yield body

    def documents(self, *, ended: bool = True) -> Iterator[tuple[str, str, bytes]]:
        with self._told():
            for life, columns in zip(_LIVES, COLUMNS.values(), strict=True):
                which = "" if ended else _open_only(ended)
                for id, document in self._db.execute(
                    "SELECT COALESCE(CAST(id AS TEXT), ''), COALESCE(CAST(document AS BLOB), X'')"
                    f" FROM {columns.table} {which} ORDER BY rowid"
                ):
                    yield life, id, document

    def document(self, life: str, id: str) -> bytes | None:
        table = tuple(COLUMNS.values())[_LIVES.index(life)].table
        with self._told():
            row = self._db.execute(f"SELECT CAST(document AS BLOB) FROM {table} WHERE id = ?", (id,)).fetchone()
        return None if row is None else row[0]

    def misfiled(self) -> Iterator[tuple[str, str]]:
        return ((life, wrong) for life, _, _, wrong in self.objects() if wrong is not None)

    def objects(self) -> Iterator[tuple[str, str, bytes, str | None]]:
        for life, (kind, columns) in zip(_LIVES, COLUMNS.items(), strict=True):
            with self._told():
                rows = self._db.execute(f"SELECT * FROM {columns.table} ORDER BY rowid")
                names = [column[0] for column in rows.description]
                while row := rows.fetchone():
                    found = dict(zip(names, row, strict=True))
                    id, document = found.get("id", ""), found.get("document", b"")
                    if found.get("is_open") == _SET_ASIDE:
                        yield life, id, document, id
                        continue
                    after = self._outline(kind, document)
                    said = {"id": after.id, "version": after.version} | columns.keys(after)
                    said["is_open"] = int(columns.is_open(after))
                    try:
                        if columns.is_open(after):  # a column of it may need its values
                            after, _ = self._object(kind, after.id, after.version, document)
                        said |= columns.moving(after)
                    except Unreadable:  # values of it are missing: the verifier says so, and these columns cannot be compared
                        pass
                    yield life, id, document, None if said.items() <= found.items() else after.id

    def close(self) -> None:
        self._db.close()

    def _read_all(self, life: Any, where: str, *parameters: object) -> Iterator[Any]:
        """One row at a time: memory never contains the whole table, even for a long list, large rows or a slow reader."""
        table = COLUMNS[life].table
        with self._told():
            rows = self._db.execute(f"SELECT rowid FROM {table} {where} ORDER BY rowid", parameters).fetchall()
        for (row,) in rows:
            yield from self._read(life, f"SELECT id, version, document FROM {table} WHERE rowid = ?", row)

    def _read(self, life: Any, statement: str, *parameters: object) -> Iterator[Any]:
        with self._told():
            rows = self._db.execute(statement, parameters).fetchall()
        for id, version, document in rows:
            found, _ = self._sound(life, id, version, document)
            if found is not None:
                yield found

    def _one(self, life: type[T], id: str) -> T | None:
        if (kept := self._kept.get(life, id)) is not Unread.UNREAD:
            return kept
        with self._told():
            row = self._db.execute(
                f"SELECT version, document FROM {COLUMNS[life].table} WHERE id = ? AND is_open >= 0", (id,)
            ).fetchone()
        if row is None:
            self._kept.put(life, id, None, 0)
            return None
        try:
            found, size = self._object(life, id, *row)
        except Unreadable:
            self._tell_damaged(life, id)
            return None
        self._kept.put(life, id, found, size)
        return found

    def _sound(self, life: type[T], id: str, version: int, document: bytes) -> tuple[T | None, int]:
        """Return ``_object`` for a list. None and 0 if it cannot be read. Raises Unreadable if it bars somebody."""
        try:
            return self._object(life, id, version, document)
        except Unreadable:
            if life in _BARRING:
                raise
            self._tell_damaged(life, id)
            return None, 0

    def _tell_damaged(self, life: type, id: str) -> None:
        self.found_damaged(_LIVES[tuple(COLUMNS).index(life)], id)

    def _part(self, read: Callable[[bytes], P], part: bytes, life: str, id: str) -> P | None:
        try:
            return read(part)
        except FAULTS:
            self.found_damaged(life, id)
            return None

    def _outline(self, life: type[T], document: bytes) -> T:
        try:
            return documents.read_outline(life, document)
        except ValueError as fault:
            raise StoreError(f"{self._path}: an object cannot be read: {fault}") from fault

    def _object(self, life: type[T], id: str, version: int, document: bytes) -> tuple[T, int]:
        """Return the object in ``document``, and the size in bytes of the document and the values. Raises Unreadable, also if it
        is not the object ``id`` in its version ``version``: a change of it could not be stored.
        """
        size = 0

        def values(id: str) -> Values:
            nonlocal size
            found, n_bytes = self._values(id)
            size += n_bytes
            return found

        try:
            size += len(document)
            found = self._with_words(documents.read(life, document, values))
            if (found.id, found.version) != (id, version):
                raise ValueError(f"it says that it is {found.id} in version {found.version}")
            return found, size
        except FAULTS as fault:
            raise Unreadable(f"{self._path}: an object cannot be read: {fault}") from fault


@cache
def _insert(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


@cache
def _update(table: str, names: tuple[str, ...]) -> str:
    return f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ? AND version = ?"


def _told_nobody(life: str, id: str) -> None:
    pass


def _version_of(path: Path) -> int:
    """Return the version of the schema that the file itself has, whatever its log says, and touch nothing. Return 0 if there is
    no database yet. SQLite reads it, because to close a file that it has open would end its locks.
    """
    name = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with suppress(sqlite3.Error), closing(sqlite3.connect(name, uri=True)) as file:
        return int(file.execute("PRAGMA user_version").fetchone()[0])
    return 0


def _check(path: Path, schema: int) -> None:
    """Raise OtherSchema if the database at ``path`` has the version ``schema`` and this code does not read it."""
    if schema > SCHEMA:
        raise OtherSchema(
            f"{path}: schema {schema} is newer than this jitd knows ({SCHEMA}): install the newer jitd again, or see "
            "Going back to an earlier version in jitd-serve(8)"
        )
    if schema != 0 and schema < FIRST:
        raise OtherSchema(
            f"{path}: a version before 0.1.0 made this database (schema {schema}), and this jitd does not read it. Keep it as "
            "evidence, but move it away as the chapter Restoring a backup of jitd(8) says, and start jitd again: locks must be "
            "placed anew"
        )


def _open_only(ended: bool) -> str:
    return "WHERE is_open >= 0" if ended else "WHERE is_open = 1"
