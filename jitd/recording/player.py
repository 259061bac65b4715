# SPDX-License-Identifier: Apache-2.0
"""Plays a recording on a viewer's terminal. This module decides which bytes are written at which time, and what each key does.

Law: time is an argument. All output of a recording is filtered by ``Filter``. In addition, this module writes only a few fixed
sequences. The bytes that ``finish`` returns restore the terminal in every case, at any point of the replay. The use of memory
does not grow with the recording.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice

from jitd.recording.filter import Filter
from jitd.recording.form import SHOWN, End, Frame, Kind
from jitd.recording.sequences import Text

SLOWEST, FASTEST = 1 / 64, 1024.0  # the minimum and maximum speed, as factors
MOST_AT_ONCE = 256 * 1024  # bytes that one call plays, roughly, so that keys can be read between two calls
MOST_LATE = 1.0  # seconds by which a late replay shortens its next pauses, after the viewer's terminal was stopped
MOST_SOUGHT = 256  # characters of a text to search for
BELL = b"\a"
CLEAR = b"\x1b[H\x1b[2J"


class Player:
    """A replay of a recording. Each call of ``frames`` yields all frames from the beginning. Times are in seconds, on any
    monotonic clock.

    ``speed`` is a factor. A pause that is longer than ``idle_limit`` seconds is shortened to this limit. ``newline`` ends a line
    of a stream that was not a terminal. It usually has two characters, because a viewer's terminal needs both. Call ``advance``
    at the time ``due_at``, and call ``key`` with the typed keys. Write the bytes that ``advance`` and ``key`` return. Raises
    ValueError for an impossible speed or limit. ``advance`` and ``key`` also raise the exceptions of ``frames``.
    """

    def __init__(
        self,
        frames: Callable[[], Iterator[Frame]],
        *,
        speed: float = 1.0,
        idle_limit: float | None = None,
        newline: bytes = b"\r\n",
    ) -> None:
        if not math.isfinite(speed) or not SLOWEST <= speed <= FASTEST:
            raise ValueError(f"the speed must be a number between 1/{1 / SLOWEST:.0f} and {FASTEST:.0f}")
        if idle_limit is not None and not (math.isfinite(idle_limit) and idle_limit >= 0):
            raise ValueError("the longest pause must be a number of seconds, and must not be negative")
        self.speed = speed
        self.is_paused = False
        self.is_over = False
        self.end: End | None = None
        self.position = 0  # the time of the last frame that was played, in microseconds from the beginning of the recording
        self._frames = frames
        self._idle_limit = idle_limit
        self._newline = newline
        self._filter = Filter()
        self._coming = frames()
        self._next: Frame | None = None
        self._n_played = 0
        self._next_at: float | None = None  # None before the first call
        self._left = 0.0  # while the replay is paused: seconds of the recording until the next frame
        self._rush_to = 0  # up to this number of frames the replay does not wait
        self._is_asking = False
        self._was_paused = False  # True if the replay was paused before the viewer was asked for a text
        self._typed = ""
        self._sought = ""

    # --- time --------------------------------------------------------------------------------------------------------

    def due_at(self) -> float | None:
        """Return the time when ``advance`` must be called next. Return None if no call is needed before the next key."""
        if self.is_over:
            return None
        if self._next_at is None or self._is_rushing:
            return 0.0
        return None if self.is_paused or self._is_asking else self._next_at

    def advance(self, now: float) -> bytes:
        """Play the frames that are due at ``now``, and return the bytes to write."""
        if self._next_at is None:
            self._fetch(now)
        out = bytearray()
        n_taken = 0
        while self._next is not None and n_taken < MOST_AT_ONCE and self._is_due(now):
            n_taken += len(self._next.data) + 1
            out += self._play(now)
        return bytes(out)

    @property
    def _is_rushing(self) -> bool:
        return self._n_played < self._rush_to

    def _is_due(self, now: float) -> bool:
        if self.is_over:
            return False
        if self._is_rushing:
            return True
        assert self._next_at is not None
        return not self.is_paused and not self._is_asking and now >= self._next_at

    def _fetch(self, begins_at: float) -> None:
        """Fetch the next frame. The time of the frame is ``begins_at`` plus the pause before the frame."""
        self._next = next(self._coming, None)
        if self._next is None:
            self.is_over = True
            self._next_at = begins_at
            return
        gap = (self._next.at - self.position) / 1e6
        if self._idle_limit is not None:
            gap = min(gap, self._idle_limit)
        self._left = gap
        self._next_at = begins_at + gap / self.speed

    def _play(self, now: float) -> bytes:
        frame = self._next
        assert frame is not None and self._next_at is not None
        begins_at = now if self._is_rushing or self.is_paused else max(self._next_at, now - MOST_LATE)
        self.position = frame.at
        self._n_played += 1
        out = self._drawn(frame)
        self._fetch(begins_at)
        return out

    def _drawn(self, frame: Frame) -> bytes:
        if frame.kind is Kind.END:
            self.end = frame.end
        if frame.kind is Kind.GAP:
            return self._filter.feed(f"\r\n[not recorded from here on: {frame.because}]\r\n".encode())
        if frame.kind not in SHOWN:
            return b""
        if frame.kind is Kind.OUTPUT:
            return self._filter.feed(frame.data)
        return self._filter.feed(frame.data.replace(b"\n", self._newline))  # as a terminal would have done

    def finish(self) -> bytes:
        """End the replay. Return the bytes that restore the viewer's terminal. The caller must always write these bytes last."""
        self.is_over = True
        return self._filter.restore()

    # --- keys --------------------------------------------------------------------------------------------------------

    def key(self, typed: bytes, now: float) -> bytes:
        """Handle typed keys, and return the bytes to write immediately.

        Space pauses the replay or continues it. ``+`` and ``-`` change the speed. ``.`` plays one frame. ``/`` asks for a text to
        search for, and ``n`` searches for this text again. ``q`` or Ctrl-C ends the replay.
        """
        out = self.advance(now) if self._next_at is None else b""
        for char in typed.decode("utf-8", "replace"):
            if self.is_over and not self._is_asking:
                break
            out += self._asked(char, now) if self._is_asking else self._pressed(char, now)
        return out

    def _pressed(self, char: str, now: float) -> bytes:
        if char in "q\x03":
            self.is_over = True
        elif char == " ":
            self._go_on(now) if self.is_paused else self._pause(now)
        elif char in "+=>":
            self._change_speed(2.0, now)
        elif char in "-<":
            self._change_speed(0.5, now)
        elif char == ".":
            self._pause(now)
            return self._step(now)
        elif char == "/":
            self._was_paused = self.is_paused
            self._pause(now)
            self._is_asking = True
            self._typed = ""
            return self._question()
        elif char == "n" and self._sought:
            self._pause(now)
            return self._search(now)
        return b""

    def _pause(self, now: float) -> None:
        if not self.is_paused and self._next_at is not None:
            self._left = max(0.0, (self._next_at - now) * self.speed)
        self.is_paused = True

    def _go_on(self, now: float) -> None:
        self.is_paused = False
        self._next_at = now + self._left / self.speed

    def _change_speed(self, factor: float, now: float) -> None:
        was_paused = self.is_paused
        self._pause(now)
        self.speed = min(max(self.speed * factor, SLOWEST), FASTEST)
        if not was_paused:
            self._go_on(now)

    def _step(self, now: float) -> bytes:
        """Play frames until a frame has changed the viewer's screen."""
        out = b""
        while not out and not self.is_over and not self._is_rushing:
            out = self._play(now)
        return out

    # --- searching ---------------------------------------------------------------------------------------------------

    def _question(self) -> bytes:
        return f"\x1b7\x1b[999;1H\x1b[0;7m/{self._typed}\x1b[K\x1b[m\x1b8".encode()

    def _asked(self, char: str, now: float) -> bytes:
        if char in "\r\n":
            self._is_asking = False
            self._sought = self._typed or self._sought
            return self._search(now)
        if char in "\x1b\x03":
            self._is_asking = False
            return self._draw_again(self._n_played, now)
        if char in "\b\x7f":
            self._typed = self._typed[:-1]
        elif char.isprintable() and len(self._typed) < MOST_SOUGHT:
            self._typed += char
        return self._question()

    def _search(self, now: float) -> bytes:
        """Play up to the next place where the searched text is shown. If there is none, ring the bell and stay."""
        place = self._find() if self._sought else None
        if place is None:
            return BELL + self._draw_again(self._n_played, now)
        self._was_paused = True
        return self._draw_again(place, now)

    def _find(self) -> int | None:
        """Return the number of frames to play until the searched text is shown. Return None if the text does not occur."""
        text, tail = Text(), ""
        for number, frame in enumerate(islice(self._frames(), self._n_played, None), self._n_played + 1):
            if frame.kind not in SHOWN:
                continue
            tail += text.feed(frame.data)
            if self._sought in tail:
                return number
            tail = tail[-MOST_SOUGHT:]
        return None

    def _draw_again(self, n_frames: int, now: float) -> bytes:
        """Clear the screen, of which a question has overwritten a line, and play the first ``n_frames`` without waiting."""
        out = self._filter.restore() + CLEAR
        self._filter = Filter()
        self._coming = self._frames()
        self._n_played = self.position = 0
        self._rush_to = n_frames
        self.is_over = False
        self._next_at = None
        self._fetch(now)
        self.is_paused = self._was_paused
        return out + self.advance(now)
