# SPDX-License-Identifier: Apache-2.0
"""What happens after a run's use is taken and before its client hands over the streams: the last look is after that.

Law: nobody looks again at the decision here, so that what is refused was refused by the last look.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gssapi import Credentials

from jitpam.wire import messages
from tests.attacks.raw import Raw, connected, hand_over, in_its_life, review, shown_to, submission, ticket_of, uid_of
from tests.waiting import wait_for


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory of alice's. No other test has one of its name, so that no grant that was left over is for a command in it."""
    made = Path(tempfile.mkdtemp(prefix="between-", dir="/srv"))
    made.chmod(0o755)
    os.chown(made, uid_of("alice"), 0)
    yield made
    shutil.rmtree(made)


def outcome_of(house, raw: Raw, argv: list[str], meanwhile: Callable[[], object]) -> dict:
    """What becomes of a run that bob approves at once, when ``meanwhile`` happens before its streams are there."""
    id = turn_of(house, raw, argv)
    meanwhile()
    hand_over(*raw.descriptors)
    return wait_for(lambda: house.show(id)["runs"][0]["outcome"], what="the end of the run")


def turn_of(house, raw: Raw, argv: list[str]) -> str:
    """Ask for a run that bob approves at once, up to its turn: its id."""
    raw.say(submission(*argv))
    heard = raw.hear()
    assert isinstance(heard, messages.Progress), heard
    id = heard.id
    with connected(house, "bob") as bob:
        assert isinstance(bob.ask(review(shown_to(house, "bob", id)))[-1], messages.Done)
    while (heard := raw.hear()).type != "start":
        assert heard.type == "progress", heard
    return id


@pytest.mark.parametrize("ends", [False, True], ids=["it holds", "it ends"])
def test_a_ticket_that_ends_between_its_turn_and_its_streams_runs_nothing(house, place, ends):
    """THREATS K-14: before anything runs the ticket is looked at once more."""
    left = place / "left"

    def come(ticket: Credentials) -> tuple[Raw, str, datetime]:
        raw = Raw(house, uid_of("alice"))
        try:
            until = datetime.fromisoformat(raw.sign_in(ticket).until)
            if ends:  # a monitor waits ten seconds for the streams
                wait_for(lambda: until - datetime.now(UTC) < timedelta(seconds=9), what="the last seconds of the ticket")
            return raw, turn_of(house, raw, ["touch", str(left)]), until
        except BaseException:
            raw.close()
            raise

    raw, id, until = in_its_life("alice", come) if ends else come(ticket_of("alice"))
    with raw:
        if ends:
            wait_for(lambda: datetime.now(UTC) > until, what="the end of the ticket")
        hand_over(*raw.descriptors)
        outcome = wait_for(lambda: house.show(id)["runs"][0]["outcome"], what="the end of the run")
    assert left.exists() is not ends
    if ends:
        assert (outcome["ending"], outcome["because"]) == ("not started", "its requester's ticket has expired: kinit")


@pytest.mark.parametrize("changes", [False, True], ids=["it stays", "it changes"])
def test_a_script_that_changes_between_its_turn_and_its_streams_does_not_run(house, place, changes):
    """THREATS R-06: the monitor compares what the arguments name with what was approved."""
    left, script = place / "left", place / "script"
    script.write_text(f"touch {left}\n")
    os.chown(script, uid_of("alice"), 0)
    with connected(house, "alice") as raw:
        meanwhile = (lambda: script.write_text(f"touch {left} # evil\n")) if changes else (lambda: None)
        outcome = outcome_of(house, raw, ["dash", str(script)], meanwhile)
    assert left.exists() is not changes
    if changes:
        told = (outcome["ending"], outcome["because"])
        assert told == ("not started", f"argument 1 was changed since it was approved: {script}")
