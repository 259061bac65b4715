# SPDX-License-Identifier: Apache-2.0
"""The verifier compares the recordings that are still there with what the record says of them."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jitd.audit.findings import Flaw, Wrong
from jitd.audit.recordings import compare, runs_in
from jitd.core.run import Recording, Run
from jitd.recording.form import Frame, Kind
from jitd.recording.reader import examine
from tests.recording.tape import HEADER, place_of, record, recorder

FRAMES = [Frame(1000 * n, Kind.OUTPUT, b"line %d\n" % n) for n in range(40)]


def run_of(directory: Path) -> Run:
    """The run as the record knows it, after its recording has ended."""
    file = os.open(place_of(directory), os.O_RDONLY)
    mark = examine(file).mark
    os.close(file)
    sealed = Recording(mark.n_chunks, mark.size, mark.digest.hex())
    return Run(HEADER.run, HEADER.run, HEADER.run, datetime.now(UTC), recording=sealed)


def found_in(directory: Path, run: Run | None) -> list[Flaw]:
    found: list[Flaw] = []
    place = str(directory / "recordings")
    compare(place, runs_in(place), lambda _: run, found.append)
    return found


def test_a_recording_that_is_the_one_is_no_finding(tmp_path: Path) -> None:
    record(tmp_path, FRAMES)
    assert found_in(tmp_path, run_of(tmp_path)) == []


def test_a_recording_that_was_removed_and_a_directory_that_is_missing_are_no_findings(tmp_path: Path) -> None:
    assert found_in(tmp_path, None) == []
    record(tmp_path, FRAMES)
    place_of(tmp_path).unlink()
    assert found_in(tmp_path, None) == []


def test_a_recording_that_is_still_written_is_no_finding(tmp_path: Path) -> None:
    going_on = recorder(tmp_path)
    going_on.output(b"x", Kind.OUTPUT)
    assert found_in(tmp_path, None) == []
    going_on.abandon()


@pytest.mark.parametrize("how", ["edited", "cut", "longer", "another", "no record"])
def test_a_recording_that_differs_is_named(tmp_path: Path, how: str) -> None:
    """THREATS L-03."""
    record(tmp_path, FRAMES)
    run: Run | None = run_of(tmp_path)
    place = place_of(tmp_path)
    content = place.read_bytes()
    match how:
        case "edited":
            place.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
        case "cut":
            place.write_bytes(content[: len(content) // 2])
        case "longer":
            place.write_bytes(content + hashlib.sha256(content).digest())
        case "another":
            place.unlink()
            record(tmp_path, FRAMES[:-1])
        case _:
            run = None
    (finding,) = found_in(tmp_path, run)
    assert finding.wrong is Wrong.RECORDING_DIFFERS and HEADER.run in finding.sentence
