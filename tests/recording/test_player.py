# SPDX-License-Identifier: Apache-2.0
"""Replay: when what is shown, what keys do, and how the viewer's terminal is left (THREATS L-06)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jitd.recording.filter import Filter
from jitd.recording.form import End, Frame, Kind, encode_end
from jitd.recording.player import BELL, CLEAR, FASTEST, SLOWEST, Player
from tests.recording.test_filter import GOOD, HARMLESS, Viewer, streams


def tape(*frames: tuple[float, bytes]) -> list[Frame]:
    """Output at these seconds, and an end with the last."""
    made = [Frame(int(at * 1e6), Kind.OUTPUT, data) for at, data in frames]
    return [*made, Frame(made[-1].at, Kind.END, encode_end(End("exited", 3, "")))]


TAPE = tape((0.0, b"one "), (1.0, b"two "), (2.0, b"three "), (62.0, b"four "))


def player(frames: list[Frame], **options: object) -> Player:
    return Player(lambda: iter(frames), **options)  # type: ignore[arg-type]


def played(one: Player, begin: float = 0.0, until: float = 1e9) -> tuple[bytes, list[float]]:
    """All that it gives when it is called exactly when it wants to be, and when that was."""
    out, times, now = b"", [], begin
    while (due := one.due_at()) is not None and max(due, now) <= until:
        now = max(due, now)
        piece = one.advance(now)
        if piece:
            times.append(now)
        out += piece
    return out, times


def test_it_plays_at_the_times_at_which_it_happened() -> None:
    one = player(TAPE)
    assert played(one, begin=100.0) == (b"one two three four ", [100.0, 101.0, 102.0, 162.0])
    assert one.is_over and one.end == End("exited", 3, "") and one.due_at() is None


def test_faster_and_slower_and_with_long_pauses_cut_short() -> None:
    assert played(player(TAPE, speed=4.0))[1] == [0.0, 0.25, 0.5, 15.5]
    assert played(player(TAPE, speed=0.5))[1] == [0.0, 2.0, 4.0, 124.0]
    assert played(player(TAPE, idle_limit=2.0))[1] == [0.0, 1.0, 2.0, 4.0]
    assert played(player(TAPE, speed=2.0, idle_limit=2.0))[1] == [0.0, 0.5, 1.0, 2.0]
    assert played(player(TAPE, idle_limit=0.0))[1] == [0.0]


@pytest.mark.parametrize("options", [
    {"speed": 0.0}, {"speed": -1.0}, {"speed": float("nan")}, {"speed": float("inf")}, {"speed": 1e9}, {"idle_limit": -1.0},
    {"idle_limit": float("nan")},
])  # fmt: skip
def test_a_speed_or_limit_that_is_none_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="number"):
        player(TAPE, **options)


def test_space_pauses_and_goes_on_where_it_was() -> None:
    one = player(TAPE)
    assert played(one, until=1.4)[0] == b"one two "
    one.key(b" ", 1.4)
    assert one.is_paused and one.due_at() is None
    assert one.advance(50.0) == b""
    one.key(b" ", 100.0)
    assert one.due_at() == pytest.approx(100.6)
    assert one.advance(100.5) == b"" and one.advance(100.7) == b"three "


def test_the_speed_changes_from_where_it_is() -> None:
    one = player(TAPE)
    played(one, until=2.0)
    one.key(b"++", 12.0)
    assert one.speed == 4.0 and one.due_at() == pytest.approx(12.0 + 50.0 / 4)
    one.key(b"-", 14.5)
    assert one.speed == 2.0 and one.due_at() == pytest.approx(14.5 + 40.0 / 2)
    one.key(b" +", 14.5)
    assert one.is_paused and one.speed == 4.0
    one.key(b" ", 99.5)
    assert one.due_at() == pytest.approx(99.5 + 40.0 / 4)
    one.key(b"+" * 50, 99.5)
    assert one.speed == FASTEST
    one.key(b"-" * 50, 99.5)
    assert one.speed == SLOWEST


def test_a_dot_plays_one_frame_and_pauses() -> None:
    one = player(TAPE)
    assert one.key(b".", 0.0) == b"one two "
    assert one.is_paused and one.key(b"..", 0.0) == b"three four "
    assert not one.is_over and one.key(b".", 0.0) == b"" and one.is_over


def test_q_and_the_interrupt_end_it() -> None:
    for typed in (b"q", b"\x03", b"  q."):
        one = player(TAPE)
        one.key(typed, 0.0)
        assert one.is_over and one.due_at() is None and one.advance(1e9) == b""


def test_other_keys_do_nothing() -> None:
    one = player(TAPE)
    assert one.key(b"xyz\x1b[A\xff\r\nn", 0.0) == b"one "
    assert not one.is_over and not one.is_paused and one.due_at() == 1.0


def searching(one: Player, what: bytes, now: float) -> bytes:
    return one.key(b"/" + what + b"\r", now)


def test_a_search_goes_to_the_next_place_and_pauses_there() -> None:
    frames = tape(
        *((float(number), b"line %d\r\n" % number) for number in range(20)), (30.0, b"er\x1b[1mr"), (31.0, b"\x1b[mor\r\n")
    )
    one = player(frames)
    out = played(one, until=2.5)[0] + searching(one, b"line 1", 3.0)
    assert one.is_paused and one.position == 10_000_000, "what was shown already does not count"
    assert Viewer().see(out).picture == Viewer().see(b"".join(frame.data for frame in frames[:11])).picture
    one.key(b"n", 4.0)
    assert one.position == 11_000_000
    out += searching(one, b"error", 5.0)
    assert one.position == 31_000_000, "a word in two frames, and with a colour in it"
    one.key(b" ", 6.0)
    assert played(one, 6.0)[0] == b"" and one.is_over


def test_what_stands_nowhere_rings_and_all_is_as_it_was() -> None:
    one = player(TAPE)
    out = played(one, until=1.5)[0]
    picture = Viewer().see(out).picture
    out += searching(one, b"nothing like it", 1.5)
    assert BELL in out and Viewer().see(out).picture == picture
    assert one.position == 1_000_000 and not one.is_over
    assert played(one, 2.0)[0] == b"three four "


def test_what_is_drawn_again_begins_as_the_recording_did() -> None:
    one = player(tape((0.0, b"q\x1b(0"), (1.0, b"q")))
    played(one, until=0.5)
    assert searching(one, b"nothing like it", 0.5).endswith(CLEAR + b"q")
    assert played(one, 1.0)[0] == "─".encode()


def test_a_question_that_is_taken_back_leaves_no_trace() -> None:
    for cancel in (b"\x1b", b"\x03"):
        one = player(TAPE)
        out = played(one, until=1.5)[0]
        picture = Viewer().see(out).picture
        asked = out + one.key(b"/ab\x7fc", 1.5)
        assert Viewer().see(asked).display[-1].rstrip() == "/ac" and one.due_at() is None
        out = asked + one.key(cancel, 1.6)
        assert Viewer().see(out).picture == picture and not one.is_paused
        assert played(one, 2.0)[0] == b"three four "


def test_what_is_searched_for_cannot_harm_either() -> None:
    one = player(TAPE)
    one.advance(0.0)
    out = one.key(b"/\x9b5n\x05\xc2\x9b" + "ä".encode() + b"x" * 1000, 0.0)
    assert HARMLESS.fullmatch(out) and not Viewer().see(out).done


def test_streams_without_a_terminal_are_drawn_as_a_terminal_would() -> None:
    frames = [
        Frame(0, Kind.STDOUT, b"a\nb\n"),
        Frame(0, Kind.STDERR, b"c\n"),
        Frame(0, Kind.STDIN, b"in"),
        Frame(0, Kind.INPUT, b"in"),
    ]
    assert played(player(frames))[0] == b"a\r\nb\r\nc\r\n"


def test_what_was_not_kept_is_said() -> None:
    out, _ = played(player([Frame(0, Kind.OUTPUT, b"a"), Frame(1, Kind.GAP, b"no space left")]))
    assert b"[not recorded from here on: no space left]" in out


def test_a_viewer_that_was_away_is_not_shown_everything_at_once() -> None:
    one = player(tape(*((float(number), b"%d " % number) for number in range(100))))
    one.advance(0.0)
    assert len(one.advance(50.0).split()) <= 3
    assert one.due_at() == pytest.approx(50.0, abs=1.1)


def test_a_flood_comes_in_pieces_so_that_keys_are_heard() -> None:
    frames = [Frame(0, Kind.OUTPUT, b"x" * 50_000) for _ in range(100)]
    one = player(frames)
    assert len(one.advance(0.0)) <= 400_000
    one.key(b"q", 0.0)
    assert one.advance(0.0) == b""


def test_memory_does_not_grow_with_the_recording() -> None:
    def frames() -> Iterator[Frame]:
        for number in range(2000):
            yield Frame(number, Kind.OUTPUT, b"%06d" % number * 1000)

    one = Player(frames)
    tracemalloc.start()
    try:
        while (due := one.due_at()) is not None:
            one.advance(due)
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_however_it_ends_the_terminal_is_put_back() -> None:
    one = player(tape((0.0, b"\x1b[?1049h\x1b[?25l\x1b[1;31m\x1b[3;9r"), (5.0, b"never")))
    out = one.advance(0.0) + one.finish()
    assert out.endswith(b"\x1b[?1049l\x1b[m\x1b[?25h\x1b7\x1b[r\x1b8")
    assert one.is_over and one.finish() == b""


all_tapes = st.lists(st.tuples(st.integers(0, 3_000_000), streams), max_size=8).map(
    lambda found: [
        Frame(sum(delta for delta, _ in found[: number + 1]), Kind.OUTPUT, data) for number, (_, data) in enumerate(found) if data
    ]
)
steps = st.lists(
    st.one_of(st.floats(0, 2), st.sampled_from([b" ", b"+", b"-", b".", b"/te\r", b"/no such\r", b"n", b"/x\x1b"])), max_size=12
)


@given(all_tapes, st.lists(st.floats(0, 3), max_size=20))
@settings(max_examples=100)
def test_whenever_it_is_called_it_gives_the_same_bytes(frames: list[Frame], pauses: list[float]) -> None:
    one, out, now = player(frames), b"", 0.0
    for pause in pauses:
        now += pause
        out += one.advance(now)
    out += played(one, now)[0]
    assert out == Filter().feed(b"".join(frame.data for frame in frames))


@given(all_tapes, steps)
@settings(max_examples=150)
def test_whatever_is_typed_nothing_but_drawing_reaches_the_viewer(frames: list[Frame], steps: list[float | bytes]) -> None:
    """THREATS L-06."""
    one, out, now = player(frames), b"", 0.0
    for step in steps:
        if isinstance(step, bytes):
            out += one.key(step, now)
        else:
            now += step
            out += one.advance(now)
    out += one.finish()
    assert HARMLESS.fullmatch(out.replace(BELL, b""))
    assert {told for told in Viewer().see(out).done} <= {"bell"}


drawn = st.lists(
    st.tuples(st.integers(0, 900_000), st.lists(st.sampled_from(GOOD), min_size=1).map(b"".join)), min_size=1, max_size=8
)


@given(drawn, steps)
@settings(max_examples=100)
def test_whatever_is_typed_in_the_end_all_of_it_was_played(found: list[tuple[int, bytes]], steps: list[float | bytes]) -> None:
    at, frames = 0, []
    for delta, data in found:
        at += delta
        frames.append(Frame(at, Kind.OUTPUT, data))
    assume(not any(CLEAR in frame.data for frame in frames))
    one, out, now = player(frames), b"", 0.0
    for step in steps:
        if isinstance(step, bytes):
            out += one.key(step, now)
        else:
            now += step
            out += one.advance(now)
    if one.is_paused and not one.is_over:
        out += one.key(b" ", now)
    out += played(one, now)[0]
    assert one.is_over
    after = out.rpartition(CLEAR)[2]  # it begins anew after each question
    assert Viewer().see(after).picture[0] == Viewer().see(b"".join(data for _, data in found)).picture[0]
