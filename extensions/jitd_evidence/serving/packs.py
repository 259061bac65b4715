# SPDX-License-Identifier: Apache-2.0
"""Makes packs: everything that the record knows of one action, in files that prove themselves (PROTOCOL.md, "Packs").

Law: nothing is read on the event loop. A pack has only what its reader may see, and a pack is recorded before its first byte is
sent. Everything in it is read of the store at one moment.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import time
from binascii import b2a_base64
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, ParamSpec, TypeVar

from jitd.audit.events import DAEMON_STARTED, FORGOTTEN, POLICY_LOADED
from jitd.audit.forms import Checkpoint, Countersignature, Digest
from jitd.audit.strict_json import Wrong
from jitd.audit.telling import WITHOUT_CONTENTS, Sight
from jitd.core.chain import detail_of
from jitd.core.command import read_id
from jitd.core.edit import Edit, Edits
from jitd.core.law import name_of_kind
from jitd.core.policy_text import PolicyText
from jitd.core.request import Request, Screened
from jitd.core.rights import Act
from jitd.core.run import Run
from jitd.core.sought import Sought
from jitd.core.subject import Subject
from jitd.deciding.ground import Ground
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.recording import asciicast, storage
from jitd.recording.form import Altered, Mark
from jitd.recording.reader import Recording, as_read, examine
from jitd.recording.reserve import is_reached
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.limits import NO_ROOM, Pace
from jitd.verbs.records import LOOK_EVERY, SIGNED_WITHIN, Found, HostNames, sight_of
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitd_evidence.pack import making
from jitd_evidence.pack.making import File, TooLarge, file_of, text_of
from jitd_evidence.pack.trace import trace
from jitd_evidence.pack.verifier import verifier
from jitd_evidence.pack.verify import page, readme
from jitpam.wire.messages import Pack
from jitpam.wire.shown import shown

P = ParamSpec("P")
T = TypeVar("T")
PIECE = 24 * 1024  # bytes of a file in one row. In base64, this fits into a small frame.
GATHERED_WITHIN = 60.0  # seconds for each long piece of work: 10 s, as others have, are too few for a long recording
CONVERTED_WITHIN = 60.0  # after so many seconds, no more recordings are turned into asciicasts
MOST_SHOWN = 4096  # records that a pack shows. A request with one run has about ten.
MOST_OBJECTS = 1024  # runs and holdings in one pack
MOST_READ = 20_000  # records of a lease among which those about one of its uses are sought
COUNTERSIGNED_WITHIN = 1024  # records by which a segment is longer, to end at a head that a witness has countersigned
MOST_RECORDINGS = 64  # recordings in one pack
MOST_RECORDED = 256 * 1024 * 1024  # bytes of the recordings in one pack. One that would be too much is left out.
MOST_CAST = 4 * 1024 * 1024  # characters of an asciicast
LEAST_LINE = 128  # a line of a digest has more characters than this
AT_ONCE = 3  # people whose packs are made at one time, each one pack. root does not wait for others.
PER_SECOND, BURST = 1 / 10, 30.0  # how many packs a person may ask for: each second on average, and without a pause
LIVES = ("request", "grant", "run", "holding", "owed_review")
TOO_LARGE = "more belongs to this than a pack can hold: name one of its runs, such as K7QM-2XVD.3"


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What was read of the store. ``runs`` are the runs whose recordings the reader may watch, and ``id`` is the request."""

    id: str
    files: dict[str, bytes]
    runs: tuple[Run, ...]


class Packs:
    """``countersigned`` returns what witnesses have signed of this host."""

    def __init__(
        self,
        ground: Ground,
        access: Access,
        lifecycle: Lifecycle,
        countersigned: Callable[[], Iterable[Countersignature]] = lambda: (),
    ) -> None:
        self._host = ground.config.host
        self._hosts = HostNames(ground.config.host)
        self._directory = str(ground.config.state / "recordings")
        self._version = ground.version
        self._access = access
        self._store = ground.store
        self._opened = ground.opened
        self._workers = ground.workers
        self._lifecycle = lifecycle
        self._now = ground.now
        self._rules = ground.rules
        self._names = ground.config.names
        self._countersigned = countersigned
        self._pace = Pace(PER_SECOND, BURST)
        self._making: set[str] = set()

    async def make(self, who: Subject, asked: Pack) -> AsyncGenerator[Row, None]:
        """Yield the files of the pack about ``asked.id``, as PROTOCOL.md defines them. Raises Refusal."""
        self._access.refuse(Act.MAKE_PACK, who)
        id = self._meant(who, asked.id)
        if not self._pace.may(who.person, self._now().boot):
            raise Refusal("not_done", "you have asked for too many packs within a short time: wait a minute")
        if who.person in self._making or (len(self._making) >= AT_ONCE and not who.is_root):
            raise Refusal("not_done", "another pack is being made: try again when it is there")
        if not who.is_root and is_reached(os.path.dirname(self._directory)):
            raise Refusal("not_done", NO_ROOM)
        self._making.add(who.person)
        try:
            with ExitStack() as open_files:
                async for row in self._rows(who, id, asked.recordings, open_files):
                    yield row
        except TooLarge:
            raise Refusal("not_done", TOO_LARGE) from None
        except TimeoutError:
            raise Refusal("not_done", "the pack could not be made in time: try again, or without recordings") from None
        finally:
            self._making.discard(who.person)

    def _meant(self, who: Subject, typed: str) -> str:
        """Return the request that ``typed`` names: itself, or the one of a run or a holding. Raises Refusal."""
        id = read_id(typed)
        if id is None:
            raise Refusal("usage", f"{shown(typed)} is not an id: an id has two groups of four letters and digits")
        if "." in id:
            part = self._store.run(id) or self._store.holding(id)
            if part is None:
                raise Refusal("unknown", f"there is no run or holding {shown(typed)}")
            id = part.request
        return self._access.request(Act.SEE, who, id).id

    async def _rows(self, who: Subject, id: str, with_recordings: bool, open_files: ExitStack) -> AsyncGenerator[Row, None]:
        async def work(what: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
            return await self._workers.kept.run_within(GATHERED_WITHIN, who.party, what, *args, **kwargs)

        await self._wait_until_signed(self._store.head().number)
        found = await work(self._gather, who, id)
        recorded: dict[str, int | bytes] = {}
        until = time.monotonic() + CONVERTED_WITHIN
        for run in found.runs[:MOST_RECORDINGS] if with_recordings else ():
            in_time = time.monotonic() < until
            recorded |= await work(self._recorded, run, open_files, tuple(recorded.values()), is_converted=in_time)
        first = {
            making.README: readme(self._host, id, who.principal),
            making.PAGE: b"",
            making.VERIFIER: await work(verifier),
        }
        files: dict[str, int | bytes] = {**first, **found.files, **recorded}
        files[making.PAGE] = await work(_page, files, id)
        named = [await work(_described, name, content) for name, content in files.items()]
        listed = making.manifest(self._host, id, self._now().at, who.principal, self._version, named)
        for run in found.runs:
            if f"recordings/{run.id}.jitd" in recorded:
                self._lifecycle.note("recording.watched", who.principal, who.uid, {"run": run.id, "live": False})
        detail = {"id": id, "manifest": hashlib.sha256(listed).hexdigest(), "n": len(named)}
        self._lifecycle.note("pack.made", who.principal, who.uid, detail)
        number = self._store.head().number
        await self._wait_until_signed(number)
        proof = await work(self._proof, who, number)
        for name, content in {**files, making.MANIFEST: listed, making.PROOF: proof}.items():
            size = _size(content)
            for start in range(0, max(1, size), PIECE):
                piece = (
                    content[start : start + PIECE] if isinstance(content, bytes) else await work(os.pread, content, PIECE, start)
                )
                if len(piece) != min(PIECE, size - start):
                    raise Refusal("not_done", f"{name} was changed while the pack was made")
                yield {"file": name, "data": b2a_base64(piece, newline=False).decode("ascii")}

    async def _wait_until_signed(self, number: int) -> None:
        """Wait a moment until a checkpoint covers record ``number``."""
        until = time.monotonic() + SIGNED_WITHIN
        while time.monotonic() < until:
            last = self._store.last_checkpoint()
            if last is not None and last.number >= number:
                return
            await asyncio.sleep(LOOK_EVERY)

    # --- what is read of the store -------------------------------------------------------------------------------------

    def _gather(self, who: Subject, id: str) -> _Gathered:
        with closing(self._opened()) as store:
            request = store.request(id)
            if request is None:
                raise Refusal("unknown", f"there is no request {id}")
            sight = sight_of(self._access, who, store)
            objects = _objects(store, request)
            about = _about(store, request, objects)
            found = {number: self._found(store, number) for number in about}
            digests = {str(one.content.get("policy")) for one in found.values()}
            beside = _beside(store, {id, request.lease or id}, found, digests)
            lines = _Lines(store, self._countersigned())
            shown_ones = sorted({*about, *beside})
            if len(shown_ones) > MOST_SHOWN:
                raise TooLarge
            segments = lines.segments(shown_ones, about)
            files = {making.RECORDS: text_of(self._lines(store, lines, segments, frozenset(shown_ones), sight))}
            policies = {digest: text for digest in sorted(digests) if (text := store.policy_text(digest)) is not None}
            files[making.DOCUMENTS] = text_of(
                making.document_line(
                    life, one, document, store.values(one), sight(asked).without | self._unread(store, who, asked)
                )
                for life, one, asked in objects
                if sight(asked).names is None and (document := store.document(life, one)) is not None
            )
            files |= {making.policy_name(digest): text.document() for digest, text in policies.items()}
            is_shown = sight(request) != WITHOUT_CONTENTS
            if is_shown and (traced := self._trace(store, request, found.values(), policies)) is not None:
                files[making.TRACE] = making.trace_file(traced)
            files |= self._texts(who, store, request)
            if sum(map(len, files.values())) > making.MOST_BYTES:
                raise TooLarge
            runs = [store.run(one) for life, one, _ in objects if life == "run"]
            return _Gathered(id, files, tuple(run for run in runs if run is not None and self._may_watch(who, store, run)))

    def _texts(self, who: Subject, store: Store, request: Request) -> dict[str, bytes]:
        """Return the texts of an edit, or of a new file, that the reader may see and that are still kept."""
        file = request.command.writes
        if file is None or not self._access.may(Act.READ_TEXTS, who, request, store=store):
            return {}
        if isinstance(file, Edits):
            digests = tuple(digest for edit in file.files for digest in (edit.before, edit.after))
        elif file.is_told or self._access.may(Act.READ_BEYOND, who, request, store=store):
            digests = tuple(digest for name in ("before", "after") if (digest := getattr(file, name, b"")))
        else:
            digests = (file.after,) if isinstance(file, Edit) and file.tells_new else ()
        return {making.edited_name(digest): text for digest in digests if (text := store.text(digest)) is not None}

    def _unread(self, store: Store, who: Subject, asked: Request) -> frozenset[str]:
        """Return the values of ``asked`` about files that its requester cannot read, if ``who`` is told no more than they."""
        if self._access.may(Act.READ_BEYOND, who, asked, store=store):
            return frozenset()
        are_told = {
            "operands": all(one.is_told for one in asked.command.operands),
            "interpreters": all(one.is_told for one in asked.command.interpreters),
        }
        return sight_of(self._access, who, store)(asked).without | {name for name, is_so in are_told.items() if not is_so}

    def _found(self, store: Store, number: int) -> Found:
        record = store.record(number)
        assert record is not None, "the store shows one moment, and an index proposes only what is there"
        return Found(self._hosts.at(store, number), store, number, *record)

    def _may_watch(self, who: Subject, store: Store, run: Run) -> bool:
        asked = store.request(run.request)
        is_there = not run.is_live and run.recording is not None
        return is_there and asked is not None and self._access.may(Act.REPLAY, who, asked, store=store)

    def _lines(
        self,
        store: Store,
        lines: _Lines,
        segments: list[tuple[int, int]],
        numbers: frozenset[int],
        sight: Callable[[Request], Sight],
    ) -> Iterator[str]:
        for start, end in segments:
            yield from lines.signed(start)
            for number, body, seal in islice(store.records(start), end - start):
                if number in numbers:
                    one = Found(self._hosts.at(store, number), store, number, body, seal)
                    yield one.line(one.sight(sight))
                else:
                    yield Digest(self._hosts.at(store, number), number, hashlib.sha256(body).digest()).line()
                yield from lines.signed(number)

    def _trace(
        self, store: Store, request: Request, found: Iterable[Found], policies: Mapping[str, PolicyText]
    ) -> dict[str, Any] | None:
        screened = next(
            (one for one in found if one.content.get("event") == name_of_kind(Screened) and request.id == one.content.get("id")),
            None,
        )
        if screened is None or store.values(request.id).is_forgotten:
            return None
        text = policies.get(str(screened.content.get("policy")))
        policy = None if text is None else self._rules.read_again(text)
        if policy is None:
            return None
        detail = store.values(request.id).filled(screened.content.get("detail"))
        return trace(policy, request, datetime.fromisoformat(screened.content["at"]), detail, self._names)

    def _proof(self, who: Subject, number: int) -> bytes:
        with closing(self._opened()) as store:
            lines = _Lines(store, ())  # nothing covers this file: a countersignature could be taken out of it
            segments = lines.segments([number], ())
            return text_of(self._lines(store, lines, segments, frozenset([number]), lambda asked: WITHOUT_CONTENTS))

    # --- recordings ----------------------------------------------------------------------------------------------------

    def _recorded(
        self, run: Run, open_files: ExitStack, before: tuple[int | bytes, ...], *, is_converted: bool
    ) -> dict[str, int | bytes]:
        """Return the files about the recording of ``run``, beside those that are there ``before``. The recording itself is a
        descriptor, which is closed with ``open_files``. If ``is_converted`` is false, there is nothing else.
        """
        try:
            file = storage.open_recording(self._directory, run.id)
        except (FileNotFoundError, ValueError, storage.RecordingError):
            return {}  # it was removed after its time, and its digest stays in the record
        open_files.callback(os.close, file)
        if sum(map(_size, before)) + _size(file) > MOST_RECORDED:
            return {}
        found: dict[str, int | bytes] = {f"recordings/{run.id}.jitd": file}
        assert run.recording is not None
        try:
            if not is_converted or sum(len(one) for one in before if isinstance(one, bytes)) > making.MOST_BYTES:
                return found  # anybody can make an asciicast of it
            examine(file, [Mark(run.recording.n_chunks, run.recording.size, bytes.fromhex(run.recording.digest))])
            found[f"recordings/{run.id}.cast"] = _cast(Recording(file))
        except Altered:
            pass  # it is there as it is stored, and does not fit its digest in the record
        return found


def _objects(store: Store, request: Request) -> list[tuple[str, str, Request]]:
    """Return the life, the id and the request of each object that belongs to ``request``. Raises TooLarge."""
    grant, asked = request.id, [request]
    if request.lease is not None:
        grant = request.lease
        lease = store.request(grant)
        asked += [] if lease is None else [lease]
    is_use = request.lease is not None
    runs = islice(store.runs(grant=grant, ended=True), MOST_READ)
    holdings = islice(store.holdings(grant=grant, ended=True), MOST_READ)
    parts = [("run", run.id, request) for run in runs if not is_use or run.request == request.id]
    parts += [("holding", one.id, request) for one in holdings if not is_use or one.request == request.id]
    if len(parts) > MOST_OBJECTS:
        raise TooLarge
    objects = [("request", one.id, one) for one in asked]
    objects += [("grant", grant, asked[-1])] if store.grant(grant) is not None else []
    objects += parts
    objects += [("owed_review", one.id, one) for one in asked if store.owed_review(one.id) is not None]
    return sorted(objects, key=lambda one: LIVES.index(one[0]))


def _about(store: Store, request: Request, objects: Iterable[tuple[str, str, Request]]) -> set[int]:
    """Return the numbers of the records about ``request`` and what followed from it. Raises TooLarge."""
    ids = [request.id, *(id for life, id, _ in objects if life in ("run", "holding") and not id.startswith(request.id))]
    found = {number for id in ids for number, _ in _sought(store, Sought(id=id), MOST_SHOWN)}
    if request.lease is None:
        return found
    grants = []
    for number, content in _sought(store, Sought(id=request.lease), MOST_READ):
        if content.get("id") != request.lease:
            continue
        if str(content.get("event")).startswith("grant."):
            grants.append(number)
        else:
            found.add(number)
    return {*found, *grants[:1], *grants[-1:]}


def _beside(store: Store, owners: set[str], about: Mapping[int, Found], digests: set[str]) -> set[int]:
    """Return the numbers of the notes that the records need: about keys, what was forgotten, and the policies ``digests``."""
    found = {number for number, _ in _sought(store, Sought(event="key."))}
    for number, content in _sought(store, Sought(event=FORGOTTEN)):
        if owners.intersection(detail_of(content).get("owners") or ()):
            found.add(number)
    begun = {digest: min(n for n, one in about.items() if one.content.get("policy") == digest) for digest in digests}
    came: dict[str, int] = {}
    for event in (POLICY_LOADED, DAEMON_STARTED):
        for number, content in _sought(store, Sought(event=event)):
            digest = str(content.get("policy"))
            if number < begun.get(digest, 0):
                came[digest] = max(number, came.get(digest, 0))
    return {*found, *came.values()}


def _sought(store: Store, sought: Sought, most: int = sys.maxsize) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the content of each record that is ``sought``. Raises TooLarge if there are more than ``most``."""
    after, n = 0, 0
    while True:
        numbers, after = store.find(after, sought)
        for number in numbers:
            if (record := store.record(number)) is None:
                continue
            one = Found("", store, number, *record)
            if one.is_sought(sought):
                n += 1
                if n > most:
                    raise TooLarge
                yield number, one.content
        if after >= store.head().number:
            return


class _Lines:
    """What is signed of the chain of ``store``."""

    def __init__(self, store: Store, countersigned: Iterable[Countersignature]) -> None:
        self._store = store
        self._countersigned: dict[int, list[Countersignature]] = {}
        for one in sorted(countersigned, key=lambda one: one.witness):
            self._countersigned.setdefault(one.number, []).append(one)
        self._checkpoints: dict[int, Checkpoint] = {}

    def segments(self, numbers: Iterable[int], about: Iterable[int]) -> list[tuple[int, int]]:
        """Return the segments that show the records ``numbers``, which are in ascending order: of each, the number before its
        first record, and that of its last one. Those that show one of ``about`` go on to a countersigned head that is near.
        """
        found: list[tuple[int, int]] = []
        about, head = frozenset(about), self._store.head().number
        for number in numbers:
            if found and number <= found[-1][1] and number not in about:
                continue
            begins = self._store.checkpoint_before(number)
            start = 0 if begins is None else self._note(begins)
            end = self._end(number, head, is_about=number in about)
            if found and start <= found[-1][1]:
                start, end = found[-1][0], max(end, found.pop()[1])
            found.append((start, end))
        if sum(end - start for start, end in found) * LEAST_LINE > making.MOST_BYTES:
            raise TooLarge
        for start, end in found:
            for one in self._store.checkpoints(start):
                if one.number > end:
                    break
                self._note(one)
        return found

    def _note(self, one: Checkpoint) -> int:
        self._checkpoints[one.number] = one
        return one.number

    def _end(self, number: int, head: int, *, is_about: bool) -> int:
        ends = next(self._store.checkpoints(number - 1), None)
        if ends is None:
            return head
        near = [n for n in self._countersigned if number <= n <= number + COUNTERSIGNED_WITHIN and n <= head]
        return max(ends.number, min(near)) if is_about and near else ends.number

    def signed(self, number: int) -> Iterator[str]:
        """Yield the checkpoint of record ``number``, if there is one, and its countersignatures."""
        if (one := self._checkpoints.get(number)) is not None:
            yield one.line()
            yield from (other.line() for other in self._countersigned.get(number, ()))


# --- files ---------------------------------------------------------------------------------------------------------------


def _size(content: int | bytes) -> int:
    return len(content) if isinstance(content, bytes) else os.fstat(content).st_size


def _described(name: str, content: int | bytes) -> File:
    if isinstance(content, bytes):
        return file_of(name, content)
    digest, size = hashlib.sha256(), 0
    while piece := os.pread(content, 1 << 20, size):
        digest.update(piece)
        size += len(piece)
    return File(name, size, digest.hexdigest())


def _page(files: Mapping[str, int | bytes], id: str) -> bytes:
    """Return index.html. It reads no recording. Raises Refusal."""
    try:
        return page({name: content if isinstance(content, bytes) else b"" for name, content in files.items()}, id)
    except Wrong as fault:
        raise Refusal("not_done", f"the record of {id} cannot be read: {fault}; jitd audit verify tells more") from None


def _cast(recording: Recording) -> bytes:
    """Return ``recording`` as asciicast v2. If it would be longer than MOST_CAST, it ends with a marker."""
    lines = asciicast.lines(recording.header, as_read(recording.frames), version=2)
    return "".join(asciicast.cut(lines, MOST_CAST)).encode("ascii")
