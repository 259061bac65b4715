# SPDX-License-Identifier: Apache-2.0
"""Compares the recordings in a directory with what the record says of them. A recording that is not there is no finding, because
recordings are removed after a while.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from jitd.audit.findings import Flaw, Report, Wrong
from jitd.core.run import Run
from jitd.recording.form import Altered, Mark
from jitd.recording.reader import examine
from jitd.recording.storage import RecordingError, is_live, open_directory, open_recording, run_of


def compare(directory: str, runs: Iterable[str], run: Callable[[str], Run | None], report: Report) -> int:
    """Report each recording of ``runs`` in ``directory`` that is not the one of its run. ``run`` returns a run by its id. Return
    the number of recordings that were compared.
    """
    n = 0
    for id in runs:
        try:
            file = open_recording(directory, id)
        except FileNotFoundError:
            continue
        except RecordingError as fault:
            report(Flaw(Wrong.RECORDING_DIFFERS, 0, f"the recording of run {id}: {fault}"))
            continue
        try:
            if is_live(file):
                continue
            n += 1
            found = run(id)
            if found is None:
                report(Flaw(Wrong.RECORDING_DIFFERS, 0, f"there is a recording of run {id}, and no record of the run"))
                continue
            sealed = found.recording
            marks = [Mark(sealed.n_chunks, sealed.size, bytes.fromhex(sealed.digest))] if sealed is not None else []
            summary = examine(file, marks)
            if sealed is not None and summary.mark.n_chunks != sealed.n_chunks:
                raise Altered(sealed.n_chunks + 1, sealed.size, "there is more in the recording than was sealed")
        except Altered as fault:
            report(Flaw(Wrong.RECORDING_DIFFERS, 0, f"the recording of run {id} is not the one that was recorded: {fault}"))
        finally:
            os.close(file)
    return n


def runs_in(directory: str) -> list[str]:
    """Return the runs that have a recording in ``directory``. A record that is read later has all these runs."""
    try:
        found = open_directory(directory, make=False)
    except FileNotFoundError:
        return []
    try:
        return [id for name in os.listdir(found) if (id := run_of(name)) is not None]
    finally:
        os.close(found)
