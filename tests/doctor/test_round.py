# SPDX-License-Identifier: Apache-2.0
"""The round: what hangs, breaks or dies is a finding, and holds up nobody."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from jitd.doctor.checks.finding import Finding, ok, weak
from jitd.doctor.round import Examination, examine


def fine() -> Iterator[Finding]:
    yield ok("a", "well, as it were: \udcff\x1b[31m")
    yield weak("b", "so so", "do it")


def breaks() -> Iterator[Finding]:
    yield ok("c", "well")
    raise PermissionError("no")


def hangs() -> Iterator[Finding]:
    yield ok("d", "well")
    time.sleep(60)
    yield ok("e", "never")


def dies() -> Iterator[Finding]:
    yield ok("f", "well")
    os.kill(os.getpid(), signal.SIGKILL)


def of(look: object, name: str = "x") -> Examination:
    return Examination(name, look, f"{name} is silent", "wake it")  # type: ignore[arg-type]


def test_findings_come_whole_and_in_the_order_of_the_examinations() -> None:
    found = list(examine([of(fine), of(lambda: [ok("z", "well")])]))
    assert [finding.check for finding in found] == ["a", "b", "z"]
    assert found[:2] == list(fine())


def test_one_that_breaks_is_bad_and_what_it_had_found_counts() -> None:
    found = list(examine([of(breaks), of(fine)]))
    assert [(finding.check, finding.level) for finding in found] == [("c", "ok"), ("x", "bad"), ("a", "ok"), ("b", "weak")]
    assert "PermissionError: no" in found[1].sentence


def test_one_that_is_killed_is_bad() -> None:
    found = list(examine([of(dies)]))
    assert [(finding.check, finding.level) for finding in found] == [("f", "ok"), ("x", "bad")]


def test_those_that_hang_take_their_seconds_together_and_are_bad() -> None:
    began = time.monotonic()
    found = list(examine([of(hangs), of(fine), of(hangs, "y"), of(lambda: time.sleep(60) or [], "z")], within=0.5))
    assert time.monotonic() - began < 1.5
    assert [(finding.check, finding.level) for finding in found] == [
        ("d", "ok"), ("x", "bad"), ("a", "ok"), ("b", "weak"), ("d", "ok"), ("y", "bad"), ("z", "bad"),
    ]  # fmt: skip
    assert (found[1].sentence, found[1].mend) == ("x is silent (waited 0.5 s)", "wake it")


def test_what_hangs_is_gone_afterwards_with_all_that_it_started(tmp_path: Path) -> None:
    def starts_another() -> Iterator[Finding]:
        if (child := os.fork()) == 0:
            time.sleep(60)
        (tmp_path / "pids").write_text(f"{os.getpid()} {child}")
        time.sleep(60)
        yield ok("x", "never")

    list(examine([of(starts_another)], within=0.5))
    until = time.monotonic() + 2
    for pid in (tmp_path / "pids").read_text().split():
        while os.path.exists(f"/proc/{pid}") and _state(pid) != "Z":
            assert time.monotonic() < until, f"{pid} lives"
            time.sleep(0.01)


def _state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_an_examination_writes_to_no_stream_of_ours(capfd: object) -> None:
    def loud() -> Iterator[Finding]:
        os.write(1, b"out")
        os.write(2, b"err")
        yield ok("x", "well")

    list(examine([of(loud)]))
    assert capfd.readouterr() == ("", "")  # type: ignore[attr-defined]
