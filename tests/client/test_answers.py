# SPDX-License-Identifier: Apache-2.0
"""An answer, or a sentence beside it, that cannot be written: the status is the verb's own, nothing is a trace, and nothing is
approved that could not be shown.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.client.script import Script, jitd, row_for, waiting
from tests.marks import full

PROGRAM = "import sys; from jitd.cli import main; sys.exit(main())"
REFUSED = (
    (("requests",), 125, "cannot be reached"),
    (("approve", "--yess", "K7QM-2XVD"), 2, "--yess"),
    (("deny", "K7QM-2XVD", "--reason", ""), 2, "say why, for the requester"),
    (("pam-lint", "/nowhere"), 1, "1 unknown"),
    (("check", "/nowhere"), 1, "1 fault"),
)


def run(*words: str, stderr: int = subprocess.PIPE, limit: int = -1) -> subprocess.CompletedProcess[str]:
    """``jitd`` in a process of its own, without a daemon. ``limit``: bytes that a file may have."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=os.environ | {"JITD_SOCKET": "/nowhere"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        check=False,
    )


CLOSED = ("full", "a pipe without a reader")


@pytest.fixture(params=CLOSED)
def closed_to_all(request: pytest.FixtureRequest) -> Iterator[int]:
    """Where nothing can be written."""
    if request.param == "full":
        writing = os.open("/dev/full", os.O_WRONLY)
    else:
        reading, writing = os.pipe()
        os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize(
    ("closed_to_all", "words", "status", "sentence"),
    [
        pytest.param(
            closed,
            *refused,
            id=f"{closed}-{' '.join(refused[0])}",
            marks=[]
            if closed == "full" or refused is REFUSED[0]
            else full("every day, each refusal is said on a full disk, and one of them also into a pipe without a reader"),
        )
        for refused in REFUSED
        for closed in CLOSED
    ],
    indirect=["closed_to_all"],
)
def test_a_refusal_has_its_status_also_where_nobody_can_be_told(
    closed_to_all: int, words: tuple[str, ...], status: int, sentence: str
) -> None:
    assert run(*words, stderr=closed_to_all).returncode == status
    told = run(*words)
    assert told.returncode == status and sentence in told.stderr


def test_what_could_not_be_shown_is_not_approved(closed_to_all: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --yes too: what is approved is what was printed, and a script's log may be on a full disk."""
    script = Script(row_for(waiting("true")), said="request K7QM-2XVD is approved")
    with open(os.dup(closed_to_all), "w") as out, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        assert jitd(script, "approve", "K7QM-2XVD", "--yes") in (1, 141)
    assert [message.type for message in script.heard] == ["show"]
    assert jitd(script, "approve", "K7QM-2XVD", "--yes") == 0
    assert [message.type for message in script.heard] == ["show", "show", "review"]


def test_a_recording_that_there_is_no_room_for_is_a_sentence() -> None:
    """Where every directory for temporary files is full."""
    done = run("replay", "K7QM-2XVD", limit=0)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("jitd: No usable temporary directory found")
    assert run("replay", "K7QM-2XVD").returncode == 125
