# SPDX-License-Identifier: Apache-2.0
"""Exports a recording as an I/O log of sudo (sudoers(5), sudoreplay(8)). The log is a directory that ``sudoreplay`` can list and
play.

Law: the log contains the same bytes as the recording. Each stream has its own file. As in sudo, the file
of a stream is always compressed. If a file were not compressed, sudoreplay would try to decompress content that looks compressed.
What a person typed without an echo, and what the command has left of its input, cannot be expressed in the log, so ``export``
returns a sentence about each.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
from collections.abc import Iterable
from contextlib import ExitStack
from typing import BinaryIO, cast

from jitd.recording.form import BYTES, End, Frame, Header, Kind, Left, unread

FILES = {Kind.STDIN: "stdin", Kind.STDOUT: "stdout", Kind.STDERR: "stderr", Kind.INPUT: "ttyin", Kind.OUTPUT: "ttyout"}
EVENTS = {Kind.STDIN: 0, Kind.STDOUT: 1, Kind.STDERR: 2, Kind.INPUT: 3, Kind.OUTPUT: 4}
LEFT = "stdin.left"  # input that the command has not read, compressed like the others. Not for sudoreplay
WINDOW, SUSPEND = 5, 7  # the numbers that stand for events in the file `timing`
NO_TERMINAL = "unknown"  # the word that sudo writes if it knows no terminal
ROWS, COLUMNS = 24, 80  # the size that is written for a run without a terminal. sudoreplay fails if both numbers are 0.


def export(header: Header, frames: Iterable[Frame | Left], directory: str) -> list[str]:
    """Create ``directory`` as a log for ``sudoreplay -d ABOVE NAME`` (NAME is the directory's name, and ABOVE is its parent
    directory). The directory must not exist yet. Return a sentence for each place of the recording that the log cannot show.
    Gaps, and the end if it is missing, are not among them: ``reader.Summary`` has these.

    Raises OSError, and the exceptions of ``frames``. Files that were written before an exception are not removed.
    """
    os.mkdir(directory, 0o700)
    with ExitStack() as stack:
        streams = {kind: _open(stack, os.path.join(directory, name)) for kind, name in FILES.items()}
        timing = _open(stack, os.path.join(directory, "timing"))
        told = lasted = 0
        end: End | None = None
        untold: list[str] = []
        left: BinaryIO | None = None
        for frame in frames:
            lasted = frame.at
            if isinstance(frame, Left):
                left = left or _open(stack, os.path.join(directory, LEFT))
                left.write(frame.data)
                continue
            if frame.kind in BYTES:
                streams[frame.kind].write(frame.data)
            elif frame.kind is Kind.END:
                end = frame.end
            elif frame.kind in (Kind.WITHHELD, Kind.UNREAD):
                untold.append(_sentence(frame))
            event = _event(frame)
            if event:
                delay = frame.at - told
                told = frame.at
                number, _, values = event.partition(" ")
                timing.write(f"{number} {delay // 1_000_000}.{delay % 1_000_000:06}000 {values}\n".encode("ascii"))
    _write(os.path.join(directory, "log"), _old_log(header))
    _write(os.path.join(directory, "log.json"), _log(header, lasted, end))
    os.chmod(os.path.join(directory, "timing"), 0o400)  # tells sudo that the log is complete
    return untold


def _open(stack: ExitStack, path: str) -> BinaryIO:
    file = stack.enter_context(_make(path))
    packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
    return cast(BinaryIO, stack.enter_context(packed))


def _make(path: str) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _write(path: str, text: str) -> None:
    with _make(path) as file:
        file.write(text.encode("utf-8"))


def _event(frame: Frame) -> str:
    """Return the number and the values for the file ``timing``, or an empty text if that has no such event."""
    if frame.kind in EVENTS:
        return f"{EVENTS[frame.kind]} {len(frame.data)}" if frame.data else ""
    if frame.kind is Kind.WINDOW:
        rows, columns = frame.size
        return f"{WINDOW} {rows} {columns}"
    if frame.kind is Kind.SUSPENDED:
        return f"{SUSPEND} {_signal_name(frame.signal)}"
    if frame.kind is Kind.RESUMED:
        return f"{SUSPEND} CONT"
    return ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)


def _sentence(frame: Frame) -> str:
    what = unread(frame) if frame.kind is Kind.UNREAD else "typed without an echo, and not recorded"
    return f"{frame.at / 1e6:.3f} s: {what}"


def _old_log(header: Header) -> str:
    """Return the three lines of the file ``log``. Colons in values are replaced, and values contain no line breaks."""
    first = [
        str(header.started_at // 1_000_000),
        header.requester,
        header.user,
        header.group,
        NO_TERMINAL,
        str(header.rows or ROWS),
        str(header.columns or COLUMNS),
    ]
    command = " ".join((header.path, *header.argv[1:]))
    return ":".join(value.replace(":", "#072") for value in first) + f"\n{header.directory}\n{command}\n"


def _log(header: Header, lasted: int, end: End | None) -> str:
    values: dict[str, object] = {
        "timestamp": {"seconds": header.started_at // 1_000_000, "nanoseconds": header.started_at % 1_000_000 * 1000},
        "columns": header.columns or COLUMNS,
        "command": header.path,
        "lines": header.rows or ROWS,
        "runargv": list(header.argv),
        "rungroup": header.group,
        "runuser": header.user,
        "submitcwd": header.directory,
        "submithost": header.host,
        "submituser": header.requester,
        "ttyname": NO_TERMINAL,
    }
    if end is not None:
        values["run_time"] = {"seconds": lasted // 1_000_000, "nanoseconds": lasted % 1_000_000 * 1000}
        if end.ending == "signaled":
            values["signal"] = _signal_name(end.number)
        else:
            values["exit_value"] = end.number
    return json.dumps(values, indent=4, ensure_ascii=False) + "\n"
