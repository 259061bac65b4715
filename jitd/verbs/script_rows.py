# SPDX-License-Identifier: Apache-2.0
"""Makes the rows of the texts that approvers read: what the command runs, and what was there at the last approval.

Law: the law of the module ``rows`` also applies to this module. A text is found by the digest in the request alone. A viewer gets
an earlier text only of a request whose contents they may see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jitd.core.deed import deed_of
from jitd.core.edit import Edit, Edits, NewFile, Removal
from jitd.core.masking import MASKED, NAMED_BY_A_MASK
from jitd.core.request import Request, RequestState, Verdict
from jitd.core.script import Script, bound
from jitd.store import Store
from jitd.verbs.limits import n_bytes_of
from jitd.verbs.outlook import LONGEST, MOST_BYTES
from jitd.verbs.rows import instant, is_masked
from jitpam.wire import rows
from jitpam.wire.notation import encode_basestring_ascii
from jitpam.wire.shown import shown

ROOM = 384 * 1024  # bytes of all texts of a row. Beside a command of more than LONGEST, a frame has none
NO_ROOM = "the texts of this request are too long together"
BOUND = "exactly this text is written, if the file is still as it was"
BOUND_TOGETHER = "exactly this text is written, if all files are still as they were"
BOUND_NEW = "exactly this text is written, if nothing is there then"
BOUND_GONE = "the file is removed, if it still has exactly this text"
UNTOLD = "the texts are told to you only if you can read the file, and could read both"
NOT_KEPT = "its text is not kept any more"


def script_rows(
    store: Store, found: Request, may_see: Callable[[Request], bool], *, is_own: bool = False
) -> tuple[rows.Script, ...]:
    """Return a row for each text of ``found``. ``may_see`` tells if the viewer may see the contents of an earlier request. Of an
    edit, the old text is sent, but not to whom ``found`` counts as their own (``is_own``), if its requester cannot read the file.
    Of a removal, the text that goes is sent to the same people, and if it is taken back, the text that comes.
    """
    left = ROOM if n_bytes_of(found.command) <= LONGEST else 0

    def fitting(digest: bytes) -> tuple[str | None, str]:
        nonlocal left
        if (text := store.text(digest)) is None:
            return None, NOT_KEPT
        seen = shown(text)
        size = len(encode_basestring_ascii(seen))
        if size > left:
            return None, NO_ROOM
        left -= size
        return seen, ""

    made = [_members(script, found) for script in found.scripts]
    edit = found.command.what
    untold = edit if isinstance(edit, Edit | NewFile | Removal) and is_own and not edit.is_told else None
    for script, row in zip(found.scripts, made, strict=True):  # what runs has room before what was
        if untold and not (isinstance(untold, Edit) and untold.tells_new):
            row["told"] = UNTOLD
        elif script.digest:
            row["text"], row["told"] = fitting(script.digest)
    edits = edit.files if isinstance(edit, Edits) else [edit] if isinstance(edit, Edit) else []
    for row, one in zip(made, edits, strict=False) if not untold else ():
        row["before"], told = fitting(one.before)
        row["told"] = row["told"] or told
        if isinstance(edit, Edits) or one.is_told:  # the record of the submission has its digest
            row["recorded"] = True
    if found.command.writes is not None:
        return tuple(rows.Script(**row) for row in made)
    for path, (script, earlier) in _last_approved(store, found, may_see).items():
        for row, now in zip(made, found.scripts, strict=True):
            if now.path == path and row["text"] is not None:
                row["before"], why = (row["text"], "") if script.digest == now.digest else fitting(script.digest)
                if not why:
                    given = [review for review in earlier.reviews if review.verdict is Verdict.APPROVE]
                    by = tuple(shown(review.by.principal) for review in given)
                    row["last"] = rows.Last(id=earlier.id, at=instant(given[-1].at), by=by)
    return tuple(rows.Script(**row) for row in made)


def _members(script: Script, found: Request) -> dict[str, Any]:
    is_executed = deed_of(found.service).is_executed
    if (file := found.command.writes) is not None:
        return {
            **dict.fromkeys(("text", "before", "last")),
            "argument": script.at,
            "path": shown(script.path),
            "told": "",
            "bound": _bound(file),
        }
    sentence = bound(script, found.command, found.service, is_executed=is_executed) if script.digest else ""
    is_unnamed = is_masked(found.command, script.at)  # why a file is not shown, or not bound, can quote its path
    return {
        "argument": script.at,
        "path": MASKED if is_unnamed else shown(script.path),
        "text": None,
        "before": None,
        "last": None,
        "told": NAMED_BY_A_MASK if is_unnamed and script.told else shown(script.told),
        "bound": NAMED_BY_A_MASK if is_unnamed and sentence else shown(sentence),
    }


def _bound(file: Edit | Edits | NewFile | Removal) -> str:
    match file:
        case Edit():
            return BOUND
        case Edits():
            return BOUND_TOGETHER
        case NewFile():
            return BOUND_NEW
        case Removal():
            return BOUND_GONE


def _last_approved(store: Store, found: Request, may_see: Callable[[Request], bool]) -> dict[bytes, tuple[Script, Request]]:
    """For the path of each text of ``found``, return the text that was there in the last approved request of the same person, and
    this request. A text that was approved to be written by an edit was not approved to run.
    """
    wanted = {script.path for script in found.scripts if script.digest}
    last: dict[bytes, tuple[Script, Request]] = {}
    if not wanted:
        return last
    for earlier in store.lately(found.requester.person, MOST_BYTES):
        is_earlier = earlier.id != found.id and earlier.submitted_at <= found.submitted_at
        is_approved = earlier.state is RequestState.APPROVED and any(r.verdict is Verdict.APPROVE for r in earlier.reviews)
        theirs = [script for script in earlier.scripts if script.digest and script.path in wanted - last.keys()]
        if theirs and is_earlier and is_approved and earlier.command.writes is None and may_see(earlier):
            last |= {script.path: (script, earlier) for script in theirs}
        if len(last) == len(wanted):
            break
    return last
