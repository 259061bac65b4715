# SPDX-License-Identifier: Apache-2.0
"""An answer that cannot be written is a sentence with its reason, never a trace, and never a success."""

from __future__ import annotations

import subprocess

import pytest

from tests.system.conftest import House
from tests.waiting import PATIENCE


def on_full_disk(house: House, who: str, *words: str) -> subprocess.CompletedProcess[str]:
    with open("/dev/full", "wb") as full:
        return subprocess.run(
            house.line(who, *words),
            stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True, cwd="/", timeout=PATIENCE, check=False,
        )  # fmt: skip


@pytest.mark.parametrize("option", ["-V", "-h", "-l", "-v"])
def test_what_jitsudo_was_asked_for_cannot_be_written(house: House, option: str) -> None:
    done = on_full_disk(house, "alice", "jitsudo", option)
    assert done.returncode == 125
    assert done.stderr == "jitsudo: standard output cannot be written: No space left on device\n"


def test_the_id_of_a_request_that_does_not_wait_is_not_lost(house: House) -> None:
    done = on_full_disk(house, "alice", "jitsudo", "--no-wait", "true")
    (waiting,) = house.rows("requests")
    sentence = f"jitsudo: the id of request {waiting['id']}, which was submitted, cannot be written: No space left on device"
    assert done.returncode == 125 and sentence in done.stderr.splitlines()
    assert house.jitd("withdraw", waiting["id"], who="alice").returncode == 0


@pytest.mark.parametrize("words", [("requests", "--all", "--json"), ("audit", "show"), ("--help",), ("--version",)])
def test_what_jitd_was_asked_for_cannot_be_written(house: House, words: tuple[str, ...]) -> None:
    """After the request above, so that there is an answer."""
    done = on_full_disk(house, "root", "jitd", *words)
    assert (done.returncode, done.stderr) == (1, "jitd: the answer cannot be written: No space left on device\n")


def test_a_command_says_itself_that_its_output_cannot_be_written(house: House) -> None:
    with open("/dev/full", "wb") as full:
        asked = subprocess.Popen(
            house.line("root", "jitsudo", "id"), stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, cwd="/"
        )
        said = asked.communicate(timeout=PATIENCE)[1]
    assert (asked.returncode, said) == (1, b"id: write error: No space left on device\n")
