# SPDX-License-Identifier: Apache-2.0
"""Compares what an approver was shown of a request with the record of its submission, and with what they are to sign.

Law: what is signed names the record by its seal. So the seal, the commitments and each part of the page that decides are checked
here, by what this program computes itself. Something that is missing in the record, or that this program cannot compare, is a
difference. The host says all of it, and nothing of it is believed before it fits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from jitd.audit.forms import Record
from jitd.audit.receipt import TIME_FORMAT, Sealed, Statement, Terms, Unlock
from jitd.audit.strict_json import canonical
from jitd.cli.instants import span
from jitd.core.chain import actor_of, detail_of, event_of, linked
from jitd.core.edit import SUDOEDIT
from jitd.core.law import name_of_kind
from jitd.core.lock import Placed
from jitd.core.masking import MASKED
from jitd.core.script import says_it_is_bound
from jitd.core.sought import SUBMITTED
from jitd.core.spelling import unspelled
from jitd.core.values import commitment, filled, id_in
from jitpam.wire.principals import realm_of
from jitpam.wire.rows import (
    DAMAGES,
    GRADES,
    Authentication,
    Doubted,
    Edit,
    Edits,
    Finding,
    Interpreter,
    Lock,
    Login,
    NewFile,
    Operand,
    Point,
    Program,
    Removal,
    Request,
    Script,
    Things,
    User,
)
from jitpam.wire.shown import reshown, shown, unshown

PLACED = name_of_kind(Placed)
_RECORD = {SUBMITTED: "the record of the submission", PLACED: "the record of its placing"}
_SUDOEDIT = SUDOEDIT.decode("ascii")
_OF_LOCK = (("whom", "whom it locks"), ("name", "whom it locks"), ("reason", "its reason"), ("lasts_for", "how long it lasts"))
MOST_BEFORE = 60  # seconds between the moment when jitd read the ticket and the record that is not named
MORE = "an approval would permit more than was asked for"
OFFERED = "what an approval would permit"  # the rules decide that, and may have changed since the page was made
UNNAMED = "the text, which the record does not name"  # of an undo, if its requester may not read what is written or goes


def difference(row: Request, line: Record, before: bytes, said: Statement, *, host: str, approver: str) -> str:
    """Return which part of ``row`` does not stand in ``line``, the record of the submission, or in the statement ``said``, which
    ``approver`` is to sign for ``host``. ``before`` is the digest of the seal before the record. If all fits, return an empty
    text. Raises ValueError if something cannot be a record at all.
    """
    recorded = _recorded(line, before, said.submitted, SUBMITTED, row.id)
    if isinstance(recorded, str):
        return recorded
    return next((part for part, fits in _parts(row, *recorded, said, host, approver) if not fits), "")


def difference_of_lock(row: Lock, line: Record, before: bytes, said: Unlock, *, host: str, operator: str) -> str:
    """As ``difference``, of the lock in ``row``, which ``operator`` is to lift. ``line`` is the record of its placing."""
    recorded = _recorded(line, before, said.placed, PLACED, row.id)
    if isinstance(recorded, str):
        return recorded
    content, detail = recorded
    compared = (
        ("the lock", (said.id, said.whom, shown(said.name)), (row.id, row.whom, row.name)),
        *((part, _plain(detail.get(name)), getattr(row, name)) for name, part in _OF_LOCK),
        ("what else the record says", detail.keys() - dict(_OF_LOCK).keys(), set()),
        ("who placed it", shown(actor_of(content)), row.placed_by),
        ("the host", said.host, host),
        ("the operator", said.operator, operator),
        ("the newest record", said.newest.number > said.placed.number or said.newest == said.placed, True),
    )
    return next((part for part, told, shown_as in compared if told != shown_as), "")


def _plain(said: Any) -> Any:
    return shown(said) if isinstance(said, str) else said


def _recorded(line: Record, before: bytes, sealed: Sealed, event: str, id: str) -> tuple[dict[str, Any], dict[str, Any]] | str:
    """Return the record ``line`` of ``event``, which began the object ``id``, and its detail with all values; or what of it does
    not fit ``sealed``, its own seal or its commitments.
    """
    if not line.sealed or (line.number, line.seal) != tuple(sealed):
        return _RECORD[event]
    if linked(line.number, before, hashlib.sha256(line.sealed).digest()) != line.seal:
        return "the seal of the record"
    values: dict[str, Any] = {}
    for one in line.values:
        if commitment(one.field, one.salt, canonical(one.value)) != one.committed:
            return f"the value {one.field} in the record"
        values[one.committed.hex()] = one.value
    content = json.loads(line.sealed)
    # in another spelling, another reader may find other members, such as the first of two
    if canonical(content) != line.sealed or not isinstance(content, dict) or event_of(content) != event or id_in(content) != id:
        return _RECORD[event]
    missing: list[str] = []

    def say(committed: str) -> Any:
        if committed not in values:
            missing.append(committed)
        return values.get(committed)

    detail = filled(dict(detail_of(content)), say)
    return "a value in the record, which is not told" if missing else (content, detail)


def _parts(
    row: Request, content: dict[str, Any], detail: dict[str, Any], said: Statement, host: str, approver: str
) -> Iterator[tuple[str, bool]]:
    yield "what its rule hides from you", not row.narrowed
    yield "the realm that is left out", row.realm in ("", realm_of(approver))
    for name in sorted(detail.keys() - _KNOWN):
        yield f"{name}, which this program does not know", False
    for name, part, told, shown_in in _COMPARED:
        yield part, told(detail.get(name)) == shown_in(row)
    for name, part, is_as_shown in _FITS:
        yield part, is_as_shown(detail.get(name), row)
    yield "the new text", not _is_written(row) or bool(row.scripts)
    for one in row.scripts:
        yield f"the text of {one.path}", _is_text_of(one, row, detail)
    fingerprint, actor, uid = (content.get(name) for name in ("fingerprint", "actor", "uid"))
    yield "the fingerprint", bool(row.fingerprint) and fingerprint == row.fingerprint
    yield "the requester", _plain(actor) == row.requester == shown(said.requester)
    yield "the uid of the requester", uid == row.uid
    yield "the host", said.host == host == row.host
    yield "the id", said.id == row.id
    yield "the approver", said.approver == approver
    yield "the rule", shown(said.rule) == row.rule
    yield "the time of its end", said.expires == _time(row.expires_at)
    yield MORE, _is_at_most_asked(said.terms, row)
    yield OFFERED, said.terms == _terms(row)
    yield "the newest record", said.newest.number > said.submitted.number or said.newest == said.submitted
    yield "what the page of such a request does not show", _is_all_shown(row)
    named = "text_after" if row.removes is None else "text_before"
    is_named = detail.get(named) is not None or bool(row.edits) or not _is_written(row)
    yield UNNAMED, is_named  # who ignores this one ignores nothing else


def _terms(row: Request) -> Terms | None:
    if row.gets is None or row.terms is None or row.gets.lasts_for is None or row.gets.uses is None:
        return None
    return Terms(row.gets.lasts_for, row.gets.uses, row.terms.timeout_for, _time(row.starts_at))


def _is_at_most_asked(terms: Terms, row: Request) -> bool:
    """The page has the terms that were asked for, and not what the rule makes of them, which is never more."""
    uses = 1 if row.gives or (row.lasts_for is None and row.uses is None) else row.uses
    asked = (terms.lasts_for, row.lasts_for), (terms.uses, uses), (terms.timeout_for, row.timeout_for)
    return all(most is None or (got is not None and got <= most) for got, most in asked)


def _time(text: str | None) -> str:
    """Return a time in whole seconds, as a statement has it, or an empty text."""
    return "" if not text else datetime.fromisoformat(text).astimezone(UTC).strftime(TIME_FORMAT)


def _text(spelled: Any) -> str | None:
    return shown(unspelled(spelled)) if isinstance(spelled, str) else None


def _flag(usual: bool) -> Callable[[Any], Any]:
    """For a member that the record has only if it is not as usual. Another word for it, such as 0, is another thing."""
    return lambda said: usual if said is None else said if isinstance(said, bool) else None


def _each(words: Any, of: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    return tuple(map(of, words)) if isinstance(words, list) else None


def _texts(words: Any) -> tuple[Any, ...] | None:
    return _each(words, _text)


def _pairs(pairs: Any) -> tuple[Any, ...] | None:
    return _each(pairs, _texts)


def _tuple(words: Any) -> tuple[Any, ...] | None:
    return _each([] if words is None else words, _plain)


def _sentences(said: Any) -> tuple[Any, ...] | None:
    return _each([] if said is None else said, lambda one: reshown(one) if isinstance(one, str) else one)


def _is_written(row: Request) -> bool:
    """True if the page says that a file gets a text or is removed, whatever else it says of the request."""
    return row.edit is not None or row.makes is not None or row.removes is not None or bool(row.edits)


def _is_all_shown(row: Request) -> bool:
    """The page shows what belongs to what is asked for, such as the file of an edit, and no program. The record has what the row
    has, so nothing else may be there.
    """
    runs = dict[str, Any](digest="", variables=(), locale=(), options=(), operands=(), interpreters=())
    given = dict[str, Any](brought="", lets=(), stays=False)
    writes = dict[str, Any](edit=None, makes=None, edits=(), removes=None)
    match row.what:
        case Things(names=names):
            is_each_of_one = all(sentence.startswith(tuple(f"{name}: " for name in names)) for sentence in row.lets)
            usual = runs | writes | {"argv": names if is_each_of_one else None, "path": "", "run_as_uid": row.uid}
        case Edit() | Edits() | NewFile() | Removal():
            paths = dict.fromkeys(row.argv[1:])
            is_each = len(paths) == len(row.argv) - 1 == (len(row.edits) or 1)
            usual = runs | given | {"argv": (_SUDOEDIT, *paths) if is_each else None, "path": _SUDOEDIT}
        case Program() | Login() | Doubted():
            usual = given | writes
    return all(getattr(row, name) == one for name, one in usual.items())


def _are_texts_of(said: Any, row: Request) -> bool:
    """True if the page shows a text for each of several files whose texts the record has, and for no other one."""
    if said is None or not row.edits:
        return said is None and not row.edits
    return isinstance(said, list) and len(said) == len(row.edits) and tuple(one.path for one in row.scripts) == row.argv[1:]


def _new(made: Any) -> Any:
    return {name: _plain(part) for name, part in made.items()} if isinstance(made, dict) else made


def _owned(file: NewFile | Removal | None) -> dict[str, str] | None:
    return None if file is None else {"owner": file.owner, "mode": file.mode}


def _keeps(said: Any) -> Any:
    return None if said is None else tuple(map(_new, said))


def _kept(row: Request) -> Any:
    return None if not (files := _edits(row)) else tuple({"owner": one.owner, "mode": one.mode} for one in files)


def _edits(row: Request) -> tuple[Edit, ...]:
    return row.edits or (() if row.edit is None else (row.edit,))


def _mounted(row: Request) -> tuple[str, ...]:
    found = tuple(one.mounted for one in (*_edits(row), *(() if row.removes is None else (row.removes,))))
    return found if any(found) else ()


def _covered(row: Request) -> tuple[str, ...]:
    found = tuple(one.covered for one in (*_edits(row), *(() if row.removes is None else (row.removes,))))
    return found if any(found) else ()


def _are_changed(said: Any, row: Request) -> bool:
    """As ``_is_graded``: the page may warn of more."""
    files = _edits(row)
    return said is None or (
        len(said) == len(files) and all(one.changed or not is_so for is_so, one in zip(said, files, strict=True))
    )


def _asked(row: Request) -> dict[str, int]:
    return {name: one for name in ("lasts_for", "uses", "timeout_for") if (one := getattr(row, name)) is not None}


def _is_graded(said: Any, row: Request) -> bool:
    """The page may show more than was seen when it was asked for, and never less. Without a grade, it shows the worst one, and
    nothing less fits a record without a grade.
    """
    return GRADES.index(said or GRADES[-1]) <= GRADES.index(row.grade or GRADES[-1])


def _finding(said: Any) -> tuple[Any, ...]:
    one = Finding.read({"damage": DAMAGES[0], **said})  # a damage of none is not recorded
    return one.grade, one.damage, *map(_text, (one.what, one.path, one.matters))


def _finding_shown(one: Finding) -> tuple[Any, ...]:
    return one.grade, one.damage, one.what, one.path, one.matters


def _are_found(said: Any, row: Request) -> bool:
    """As ``_is_graded``: each reason that was recorded is on the page, word by word."""
    return {_finding(one) for one in said or ()} <= set(map(_finding_shown, row.findings))


def found_since(row: Request, line: Record) -> tuple[Finding, ...]:
    """Return the findings in ``row`` that ``line`` does not have, because the host has looked again. The two have no
    ``difference``.
    """
    recorded = set(map(_finding, _detail(line).get("findings") or ()))
    return tuple(one for one in row.findings if _finding_shown(one) not in recorded)


def unrecorded(row: Request, line: Record) -> tuple[str, ...]:
    """As ``found_since``: return the paths of files in arguments and of interpreters that are in ``row`` and not in ``line``, or
    there without their digest, because its requester cannot see or read them.
    """
    detail = _detail(line)
    left = (_left(detail.get(name), getattr(row, name), is_one) or () for name, is_one in _IN_PART.items())
    return tuple(one.path for some in left for one in some)


def compared_with(row: Request, line: Record) -> tuple[str, ...]:
    """As ``found_since``: return the path of the file of an edit whose text of now is in ``row`` and not in ``line``, because its
    requester cannot read it. What the page calls unchanged is so by this text.
    """
    is_recorded = row.edit is None or _detail(line).get("text_before") is not None
    return () if is_recorded else tuple(one.path for one in row.scripts if one.before is not None)


def aged(row: Request, line: Record) -> str:
    """As ``found_since``: return how old the ticket is in ``row`` if it was not by ``line``, which has when the person
    authenticated and when they asked, or an empty text. jitd reads the ticket a moment before. Raises ValueError and TypeError if
    these are no times.
    """
    how, asked_at = row.authentication, str(json.loads(line.sealed).get("at"))
    if how is None or how.at is None or how.age is None:
        return ""  # the page says that the age is not known
    recorded = int((datetime.fromisoformat(asked_at) - datetime.fromisoformat(how.at)).total_seconds())
    if abs(recorded - how.age) <= MOST_BEFORE:
        return ""
    return f"that the ticket was {span(how.age)} old: by the record it was {span(recorded)} old"


def _detail(line: Record) -> dict[str, Any]:
    values = {one.committed.hex(): one.value for one in line.values}  # more than the record names may have been told
    found: dict[str, Any] = filled(dict(detail_of(json.loads(line.sealed))), values.get)
    return found


def _left(said: Any, seen: Iterable[Any], is_one: Callable[[Any, Any], bool]) -> tuple[Any, ...] | None:
    """Return what of ``seen`` is not in ``said``, a member of the record, or is without its digest there, or None if it lacks
    something of ``said``, or has it in another order.
    """
    left, recorded = [], list(said or ())
    for one in seen:
        is_recorded = bool(recorded) and is_one(recorded[0], one)
        if not is_recorded or (not recorded[0][-1] and one.digest):
            left.append(one)
        if is_recorded:
            del recorded[0]
    return None if recorded else tuple(left)


def _operands(said: Any, row: Request) -> bool:
    """A file that the requester cannot see, and the digest of one that they cannot read, are not in the record: the fingerprint
    alone binds them.
    """
    return _left(said, row.operands, _is_operand) is not None


def _is_operand(said: Any, one: Operand) -> bool:
    at, path, digest = said
    return at == one.argument and _is_path(_text(path), one.path) and digest in ("", one.digest)


def _interpreters(said: Any, row: Request) -> bool:
    return _left(said, row.interpreters, _is_interpreter) is not None


def _is_interpreter(said: Any, one: Interpreter) -> bool:
    path, digest = said
    return (_text(path), digest) == (one.path, one.digest)


def _is_path(said: str | None, path: str) -> bool:
    """The page names no file that a masked word names, and the record has the word as it is masked."""
    return said is not None and (said == path or (path == MASKED and shown(MASKED) in said))


def _authenticated(given: Authentication | None, spell: Callable[[str], str] = str) -> tuple[Any, ...] | None:
    """The age is left out: ``aged`` is about it."""
    if given is None:
        return None
    parts = given.flags, given.indicators, given.ticket_encryption, given.session_encryption, given.by_door
    return _time(given.at), *parts, tuple(map(spell, given.realms))


def _is_damage(said: Any, row: Request) -> bool:
    """As ``_is_graded``. A damage of none is not recorded."""
    return DAMAGES.index(said or DAMAGES[0]) <= DAMAGES.index(row.damage or DAMAGES[-1])


def _is_text_of(script: Script, row: Request, detail: dict[str, Any]) -> bool:
    """Compare a text that the page shows with the digest that the record has of it. Other files than what is written may have no
    digest there: the requester cannot read them, and the fingerprint alone binds them, or they are not bound, and then the page
    must not say that they are.
    """
    if _is_written(row):
        before, after = (detail.get(name) for name in ("text_before", "text_after"))
        match detail:
            case {"texts": texts}:
                before, after = dict(zip(row.argv[1:], texts, strict=False)).get(script.path, ("", ""))
        if row.removes is not None:  # the text that goes is shown, and no other one
            before, after = None, before
        is_same = not script.recorded if before is None else script.before is None or _is_digest_of(before, script.before)
        return is_same and (after is None or _is_digest_of(after, script.text))
    bound = (
        [row.digest]
        if not script.argument
        else [one.digest for one in row.operands if (one.argument, one.path) == (script.argument, script.path)]
    )
    if script.text is None:
        return True
    if not any(bound):
        return not says_it_is_bound(script.bound, row.run_as)
    return all(_is_digest_of(digest, script.text) for digest in bound if digest)  # a row can have an operand twice, a record not


def _is_digest_of(digest: Any, text: str | None) -> bool:
    return text is not None and hashlib.sha256(unshown(text)).hexdigest() == digest


_IN_PART: dict[str, Callable[[Any, Any], bool]] = {"operands": _is_operand, "interpreters": _is_interpreter}
"""The members of which the page may have more than the record, and whether an item of it is one of the row."""
_COMPARED: tuple[tuple[str, str, Callable[[Any], Any], Callable[[Request], Any]], ...] = (
    ("argv", "the command", _texts, lambda row: row.argv),
    ("path", "the program", _text, lambda row: row.path),
    ("digest", "the digest of the program", lambda said: said or "", lambda row: row.digest),
    ("cwd", "the directory", _text, lambda row: row.cwd),
    ("run_as", "the account", _plain, lambda row: f"{row.run_as}:{row.run_as_group}"),
    ("run_as_uid", "the uid of the account", lambda said: said, lambda row: row.run_as_uid),
    ("account", "the account that asks", _plain, lambda row: row.account),
    ("chdir", "whether the directory was named", _flag(False), lambda row: row.chdir),
    ("waits", "whether the requester waits", _flag(True), lambda row: row.waits),
    ("service", "the service", _plain, lambda row: row.service),
    ("reason", "the reason", _plain, lambda row: row.reason),
    ("gives", "what is given", _tuple, lambda row: row.gives),
    ("lets", "what a thing lets them do", _tuple, lambda row: row.lets),
    ("stays", "whether it stays", _flag(False), lambda row: row.stays),
    ("brought", "what was brought", lambda said: said or "", lambda row: row.brought),
    ("options", "the options", lambda said: _texts(said or []), lambda row: row.options),
    ("doubt", "the doubt about the command", lambda said: _plain(said or ""), lambda row: row.doubt),
    ("break_glass", "that glass is broken", _flag(False), lambda row: row.breaks_glass),
    ("variables", "the variables", lambda said: _pairs(said or []), lambda row: row.variables),
    ("locale", "the locale", lambda said: _pairs(said or []), lambda row: row.locale),
    ("streams", "the streams", _tuple, lambda row: row.streams),
    ("keeps", "what the file keeps", _keeps, _kept),
    ("mounted", "who keeps the old text", _sentences, _mounted),
    ("covered", "who sees another file over it", _sentences, _covered),
    ("makes", "what the new file is made with", _new, lambda row: _owned(row.makes)),
    ("removes", "which file is removed", _new, lambda row: _owned(row.removes)),
    ("terms", "the terms", lambda said: said or {}, _asked),
    ("starts_at", "the start", lambda said: _time(said), lambda row: _time(row.starts_at)),
    ("extends", "the lease that it extends", lambda said: said, lambda row: None if row.extends is None else row.extends.id),
    ("undoes", "the edit that it undoes", lambda said: said or "", lambda row: row.undoes),
    ("point", "whence the requester came", lambda said: None if said is None else Point.read(said), lambda row: row.point),
    (
        "ticket_ends_at",
        "the end of the ticket",
        lambda said: _time(said if said != "None" else ""),
        lambda row: _time(row.ticket_ends_at),
    ),
    ("spelled", "the name in the ticket", lambda said: _plain(said or ""), lambda row: row.spelled),
    ("proved", "how the requester was proved", lambda said: said or "", lambda row: row.proved),
    (
        "authentication",
        "how the requester authenticated",
        lambda said: _authenticated(None if said is None else Authentication.read(said), shown),
        lambda row: _authenticated(row.authentication),
    ),
    ("group_ids", "the ids of the groups", _tuple, lambda row: row.group_ids),
    (
        "groups",
        "the groups",
        lambda said: None if (told := _tuple(said)) is None else tuple(sorted(told)),
        lambda row: row.groups,
    ),
    (
        "used_by",
        "who may be the one who asks",
        lambda said: tuple((shown(one.principal), one.run) for one in map(User.read, said or ())),
        lambda row: tuple((one.principal, one.run) for one in row.used_by),
    ),
)
"""The members of the detail of the record: what each is called, how it is shown, and what is shown."""
_FITS: tuple[tuple[str, str, Callable[[Any, Request], bool]], ...] = (
    ("operands", "the files in arguments", _operands),
    ("interpreters", "what executes the program", _interpreters),
    ("changed", "that somebody has changed the file", _are_changed),
    ("grade", "what the command gives", _is_graded),
    ("damage", "what the command destroys", _is_damage),
    ("findings", "why the command is graded so", _are_found),
    ("texts", "the texts of the files", _are_texts_of),
    ("text_after", "that a file is written", lambda said, row: said is None or _is_written(row)),
)
_KNOWN = {"text_before", *(one[0] for one in (*_COMPARED, *_FITS))}
"""All members that the detail may have."""
