# SPDX-License-Identifier: Apache-2.0
"""What an approver reads of how the requester, and earlier approvers, authenticated to the KDC."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jitd.cli import brief, labels, page
from jitd.core.authentication import Authentication, Demand
from jitd.core.decision import Approval
from jitd.core.law import ByDoor
from jitd.core.request import Request, Review, Verdict, transition
from tests.client.script import Script, jitd, row_for
from tests.scene import START, asked, moment, permit, person, screened
from tests.unshown import without_styles

AES = "aes256-cts-hmac-sha1-96"


def proof(ago: float = 300, *indicators: str, **changes: Any) -> Authentication:
    made = Authentication(START - timedelta(seconds=ago), START, ("pre-authent",), indicators, AES, "type 99", ("EXAMPLE.TEST",))
    return replace(made, **changes)


def lines(given: Authentication | None) -> dict[str, str]:
    """Label → text of the page of a request whose requester authenticated so."""
    found = without_styles(page.page(row_for(waiting(given)), None))
    return {line[: labels.LABEL].strip(): line[labels.LABEL :] for line in found if line.startswith("  ")}


def waiting(given: Authentication | None, *approvals: Approval) -> Request:
    fresh = asked(who=replace(person("alice"), authentication=given))
    return transition(fresh, screened(fresh, permit(*approvals)), moment())[0]


def test_the_page_says_when_and_how_and_what_the_ticket_is() -> None:
    shown = lines(proof(300, "otp", "pkinit"))
    assert shown["to the KDC"].startswith("authenticated 2026-03-02 08:55:00 UTC (")
    assert shown["to the KDC"].endswith("5 minutes before asking")
    assert shown["how"] == "by otp, pkinit; after a proof that the KDC asked for"
    assert shown["ticket has"] == "pre-authent"
    assert shown["encrypted by"] == f"{AES}, its session by type 99"
    assert {"no proof", "forwarded", "realms"} & shown.keys() == set()


def test_what_makes_a_ticket_worth_less_stands_out() -> None:
    shown = lines(proof(0, flags=("forwarded",), realms=("OTHER.TEST", "EXAMPLE.TEST")))
    assert shown["how"] == "NOT KNOWN (the ticket does not say)"
    assert "WITHOUT a proof" in shown["no proof"]
    assert shown["forwarded"].startswith("YES")
    assert shown["realms"] == "OTHER.TEST to EXAMPLE.TEST, and a KDC has checked the way"
    assert shown["ticket has"] == "forwarded"
    assert "forwarded" in lines(proof(0, flags=("proxy",)))


def test_a_clock_of_the_kdc_that_is_ahead_shows_no_negative_age() -> None:
    assert lines(proof(-200))["to the KDC"].endswith(", just before asking")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (proof(300, "otp"), "ticket 5 min old, by otp"),
        (proof(10, "otp", "pkinit"), "ticket 10 s old, by otp, pkinit"),
        (proof(0), "ticket 0 s old"),
        (None, ""),
    ],
)
def test_the_page_of_an_approver_says_how_old_the_ticket_is(given: Authentication | None, said: str) -> None:
    (line,) = [line for line in without_styles(brief.brief(row_for(waiting(given)), None)) if line.startswith("from")]
    assert line == f"from      in /srv{f' · {said}' if said else ''}"


def test_what_makes_a_ticket_worth_less_is_on_the_page_of_an_approver() -> None:
    text = "\n".join(without_styles(brief.brief(row_for(waiting(proof(0, flags=("forwarded",)))), None)))
    assert "NO PROOF  the first ticket was issued WITHOUT a proof" in text and "FORWARDED" in text


def test_without_a_ticket_nothing_is_said_about_one() -> None:
    assert {"to the KDC", "how", "encrypted by"} & lines(None).keys() == set()


def test_a_realm_with_odd_bytes_is_escaped() -> None:
    assert "\x1b" not in "\n".join(
        without_styles(page.page(row_for(waiting(proof(0, realms=("\x1b[31m", "EXAMPLE.TEST")))), None))
    )


def test_an_approval_says_what_it_demands() -> None:
    owed = Approval(1, ("group:ops",), Demand(("otp",), 3600, "refuse"))
    (line,) = [line for line in without_styles(page.page(row_for(waiting(None, owed)), None)) if line.startswith("  needs ")]
    said = "authenticated with otp, at most 1 hour ago, by a ticket that was not forwarded"
    assert line.endswith(f"1 of ops ({said})")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (proof(300, "otp"), "approved by carol (authenticated 5 minutes before by otp): "),
        (proof(0, flags=("forwarded",)), "approved by carol (authenticated just before, FORWARDED): "),
        (None, "approved by carol: "),
    ],
)
def test_a_review_says_how_its_author_had_authenticated(given: Authentication | None, said: str) -> None:
    review = Review(replace(person("carol"), authentication=given), Verdict.APPROVE, "fine", START)
    text = "\n".join(without_styles(page.page(row_for(replace(waiting(None), reviews=(review,))), None)))
    assert said in text


def test_a_review_by_the_door_says_so_on_each_page_and_what_the_carrier_claims() -> None:
    by = replace(person("carol"), authentication=replace(proof(300, "otp"), by_door=True))
    given = Review(by, Verdict.APPROVE, "fine", START, ByDoor("ssh", "10.1.2.3"))
    row = row_for(replace(waiting(None), reviews=(given,)))
    said = "approved by carol (authenticated 5 minutes before by otp, by the door: ssh from 10.1.2.3, as the carrier tells): "
    for lines in (page.page(row, None), brief.brief(row, None)):
        assert said in " ".join(" ".join(without_styles(lines)).split())
    assert row["reviews"][0]["way"] == {"carrier": "ssh", "source": "10.1.2.3"}


def test_an_approver_who_is_locked_is_told_so_without_a_terminal_too(capsys: pytest.CaptureFixture[str]) -> None:
    row = row_for(waiting(None)) | {"barred": 'you may review nothing: locked: "x"', "may_review": False}
    script = Script(row)
    assert jitd(script, "approve", row["id"]) == 3
    assert capsys.readouterr().err == 'jitd: you may review nothing: locked: "x"\n'
    assert [type(message).__name__ for message in script.heard] == ["Show"]


def test_an_approver_who_lacks_something_is_told_so_without_a_terminal_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is sent, and what to type is said."""
    row = row_for(waiting(None, Approval(1, ("group:ops",), Demand(("otp",)))))
    script = Script(row)
    assert jitd(script, "approve", row["id"]) != 0
    said = capsys.readouterr().err
    assert f"you may not approve request {row['id']}: its rule wants to know how you authenticated" in said
    assert [type(message).__name__ for message in script.heard] == ["Show"]
