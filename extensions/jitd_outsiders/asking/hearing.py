# SPDX-License-Identifier: Apache-2.0
"""Reads the answers of providers and gatekeepers.

Law: an answer must have exactly the declared members. Each member must have its declared type and must be within its bounds. A
gatekeeper's answer must repeat the nonce and the fingerprint of the question. Any other answer raises Nonsense. A gatekeeper may
be an OPA server (Open Policy Agent). If OPA's result is the boolean true, the gatekeeper passes the request. If the result is an
object, this object must be a valid answer of a gatekeeper. Every other result of OPA denies the request.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime

from jitd.core.decision import MOST_COMBINATIONS, Approval, n_combinations
from jitd.core.duration import read_duration
from jitd.core.fact_values import read_instant, read_value
from jitd.core.facts import Value
from jitd.core.gatekeeping import Answer, Passes, Refuses, Requirement, Requires
from jitd_outsiders.asking import json_text

LONGEST_BECAUSE = 500
LONGEST_MARK = 128
MOST_APPROVALS = 8
MOST_NEEDED = 100
MOST_WAYS = 8
MOST_USES = 1_000_000
RECORD = ("none", "output", "all")  # the values that are allowed for the key `record` of a rule
OPA = {"result", "decision_id", "metrics", "provenance", "warning"}  # (https://www.openpolicyagent.org/docs/rest-api)
REQUIRED = ("approvals", "lasts", "uses", "record", "reason")  # the names of the requirements that a gatekeeper may set
_MAY_HAVE = {"pass": {"until", "mark"}, "deny": {"because", "mark"}, "require": {"require", "until", "mark"}}
_MUST_HAVE = {"pass": set[str](), "deny": {"because"}, "require": {"require"}}

ReadWho = Callable[[str], str]


class Nonsense(Exception):
    """Raised if the bytes of an answer are not valid. The exception's text is the reason, such as ``its answer is not JSON``."""


def read_facts(facts: Mapping[str, str], body: bytes) -> dict[str, Value]:
    """Return the value of each fact in a provider's answer. ``facts`` maps the name of a fact to its type. Raises Nonsense."""
    found = _object(body)
    said = found.get("facts")
    if found.keys() != {"facts"} or type(said) is not dict:
        raise Nonsense('must have one member, "facts", which is an object')
    if said.keys() != facts.keys():
        raise Nonsense(f"must have these facts and no other: {', '.join(sorted(facts))}")
    values = {}
    for name, kind in facts.items():
        try:
            values[name] = read_value(kind, said[name])
        except ValueError as fault:
            raise Nonsense(f"says a {name} that {fault}") from None
    return values


def read_answer(body: bytes, nonce: str, fingerprint: bytes, read_who: ReadWho) -> Answer:
    """Parse a gatekeeper's answer to the question with this ``nonce`` and this ``fingerprint``, and return the answer.
    ``read_who`` reads a word of ``from`` (``Naming.read_who``). Raises Nonsense.
    """
    return _answer(_object(body), nonce, fingerprint, read_who)


def read_opa(body: bytes, nonce: str, fingerprint: bytes, read_who: ReadWho) -> Answer:
    """Parse the answer of an OPA server, and return the answer. Raises Nonsense.

    If OPA's result is true, the gatekeeper passes the request. If OPA's result is an object, ``read_answer`` checks this object.
    If OPA's result is false, missing (undefined) or of another type, the request is denied.
    """
    found = _object(body)
    if not found.keys() <= OPA:
        raise Nonsense(f"has members that OPA does not send: {', '.join(sorted(found.keys() - OPA))[:100]}")
    mark = _mark(found, "decision_id")
    if "result" not in found:
        return Refuses("the policy says nothing about this", mark)
    result = found["result"]
    if result is True:
        return Passes(mark=mark)
    if type(result) is dict:
        said: dict[str, object] = result if "mark" in result or not mark else result | {"mark": mark}
        return _answer(said, nonce, fingerprint, read_who)
    if result is False:
        return Refuses("the policy does not allow this", mark)
    return Refuses("the policy did not answer true or false", mark)


def _object(body: bytes) -> dict[str, object]:
    try:
        return json_text.read_object(body)
    except ValueError as fault:
        raise Nonsense(str(fault)) from None


def _answer(found: dict[str, object], nonce: str, fingerprint: bytes, read_who: ReadWho) -> Answer:
    if not _is_equal(found.get("nonce"), nonce):
        raise Nonsense("does not repeat the nonce of the question: it is the answer to another one")
    if not _is_equal(found.get("fingerprint"), fingerprint.hex()):
        raise Nonsense("does not repeat the fingerprint of the question: it is about another request")
    word = found.get("answer")
    if type(word) is not str or word not in _MAY_HAVE:
        raise Nonsense('must have "answer": "pass", "deny" or "require"')
    members = found.keys() - {"nonce", "fingerprint", "answer"}
    if wrong := (members - _MAY_HAVE[word]) | (_MUST_HAVE[word] - members):
        raise Nonsense(f'says "{word}", with unknown or missing members: {", ".join(sorted(wrong))[:100]}')
    mark = _mark(found, "mark")
    until = _until(found["until"]) if "until" in found else None
    if word == "pass":
        return Passes(until, mark)
    if word == "deny":
        return Refuses(_because(found["because"]), mark)
    return Requires(_requirement(found["require"], read_who), until, mark)


def _is_equal(said: object, wanted: str) -> bool:
    return type(said) is str and hmac.compare_digest(said.encode("utf-8", "surrogatepass"), wanted.encode("ascii"))


def _because(value: object) -> str:
    if type(value) is not str or not 0 < len(value.strip()) <= len(value) <= LONGEST_BECAUSE:
        raise Nonsense(f'must have "because", a text of at most {LONGEST_BECAUSE} characters')
    return value


def _mark(found: Mapping[str, object], name: str) -> str:
    value = found.get(name, "")
    if type(value) is not str or len(value) > LONGEST_MARK or not value.isprintable():
        raise Nonsense(f'has a "{name}" that is not a text of at most {LONGEST_MARK} printable characters')
    return value


def _until(value: object) -> datetime:
    found = read_instant(value)
    if found is None:
        raise Nonsense('has an "until" that is not a time such as 2026-11-22T07:00:00Z')
    return found


# --- what is required ------------------------------------------------------------------------------------------------


def _requirement(value: object, read_who: ReadWho) -> Requirement:
    if type(value) is not dict or not value or not value.keys() <= set(REQUIRED):
        raise Nonsense(f'must have in "require" one or more of {", ".join(REQUIRED)}, and no other member')
    return Requirement(
        approvals=_approvals(value["approvals"], read_who) if "approvals" in value else (),
        lasts_for=_lasts(value["lasts"]) if "lasts" in value else None,
        uses=_uses(value["uses"]) if "uses" in value else None,
        record=_record(value["record"]) if "record" in value else None,
        reason=_reason(value["reason"]) if "reason" in value else False,
    )


def _approvals(value: object, read_who: ReadWho) -> tuple[Approval, ...]:
    if type(value) is not list or not 0 < len(value) <= MOST_APPROVALS:
        raise Nonsense(f"requires approvals that are not a list of 1 to {MOST_APPROVALS}")
    found = tuple(_approval(each, read_who) for each in value)
    if n_combinations(found) > MOST_COMBINATIONS:
        raise Nonsense(f"requires approvals with more than {MOST_COMBINATIONS} combinations of ways")
    return found


def _approval(value: object, read_who: ReadWho) -> Approval:
    if type(value) is not dict or value.keys() != {"any_of"}:
        return _way(value, read_who)
    ways = value["any_of"]
    if type(ways) is not list or not 2 <= len(ways) <= MOST_WAYS:
        raise Nonsense(f"requires an any_of that is not a list of 2 to {MOST_WAYS} ways")
    found = sorted((_way(_without_after(way), read_who, _after(way)) for way in ways), key=lambda way: way.after)
    first, others = found[0], tuple(found[1:])
    if first.after:
        raise Nonsense("requires an any_of without a way that is open from the start")
    return Approval(first.need, first.of_whom, instead=others)


def _without_after(way: object) -> object:
    return {name: said for name, said in way.items() if name != "after"} if type(way) is dict else way


def _after(way: object) -> int:
    said = way.get("after") if type(way) is dict else None
    seconds = read_duration(said) if type(said) is str else None
    if type(way) is dict and "after" in way and seconds is None:
        raise Nonsense('requires an "after" that is not a duration such as "5m"')
    return seconds or 0


def _way(value: object, read_who: ReadWho, after: int = 0) -> Approval:
    shape = 'requires an approval that is not such as { "need": 1, "from": ["group:ops"] }'
    if type(value) is not dict or value.keys() != {"need", "from"}:
        raise Nonsense(shape)
    need, people = value["need"], value["from"]
    if type(need) is not int or not 1 <= need <= MOST_NEEDED or type(people) is not list or not 0 < len(people) <= 100:
        raise Nonsense(shape)
    try:
        return Approval(need, tuple(read_who(word) for word in people if _is_word(word)), after=after)
    except ValueError:
        raise Nonsense(shape) from None


def _is_word(word: object) -> bool:
    if type(word) is not str:
        raise ValueError("not a word")
    return True


def _lasts(value: object) -> int:
    seconds = read_duration(value) if type(value) is str else None
    if seconds is None:
        raise Nonsense('requires a "lasts" that is not a duration such as "15m"')
    return seconds


def _uses(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MOST_USES:
        raise Nonsense(f'requires "uses" that are not a number from 1 to {MOST_USES}')
    return value


def _record(value: object) -> str:
    if type(value) is not str or value not in RECORD:
        raise Nonsense(f'requires an unknown "record" (the known ones are {", ".join(RECORD)})')
    return value


def _reason(value: object) -> bool:
    if value is not True:
        raise Nonsense('requires a "reason" with a value other than true')
    return True
