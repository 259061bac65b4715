# SPDX-License-Identifier: Apache-2.0
"""Converts a client's messages to the values that the daemon uses.

Law: the message types of the protocol allow some senseless values. This module refuses such values before jitd looks up anything.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from jitd.core.asked_terms import NUMBERS, USUAL, AskedTerms
from jitd.core.claims import Claims
from jitd.core.deed import deed_of
from jitd.core.edit import SUDOEDIT, Undone
from jitd.core.keys.services import read_service
from jitd.core.origin import Caller
from jitd.core.several import MOST_THINGS
from jitd.core.wording import INSTEAD, is_instead
from jitd.deciding.command_lookup import NO_COMMAND, Asked
from jitd.deciding.explaining import Supposed
from jitd.verbs.asked_things import things_of
from jitd.verbs.refusal import Refusal
from jitpam.wire import messages
from jitpam.wire.codes import KINDS
from jitpam.wire.shown import shown


def refuse_instead(message: messages.Message) -> None:
    """Raise Refusal if the words of a person in ``message`` are what jitd says in the place of words that it does not tell. No
    reader could know whose they are (ADR 0150).
    """
    for name, kind in message.fields.items():
        said = getattr(message, name)
        if kind.startswith("Typed") and said and is_instead(said):
            raise Refusal("usage", f"a {name} cannot be {shown(said)}: jitd says this of a text that it does not tell")
        if "bytes" in kind and (end := _end_instead(said)):
            raise Refusal(
                "usage", f"a word cannot end with {end}, which jitd says where it does not tell a word: type the word itself"
            )


def _end_instead(said: bytes | list[Any] | None) -> str:
    """Return that end of a word in ``said`` which jitd says where it does not tell a word, or an empty text."""
    if isinstance(said, list):
        return next(filter(None, map(_end_instead, said)), "")
    return next((end for end in INSTEAD if said and said.endswith(end.encode())), "")


def pairs_in(pairs: list[list[bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """``pairs`` are the environment variables in a message. Return them as tuples of a name and a value. Raises Refusal."""
    if any(len(pair) != 2 for pair in pairs):
        raise Refusal("usage", "a variable is a name and a value")
    return tuple((name, value) for name, value in pairs)


def service_in(ask: messages.Ask | messages.Enforce | messages.EnforceCommand) -> str:
    """Return the service of ``ask``. The name of the service must be a name that a rule can contain. Raises Refusal."""
    try:
        return read_service(ask.service)
    except ValueError:
        raise Refusal("usage", "a service has a name of letters, digits, dots, hyphens and underscores, 64 at most") from None


def asked_in(ask: messages.Ask, caller: Caller | None) -> Asked:
    """Return the command of ``ask`` as the client sent it. ``caller`` is the process that asks. ``caller`` is None for a supposed
    request, which no process has made. Raises Refusal.
    """
    service_in(ask)
    breaks_glass = ask.breaks_glass if isinstance(ask, messages.Suppose) else isinstance(ask, messages.Breakglass)
    if breaks_glass and not deed_of(ask.service).is_executed:
        raise Refusal("usage", "only jitsudo can break glass")
    if breaks_glass and ask.starts_at is not None:
        raise Refusal("usage", "--break-glass cannot be combined with --at: what can wait can be approved")
    _refuse_streams(ask)
    argv, texts, bases = tuple(ask.argv), _texts_in(ask), _bases_in(ask)
    if texts:
        _refuse_idle(ask)
    elif isinstance(ask, messages.Explain | messages.Suppose) and _is_edit(ask):
        argv = (SUDOEDIT, *(os.path.join(ask.cwd, path) for path in argv[1:]))
        texts = bases = (b"",) * len(argv[1:])
    are_several = isinstance(ask, messages.Edits) or len(texts) > 1
    terms = AskedTerms(**{name: getattr(ask, name) for name in NUMBERS})
    if not terms.is_in_range:
        raise Refusal("usage", "--for, --uses and --timeout must be at least 1")
    return Asked(
        argv=argv,
        login=ask.login,
        user=ask.user,
        group=ask.group,
        cwd=ask.cwd,
        cwd_device=ask.cwd_device,
        cwd_inode=ask.cwd_inode,
        chdir=ask.chdir,
        variables=pairs_in(ask.variables),
        preserved=pairs_in(ask.preserved),
        locale=pairs_in(ask.locale),
        streams=tuple(ask.streams),
        reason=ask.reason,
        terms=terms if ask.starts_at is None else replace(terms, starts_at=_instant(ask.starts_at)),
        anew=isinstance(ask, messages.Anew) or ask.starts_at is not None,
        tty=ask.tty,
        caller=caller,
        breaks_glass=breaks_glass,
        text=b"".join(texts) if texts else None,
        base=b"" if are_several else b"".join(bases),
        texts=texts if are_several else (),
        bases=bases if are_several else (),
    )


def undone_in(ask: messages.Undo, undones: tuple[Undone, ...], caller: Caller) -> Asked:
    """Return the edit that takes ``undones``, which one request has done, back, as ``ask`` asks for it. Raises Refusal."""
    _refuse_streams(ask)
    several = undones if len(undones) > 1 else ()
    return replace(
        NO_COMMAND,
        argv=(SUDOEDIT, *(one.path for one in undones)),
        user=undones[0].user,
        group=undones[0].group,
        streams=tuple(ask.streams),
        reason=ask.reason,
        terms=USUAL if ask.starts_at is None else replace(USUAL, starts_at=_instant(ask.starts_at)),
        anew=ask.starts_at is not None,
        tty=ask.tty,
        caller=caller,
        text=b"".join(one.text for one in undones),
        undone=None if several else undones[0],
        texts=tuple(one.text for one in several),
        bases=(b"",) * len(several),
        undones=several,
    )


def _is_edit(ask: messages.Ask) -> bool:
    """True if the question ``ask`` is whether files may be edited. Their texts are not known yet, and no rule is about a text."""
    is_plain = deed_of(ask.service).is_executed and not ask.login and len(ask.argv) >= 2
    return is_plain and ask.argv[0] == SUDOEDIT and all(ask.argv[1:])


def _texts_in(ask: messages.Ask) -> tuple[bytes, ...]:
    match ask:
        case messages.Edit(text=text):
            return (text,)
        case messages.Edits(texts=texts) if texts:
            return tuple(texts)
        case messages.Edits():
            raise Refusal("usage", "there is no text")
    return ()


def _bases_in(ask: messages.Ask) -> tuple[bytes, ...]:
    bases = (
        tuple(ask.bases) if isinstance(ask, messages.Edits) else ((ask.base or b"") if isinstance(ask, messages.Edit) else b"",)
    )
    if any(base and len(base) != sha256().digest_size for base in bases):
        raise Refusal("usage", "the base of an edit is the SHA-256 of a text")
    return bases


def _refuse_streams(ask: messages.Ask | messages.Undo) -> None:
    if ask.streams and (len(ask.streams) != 3 or any(kind not in KINDS for kind in ask.streams)):
        raise Refusal("usage", "there are three standard streams, each of a known kind")


def _refuse_idle(edit: messages.Ask) -> None:
    """Raise Refusal if ``edit`` has a field that has no effect on an edit: nobody would know why it had none."""
    idle = (edit.login, edit.chdir, edit.variables, edit.preserved, edit.locale)
    if not deed_of(edit.service).is_executed or any(idle):
        raise Refusal("usage", "an edit has no program, directory or variables")
    if edit.lasts_for is not None or edit.uses is not None:
        raise Refusal("usage", "-e cannot be combined with --for or --uses: the approval is for one text")


def supposed_in(ask: messages.Suppose) -> Supposed:
    """Return the supposed request that the operator describes in ``ask``. Raises Refusal."""
    groups = None if ask.groups is None else frozenset(ask.groups)
    return Supposed(ask.principal, groups, None if ask.at is None else _instant(ask.at), _facts(ask.facts))


def _instant(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal("usage", "a time is like 2026-01-05T09:00:00Z") from None


def _facts(words: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the facts in ``words`` as pairs of a name and a value. Each name begins with ``fact.``. Raises Refusal."""
    pairs = tuple(word.partition("=") for word in words)
    if any(not name or not equals for name, equals, _ in pairs):
        raise Refusal("usage", "a fact is a name and a value, such as risk=40")
    return tuple((f"fact.{name.removeprefix('fact.')}", value) for name, _, value in pairs)


def thing_in(ask: messages.Get, caller: Caller) -> Asked:
    """Return the things that are requested in ``ask``. ``caller`` is the process that asks. Raises Refusal."""
    if len(ask.also) >= MOST_THINGS:
        raise Refusal("usage", f"at most {MOST_THINGS} things can be asked for at once")
    things, brought = things_of((ask.thing, *ask.also), ask.brought)
    if twice := [thing for thing in things if things.count(thing) > 1]:
        raise Refusal("usage", f"{twice[0]} is asked for twice: name each thing once")
    terms = replace(USUAL, lasts_for=ask.lasts_for)
    if not terms.is_in_range:
        raise Refusal("usage", "a thing is given for one second at least")
    return replace(
        NO_COMMAND,
        argv=tuple(thing.encode("ascii") for thing in things),
        reason=ask.reason,
        terms=terms,
        gives=True,
        stays=ask.stays or not ask.waits,
        brought=brought,
        tty=ask.tty,
        caller=caller,
    )


def claims_in(ask: messages.Ask | messages.Undo | messages.Get) -> Claims:
    """Return the claims of ``ask``. Claims are additional values from the client that nobody can check. Raises Refusal."""
    if len(ask.parents) > 32 or any(len(parent) > 256 for parent in ask.parents) or len(ask.tty or b"") > 4096:
        raise Refusal("usage", "the claims beside the command are too long")
    return Claims(ask.reason, ask.tty, ask.login_session, tuple(ask.parents))
