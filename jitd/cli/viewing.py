# SPDX-License-Identifier: Apache-2.0
"""The verbs that show the recording of a run are ``watch`` (during the run) and ``replay`` (during and after the run).

Law: a recording is shown only if its chain of hashes is correct. When a run ends, jitd writes the size and the digest of the
recording into the record. These values are called the mark. The recording of an ended run must match its mark. Without
``--raw``, every byte of a recording passes ``Filter`` before it reaches the terminal.
"""

from __future__ import annotations

import os
import tempfile
import time
from binascii import Error as NoBase64
from binascii import a2b_base64
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import click

from jitd.cli.answer import Row, command_line, say
from jitd.cli.call import NotDone, called
from jitd.cli.ids import whole_id
from jitd.cli.numbers import number
from jitd.cli.screen import Screen
from jitd.recording import asciicast, sudolog
from jitd.recording.filter import Filter
from jitd.recording.form import SHOWN, Altered, End, Frame, Header, Kind, Mark
from jitd.recording.player import FASTEST, SLOWEST, Player
from jitd.recording.reader import PIECE, Feed, Recording, Summary, as_read, examine
from jitpam.wire.messages import Item, Replay

speed_typed = number(float, SLOWEST, FASTEST, said=f"a number from 1/{1 / SLOWEST:.0f} to {FASTEST:.0f}")
pause_typed = number(float, 0, said="a number of seconds, 0 or more")
FORMATS = ("asciicast", "asciicast-2", "sudo")


def piece_of(row: Row) -> bytes:
    try:
        return a2b_base64(str(row["data"]), strict_mode=True)
    except (KeyError, NoBase64):
        raise NotDone("the daemon sent something that is not a recording", "protocol") from None


def _mark(row: Row) -> tuple[Mark, ...]:
    """Return the size and the digest of the recording, which jitd records when the run ends, and before that nothing."""
    sealed = row.get("sealed")
    if not isinstance(sealed, dict):
        return ()
    return (Mark(int(sealed["n_chunks"]), int(sealed["size"]), bytes.fromhex(str(sealed["digest"]))),)


def ended_how(end: End | None) -> str:
    match end:
        case None:
            return "its end is missing"
        case End("exited", number, because):
            said = f"it ended with status {number}"
        case End("signaled", number, because):
            said = f"signal {number} ended it"
        case End(ending, _, because):
            said = f"it is {ending}"
    return f"{said}: {because}" if because else said


def _title(header: Header) -> str:
    return f"{header.run}: {command_line(header.argv)} (as {header.user} on {header.host}, for {header.requester})"


def newline_for(screen: Screen) -> bytes:
    """Return the line end for output that a run has written to a pipe or a file. If ``screen`` is a terminal, the line end is CR
    and LF. Otherwise it is LF, as in the recording.
    """
    return b"\r\n" if screen.is_terminal else b"\n"


# --- watch -----------------------------------------------------------------------------------------------------------


class Watcher:
    """Shows frames as they arrive, or those of an ended run after all were written to the empty file ``held`` and checked."""

    def __init__(self, screen: Screen, held: IO[bytes]) -> None:
        self._screen = screen
        self._held = held
        self._feed = Feed()
        self._sealed: tuple[Mark, ...] = ()
        self._filter = Filter()
        self._size = (0, 0)
        self._is_entitled = False
        self.end: End | None = None

    def begin(self, row: Row) -> None:
        """The daemon sends ``row`` before the recording. Read the mark of the recording from ``row`` (see ``_mark``)."""
        self._sealed = _mark(row)

    def take(self, data: bytes) -> None:
        """Process the next piece of the recording. Raises Altered if its chain of hashes is wrong."""
        if self._sealed:
            self._held.write(data)
        else:
            self._show(data)

    def _show(self, data: bytes) -> None:
        for frames in self._feed.chunks(data):
            self._entitle()
            self._show_frames(frames)
        self._entitle()

    def _entitle(self) -> None:
        """Print the title once, when the header has arrived."""
        header = self._feed.header
        if header is None or self._is_entitled:
            return
        self._is_entitled = True
        say(_title(header))
        self._resized(header.rows, header.columns)

    def _show_frames(self, frames: list[Frame]) -> None:
        out = bytearray()
        for frame in frames:
            if frame.kind is Kind.OUTPUT:
                out += self._filter.feed(frame.data)
            elif frame.kind in SHOWN:
                out += self._filter.feed(frame.data.replace(b"\n", newline_for(self._screen)))
            elif frame.kind is Kind.WINDOW:
                self._screen.write(bytes(out))
                out.clear()
                self._resized(*frame.size)
            elif frame.kind is Kind.GAP:
                out += self._filter.feed(f"\r\n[not recorded from here on: {frame.because}]\r\n".encode())
            elif frame.kind is Kind.END:
                self.end = frame.end
        self._screen.write(bytes(out))

    def _resized(self, rows: int, columns: int) -> None:
        """Warn if the terminal of the run is larger than this one: the output would look wrong."""
        if not self._screen.is_terminal or not rows or (rows, columns) == self._size:
            return
        self._size = (rows, columns)
        ours = os.get_terminal_size(1)
        if ours.lines < rows or ours.columns < columns:
            say(f"its window has {rows} rows and {columns} columns, and yours {ours.lines} and {ours.columns}: make it larger")

    def prove(self) -> None:
        """Check the complete recording after its last piece has arrived. Then show the frames that were stored in ``held``.
        Raises Altered if the recording does not match its mark in the record.
        """
        if self._sealed:
            self._held.flush()
            examine(self._held.fileno(), self._sealed)
            self._held.seek(0)
            while piece := self._held.read(PIECE):
                self._show(piece)
        self._feed.feed(b"")

    def finish(self) -> None:
        """Reset the colours and modes of the terminal that the recording has changed."""
        self._screen.write(self._filter.restore())


@click.command()
@click.argument("id", metavar="ID")
def watch(*, id: str) -> None:
    """Follow a run live, from its beginning. q or Ctrl-C ends the display, and does not affect the run."""
    id = whole_id("watch", id)
    with called() as daemon, Screen() as screen, tempfile.TemporaryFile() as held:
        watcher = Watcher(screen, held)
        has_left = False
        try:
            rows = daemon.follow(Replay(id=id, follow=True), screen.keys)
            for heard in rows:
                if heard is None:
                    has_left = b"q" in screen.typed(0)
                    if has_left:
                        break
                elif isinstance(heard, Item) and "data" in heard.row:
                    watcher.take(piece_of(heard.row))
                elif isinstance(heard, Item):
                    watcher.begin(heard.row)
            if not has_left:
                watcher.prove()
        except Altered as fault:
            raise NotDone(f"the recording is damaged, or somebody has changed it: {fault}") from None
        except KeyboardInterrupt:
            has_left = True
        finally:
            watcher.finish()
    if not has_left:
        say(f"{id}: {ended_how(watcher.end)}")


# --- replay ----------------------------------------------------------------------------------------------------------


def _fetch(id: str, file: IO[bytes]) -> tuple[Summary, bool]:
    """Return the summary, and True if the run has not ended. Raises NotDone if somebody has altered the recording."""
    sealed: tuple[Mark, ...] = ()
    is_live = False
    with called() as daemon:
        for row in daemon.ask(Replay(id=id, follow=False)):
            if "data" in row:
                file.write(piece_of(row))
            else:
                sealed, is_live = _mark(row), bool(row.get("live"))
    file.flush()
    try:
        return examine(file.fileno(), sealed), is_live
    except Altered as fault:
        raise NotDone(f"the recording of {id} is damaged, or somebody has changed it: {fault}") from None


@click.command()
@click.argument("id", metavar="ID")
@click.option("--speed", callback=speed_typed, default="1", metavar="N", help="N times as fast: from 1/64 to 1024.")
@click.option("--idle-limit", callback=pause_typed, metavar="SECONDS", help="Make every pause at most this long.")
@click.option("--raw", is_flag=True, help="Every byte as it was, at once. It may harm a terminal.")
@click.option("--export", "form", type=click.Choice(FORMATS), help="Write it in another form, and play nothing.")
@click.option("--to", type=click.Path(path_type=Path), metavar="PATH", help="Write it here: a file, or for sudo a new directory.")
def replay(*, id: str, speed: float, idle_limit: float | None, raw: bool, form: str | None, to: Path | None) -> None:
    """Play the recording of a run.

    Space pauses, + and - change the speed, a full stop plays one step, / searches, n searches again, q ends it.
    """
    if to is not None and form is None:
        raise click.UsageError("--to can be used only with --export")
    if raw and form is not None:
        raise click.UsageError("--raw and --export cannot be used together")
    id = whole_id("replay", id)
    with tempfile.TemporaryFile() as file:
        found, is_live = _fetch(id, file)
        recording = Recording(file.fileno())
        if form is not None:
            _export(recording, form, to)
        elif raw:
            _print_raw(recording)
        else:
            say(_title(found.header))
            _play(recording, speed, idle_limit)
        for gap in found.gaps:
            say(f"not all of it was kept: {gap}")
        say(
            f"{found.header.run}: it still runs"
            if is_live and found.end is None
            else f"{found.header.run}: {ended_how(found.end)}"
        )


def _play(recording: Recording, speed: float, idle_limit: float | None) -> None:
    with Screen() as screen:
        # If standard output is not a terminal, nobody watches, so play without pauses.
        is_seen = screen.is_terminal
        player = Player(
            recording.frames,
            speed=speed if is_seen else FASTEST,
            idle_limit=idle_limit if is_seen else 0.0,
            newline=newline_for(screen),
        )
        try:
            while not player.is_over:
                screen.write(player.advance(time.monotonic()))
                due_at = player.due_at()
                within = None if due_at is None else max(0.0, due_at - time.monotonic())
                if player.is_over:
                    break
                typed = screen.typed(within)
                if typed:
                    screen.write(player.key(typed, time.monotonic()))
        except KeyboardInterrupt:
            pass
        finally:
            screen.write(player.finish())


def _print_raw(recording: Recording) -> None:
    screen = Screen()
    for frame in recording.frames():
        if frame.kind in SHOWN:
            screen.write(frame.data)


def _export(recording: Recording, form: str, to: Path | None) -> None:
    try:
        if form == "sudo":
            if to is None:
                raise click.UsageError("--export=sudo needs --to with the path of a new directory")
            for untold in sudolog.export(recording.header, as_read(recording.frames), str(to)):
                say(f"sudoreplay does not show this: {untold}")
            say(f"sudoreplay -d {to.parent} {to.name} plays it")
            return
        lines = asciicast.lines(recording.header, as_read(recording.frames), version=2 if form == "asciicast-2" else 3)
        if to is None:
            _print(lines)
        else:
            with to.open("x", encoding="utf-8") as out:
                out.writelines(lines)
    # the reader closed the pipe: ``main`` handles this for all verbs
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise NotDone(f"cannot write {fault.filename or to}: {fault.strerror}") from None


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line, nl=False)
