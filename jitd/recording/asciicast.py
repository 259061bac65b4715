# SPDX-License-Identifier: Apache-2.0
"""Converts a recording to an asciicast, versions 2 and 3 (https://docs.asciinema.org/manual/asciicast/v3/).

Law: each line follows the specification, and is JSON in ASCII. The format can contain only text. ``Filter`` makes the output
harmless for a viewer's terminal, and replaces bytes of the output that are not UTF-8. In input, such bytes are written as
``\\xNN``.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator

from jitd.recording.filter import Filter
from jitd.recording.form import SHOWN, Frame, Header, Kind, Left, unread
from jitpam.wire.shown import reshown_argument

USUAL_SIZE = (24, 80)  # rows and columns for a run without a terminal
LEFT = "standard input that was offered to the command, and left there: "  # before input that the command has not read


def lines(header: Header, frames: Iterable[Frame | Left], *, version: int = 3) -> Iterator[str]:
    """Yield the lines of the file, each with its line break. Input that the command has not read is in markers. Raises ValueError
    if ``version`` is neither 2 nor 3.
    """
    yield _line(_head(header, version))
    read = {kind: _reader(kind) for kind in (*SHOWN, Kind.INPUT, Kind.STDIN)}
    told = 0
    last = Frame(0, Kind.RESUMED, b"")
    for frame in frames:
        if isinstance(frame, Left):
            text = LEFT + frame.data.decode("utf-8", "backslashreplace")
            yield _event(frame.at, told, version, "m", text)
            told = frame.at
            continue
        for code, data in _events(frame, version, read):
            yield _event(frame.at, told, version, code, data)
            told = frame.at
        last = frame
    if last.kind is not Kind.END:
        for text in _rests(read):
            yield _event(last.at, told, version, "o", text)
            told = last.at


def cut(lines: Iterable[str], most: int) -> Iterator[str]:
    """Yield ``lines`` of version 2, or if they exceed ``most`` characters, those that fit, and a marker that says so."""
    n, at = 0, "0.0"
    for line in lines:
        n += len(line)
        if n > most:
            yield f'[{at}, "m", "cut here: the recording goes on"]\n'
            return
        at = line[1:].partition(",")[0] if line.startswith("[") else at
        yield line


def _head(header: Header, version: int) -> dict[str, object]:
    rows, columns = (header.rows, header.columns) if header.rows and header.columns else USUAL_SIZE
    about = {
        "timestamp": header.started_at // 1_000_000,
        "command": " ".join(map(reshown_argument, header.argv)),
        "title": f"{header.run} on {header.host}",
        "env": {"TERM": header.term} if header.term else {},
    }
    if version == 2:
        return {"version": 2, "width": columns, "height": rows, **about}
    if version == 3:
        term = {"cols": columns, "rows": rows, **({"type": header.term} if header.term else {})}
        return {"version": 3, "term": term, **about}
    raise ValueError("the asciicast format does not have this version")


Reading = Callable[[bytes, bool], str]


def _reader(kind: Kind) -> Reading:
    """Return what converts the bytes of one stream to text, also if those of one character are split between frames."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    harmless = Filter() if kind in SHOWN else None
    is_terminal = kind in (Kind.OUTPUT, Kind.INPUT)

    def read(data: bytes, is_last: bool) -> str:
        if not is_terminal:
            data = data.replace(b"\n", b"\r\n")  # as a terminal would have done
        if harmless is not None:
            data = harmless.feed(data) + (harmless.restore() if is_last else b"")
        return decoder.decode(data, is_last)

    return read


def _events(frame: Frame, version: int, read: dict[Kind, Reading]) -> Iterator[tuple[str, str]]:
    kind = frame.kind
    if kind in SHOWN:
        text = read[kind](frame.data, False)
        if text:
            yield "o", text
    elif kind in (Kind.INPUT, Kind.STDIN):
        text = read[kind](frame.data, False)
        if text:
            yield "i", text
    elif kind is Kind.WINDOW:
        rows, columns = frame.size
        yield "r", f"{columns}x{rows}"
    elif kind is Kind.END:
        for text in _rests(read):
            yield "o", text
        ending, number, because = frame.end
        yield "m", f"{ending} {number}" + (f": {because}" if because else "")
        if version == 3:
            yield "x", str(128 + number if ending == "signaled" else number)
    else:
        yield "m", _told(frame)


def _rests(read: dict[Kind, Reading]) -> Iterator[str]:
    """Yield the text at the end of the streams: incomplete characters, and the bytes that restore the viewer's terminal."""
    for kind in SHOWN:
        text = read[kind](b"", True)
        if text:
            yield text


def _told(frame: Frame) -> str:
    if frame.kind is Kind.SUSPENDED:
        return f"stopped by signal {frame.signal}"
    if frame.kind is Kind.GAP:
        return f"not recorded from here on: {frame.because}"
    if frame.kind is Kind.UNREAD:
        return unread(frame)
    return "goes on" if frame.kind is Kind.RESUMED else "typed without an echo, and not recorded"


def _event(at: int, told: int, version: int, code: str, data: str) -> str:
    microseconds = at if version == 2 else at - told
    return f"[{microseconds // 1_000_000}.{microseconds % 1_000_000:06}, {json.dumps(code)}, {json.dumps(data)}]\n"


def _line(values: dict[str, object]) -> str:
    return json.dumps(values) + "\n"
