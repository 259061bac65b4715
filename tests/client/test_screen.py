# SPDX-License-Identifier: Apache-2.0
"""Where the shell's prompt stands after a recording was shown."""

from __future__ import annotations

import pytest

from jitd.cli.screen import Screen


@pytest.mark.parametrize(
    ("pieces", "is_ended"),
    [
        ((b"a line\r\n",), False),
        ((b"half a line",), True),
        ((b"half a", b" line"), True),
        ((b"half a line", b"\x1b[0m"), True),
        ((b"a line\r\n", b"\x1b[0m\x1b[?25h"), False),
        ((b"a line\r\n$ ", b"\r"), True),
        ((), False),
    ],
)
def test_what_comes_after_a_recording_begins_its_own_line_on_a_terminal_alone(
    pieces: tuple[bytes, ...], is_ended: bool, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    for is_terminal in (True, False):
        monkeypatch.setattr(Screen, "is_terminal", is_terminal)
        with Screen() as screen:
            for piece in pieces:
                screen.write(piece)
        assert capfdbinary.readouterr().out == b"".join(pieces) + (b"\r\n" if is_ended and is_terminal else b"")
