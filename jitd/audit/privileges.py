# SPDX-License-Identifier: Apache-2.0
"""The list of standing privileges, and its form as JSON (``jitd standing 1``).

Law: the bytes of a list depend only on what it says, so that equal lists have equal digests. A list that is too long says how
much of it is missing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FORM = "jitd standing 1"
ROOT = "root"
KINDS: Mapping[str, str] = {
    "account": "an account with the uid 0",
    "password": "anybody who knows the password of the account",
    "sudo": "a rule of sudoers, at a stack that does not ask jitd",
    "doas": "a line of doas.conf, at a stack that does not ask jitd",
    "pam": "a PAM stack that lets people in without a proof",
    "group": "a member of a group that amounts to root",
    "key": "anybody who has the private key of an SSH key that the account accepts",
    "k5login": "a principal that the account accepts",
    "rhosts": "a user of another host that the account accepts",
    "polkit": "a rule or an action of polkit that says yes, or names administrators",
    "jitd": "root's own commands, which jitd.toml permits without a rule",
}
MOST = 2000  # privileges in a list, and of sentences about what was not seen
LONGEST = 400  # characters of a text in a list. A longer text is cut.
MOST_BYTES = 2 * 1024 * 1024  # bytes of a list as JSON
ROOM = 256 * 1024  # these bytes that are kept free for sentences about what was not seen
FEW = 20  # entries of one kind about one account that come before all further ones
_FIELDS = ("who", "becomes", "by", "where")


class NoList(ValueError):
    """A text is not a list of standing privileges. The message says why."""


@dataclass(frozen=True, slots=True, order=True)
class Privilege:
    """``who`` can become ``becomes`` in the way ``by`` (of KINDS), which ``where`` allows: a file, a line, a group."""

    becomes: str
    by: str
    who: str
    where: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What was seen on ``host``. ``unseen`` are sentences about what may give privileges, too, and was not judged."""

    host: str
    privileges: tuple[Privilege, ...]
    unseen: tuple[str, ...]

    def text(self) -> str:
        """Return the list as JSON in ASCII."""
        body = {
            "form": FORM,
            "host": self.host,
            "privileges": [{name: getattr(one, name) for name in _FIELDS} for one in self.privileges],
            "unseen": list(self.unseen),
        }
        return json.dumps(body, ensure_ascii=True, separators=(",", ":"))

    @property
    def counts(self) -> dict[str, int]:
        """How many privileges there are of each kind, without those of which there are none."""
        return dict(sorted(Counter(one.by for one in self.privileges).items()))


def listed(host: str, privileges: Iterable[Privilege], unseen: Iterable[str]) -> Standing:
    """Return the list of ``privileges``, sorted and each one once. What has no room in it is counted in its last sentence."""
    found, sentences = sorted({_cut(one) for one in privileges}), sorted(set(map(_short, unseen)))
    most = MOST
    while True:
        fitting = _spread(found, most)
        kept = Standing(host, fitting, _told(sentences, len(found) - len(fitting), most))
        if len(kept.text()) <= MOST_BYTES:
            return kept
        most //= 2


def _told(sentences: list[str], n_left: int, most: int) -> tuple[str, ...]:
    """Return at most ``most`` sentences about what was not seen, and about the ``n_left`` privileges that have no room."""
    more = [f"{n_left} further privileges were found, for which this list has no room"] if n_left else []
    room = most - len(more)
    if len(sentences) > room:
        sentences, more = sentences[: room - 1], [f"{len(sentences) - room + 1} further things could not be seen", *more]
    return (*sentences, *more)


def _spread(found: list[Privilege], most: int) -> tuple[Privilege, ...]:
    """Return at most ``most`` of ``found``, in order. No kind is left out because there is much of another kind, and nothing
    about root because of the homes of other accounts, into which people write as much as they like.
    """
    seen: Counter[tuple[str, str]] = Counter()
    ranks: list[tuple[bool, int, int]] = []
    for place, one in enumerate(found):
        rank = seen[one.becomes, one.by]
        ranks.append((one.becomes != ROOT and rank >= FEW, rank, place))
        seen[one.becomes, one.by] += 1
    kept, size = [], 0
    for _, _, place in sorted(ranks)[:most]:
        size += sum(len(json.dumps(getattr(found[place], name))) + len(name) + 4 for name in _FIELDS) + 2
        if size > MOST_BYTES - ROOM:
            break
        kept.append(place)
    return tuple(found[place] for place in sorted(kept))


def _cut(one: Privilege) -> Privilege:
    return Privilege(_short(one.becomes), one.by, _short(one.who), _short(one.where))


def _short(text: str) -> str:
    """Return ``text`` with LONGEST characters at most. Halves of characters, which file names may have, are spelled out."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def read(text: str) -> Standing:
    """Return the list in ``text``, which must be exactly what ``Standing.text`` makes of it. Raises NoList."""
    if len(text) > MOST_BYTES:
        raise NoList(f"the list has more than {MOST_BYTES} characters")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise NoList("it is not JSON") from None
    if not isinstance(said, dict) or said.keys() != {"form", "host", "privileges", "unseen"} or said["form"] != FORM:
        raise NoList(f"it is not of the form {FORM!r}")
    host, unseen = said["host"], said["unseen"]
    if not (isinstance(said["privileges"], list) and isinstance(unseen, list)):
        raise NoList("privileges and unseen must be lists")
    if max(len(said["privileges"]), len(unseen)) > MOST:
        raise NoList(f"it has more than {MOST} entries")
    found = Standing(_text(host), tuple(map(_privilege, said["privileges"])), tuple(map(_text, unseen)))
    if found.text() != text:
        raise NoList("its bytes are not those of jitd")
    return found


def _privilege(said: Any) -> Privilege:
    if not isinstance(said, dict) or said.keys() != set(_FIELDS) or said["by"] not in KINDS:
        raise NoList("an entry of privileges is not one")
    return Privilege(**{name: _text(said[name]) for name in _FIELDS})


def _text(said: Any) -> str:
    if not isinstance(said, str) or len(said) > LONGEST or said != said.encode("utf-8", "replace").decode("utf-8"):
        raise NoList(f"a text is missing, or has more than {LONGEST} characters")
    return said
