# SPDX-License-Identifier: Apache-2.0
"""The terms that a requester asks for (--for, --uses, -T, --at), in each form that outlives the code, byte for byte.

Law: ``golden/asked_terms`` has a line for each form of each request. A line that differs is a change of the format: a daemon of
the version before could not go on with what it stored. To write the file anew, on purpose: ``JITD_GOLDEN=write``.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from jitd.core.command import fingerprint
from jitd.core.gatekeeping import Asking
from jitd.core.request import Request
from jitd.core.values import Values
from jitd.store import documents
from jitd.verbs.outlook import compared
from jitd.verbs.rows import request_row
from jitd_outsiders.asking.telling import for_gatekeeper
from tests.scene import HOST, START, asked, command, permit, person, submit
from tests.stored import in_clear

GOLDEN = Path(__file__).parent / "golden/asked_terms"
REQUESTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "lease": {"lasts_for": 3600, "uses": 5},
    "all": {"lasts_for": 7200, "uses": 1, "timeout_for": 90, "starts_at": START + timedelta(days=1)},
}


def made(name: str) -> Request:
    """The request ``name``, which waits for an approval."""
    waiting = asked(**REQUESTS[name])
    return replace(waiting, obligations=permit().obligations, rule="rule-1", expires_at=START + timedelta(seconds=900))


def values() -> Values:
    """Values without a salt of chance."""
    n = count()
    return Values("K7QM-2XVD", (), lambda: next(n).to_bytes(32, "big"))


def asking(request: Request) -> Asking:
    return Asking(
        id=request.id,
        fingerprint=request.fingerprint,
        requester=request.requester,
        host=request.host,
        service=request.service,
        command=command("true"),
        claims=request.claims,
        point=None,
        terms=request.terms,
        rule="rule-1",
        policy="p" * 64,
        owed=(),
        approved=(),
        facts=(),
        ends_boot=1900.0,
    )


def forms(request: Request) -> dict[str, bytes]:
    """Each form of ``request``, by its name."""
    seal = fingerprint("K7QM-2XVD", "a@B", HOST, "jitsudo", request.command, request.terms.fingerprinted)
    told = for_gatekeeper("change", "nonce", asking(request), datetime(2026, 3, 2, 9, 10, tzinfo=UTC))
    return {
        "document": documents.write(request, values()),
        "row": json.dumps(request_row(request, person("bob"), may_review=True, is_own=False).written()).encode(),
        "compared": json.dumps(compared(request)).encode(),
        "record": json.dumps(in_clear(submit(request).detail())).encode(),
        "gatekeeper": json.dumps(told).encode(),
        "fingerprint": seal.hex().encode(),
    }


def test_each_form_of_what_was_asked_for_is_what_it_was() -> None:
    found = b"".join(
        b"%s %s %s\n" % (name.encode(), form.encode(), text) for name in REQUESTS for form, text in forms(made(name)).items()
    )
    if os.environ.get("JITD_GOLDEN") == "write":
        GOLDEN.write_bytes(found)
    assert found.splitlines() == GOLDEN.read_bytes().splitlines()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_stored_request_is_read_with_the_terms_that_were_asked_for(name: str) -> None:
    """The document is the golden one, as the daemon of the version before has left it."""
    stored = GOLDEN.read_bytes().split(b"%s document " % name.encode())[1].splitlines()[0]
    kept = values()
    documents.write(made(name), kept)  # the values that the document commits to
    assert documents.read(Request, stored, lambda id: kept) == made(name)
    assert documents.read_outline(Request, stored).terms == made(name).terms


@pytest.mark.parametrize("member", ["lasts_for", "uses", "timeout_for"])
def test_a_stored_request_that_does_not_say_what_was_asked_for_is_refused(member: str) -> None:
    """Nobody may run without a time limit because the document has lost it."""
    kept = values()
    document = json.loads(documents.write(made("all"), kept))
    for broken in ({**document, member: "60"}, {name: part for name, part in document.items() if name != member}):
        with pytest.raises(ValueError, match=member):
            documents.read(Request, json.dumps(broken).encode(), lambda id: kept)
