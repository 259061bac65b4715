# SPDX-License-Identifier: Apache-2.0
"""Makes the lines of a request's page that tell how a person authenticated to the KDC.

Law: if a ticket is less trustworthy than usual, the lines say this in capital letters. If it is not known how the person
authenticated, a line contains the words NOT KNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.instants import in_words, span, told
from jitpam.wire.rows import Authentication, Carried

_PROOFS = {
    "pre-authent": "after a proof that the KDC asked for",
    "hw-authent": "with a device of the person",
    "initial": "for this host alone",
}
_FORWARDED = ("forwarded", "proxy")
UNKNOWN = "NOT KNOWN (the ticket does not say)"
JUST_NOW = 10  # if an age is less than this number of seconds, the text is `just`, without a number


def authenticated(given: Authentication | None) -> Iterator[tuple[str, str]]:
    """Yield the lines about ``given``, the member ``authentication`` of a row, which may have none."""
    if given is None:
        return
    flags, indicators, realms = given.flags, given.indicators, given.realms
    yield "to the KDC", f"authenticated {told(given.at)}, {age_in_words(given)} before asking"
    proofs = [words_of for flag, words_of in _PROOFS.items() if flag in flags]
    how = f"by {', '.join(indicators)}" if indicators else UNKNOWN
    yield "how", f"{how}{''.join(f'; {proof}' for proof in proofs)}"
    if "pre-authent" not in flags:
        yield "no proof", "the KDC issued the first ticket WITHOUT a proof, to anybody who asked for it"
    if any(flag in flags for flag in _FORWARDED):
        yield "forwarded", "YES: the ticket was handed over from another host"
    if len(realms) > 1:
        yield "realms", f"{' to '.join(realms)}, and a KDC has checked the way"
    yield "ticket has", f"{' '.join(flags) or 'no flags'}"
    yield "encrypted by", f"{given.ticket_encryption or '-'}, its session by {given.session_encryption or '-'}"


def flaws(given: Authentication | None) -> Iterator[tuple[str, str]]:
    """Yield the lines about what makes a ticket less trustworthy than usual."""
    for label, text in authenticated(given):
        if label in ("no proof", "forwarded", "realms"):
            told = {"no proof": "the first ticket was issued WITHOUT a proof, to anybody who asks"}
            yield label, told.get(label, "FORWARDED from another host" if label == "forwarded" else f"from {text}")


def age_in_short(given: Authentication | None) -> str:
    """Return how old the authentication was at the request, and how it was done, if known: ``ticket 42 s old, by otp``."""
    if given is None:
        return ""
    by = f", by {', '.join(given.indicators)}" if given.indicators else ""
    return f"ticket {'of unknown age' if given.age is None else f'{span(given.age)} old'}{by}"


def in_short(given: Authentication | None, way: Carried | None = None) -> str:
    """Return the most important facts about the authentication ``given`` in a few words. The text is put after a review. An
    example is `` (authenticated 5 minutes before by otp)``. ``way`` is the member of a review that says how it came by the door.
    """
    if given is None:
        return ""
    by = f" by {', '.join(given.indicators)}" if given.indicators else ""
    forwarded = ", FORWARDED" if any(flag in given.flags for flag in _FORWARDED) else ""
    door = f", by the door{_claimed(way)}" if given.by_door else ""
    return f" (authenticated {age_in_words(given)} before{by}{forwarded}{door})"


def _claimed(way: Carried | None) -> str:
    return f": {way.carrier} from {way.source}, as the carrier tells" if way else ""


def age_in_words(given: Authentication) -> str:
    """Return the time between the person's authentication and the request, in words for people. The caller appends ``before``."""
    if given.age is None:
        return "an unknown time"
    return "just" if given.age < JUST_NOW else in_words(given.age)
