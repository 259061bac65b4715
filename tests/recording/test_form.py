# SPDX-License-Identifier: Apache-2.0
"""What is written is what is read; what was altered is found out; what is cut short is readable up to there (THREATS L-04)."""

from __future__ import annotations

import hashlib
import os
import tempfile
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.recording.form import (
    ENDINGS,
    HEAD,
    MAGIC,
    MOST_RAW,
    PACKED,
    PLAIN,
    PREFIX,
    Altered,
    End,
    Frame,
    Kind,
    Mark,
    encode_chunk,
    encode_end,
    encode_frame,
    varint,
)
from jitd.recording.reader import Feed, Recording, examine
from tests.recording.tape import EXITED, HEADER, frames_of, header, place_of, put, record, recorder

plain = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20)
streams = st.sampled_from([Kind.OUTPUT, Kind.INPUT, Kind.STDIN, Kind.STDOUT, Kind.STDERR])
contents = st.one_of(
    st.binary(min_size=1, max_size=300), st.sampled_from([b"ls -l\r\n", b"\x1b[2J", bytes(65536), os.urandom(65536)])
)
ends = st.builds(End, st.sampled_from(ENDINGS), st.integers(0, 2**32 - 1), plain)
happenings = st.one_of(
    st.tuples(streams, contents),
    st.tuples(st.just(Kind.WINDOW), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(Kind.SUSPENDED), st.binary(min_size=1, max_size=1)),
    st.tuples(st.sampled_from([Kind.RESUMED, Kind.WITHHELD]), st.just(b"")),
    st.tuples(st.just(Kind.GAP), plain.map(str.encode)),
    st.tuples(st.just(Kind.UNREAD), st.integers(1, 65536).map(lambda n: n.to_bytes(4, "big"))),
)


@st.composite
def tapes(draw: st.DrawFn) -> list[Frame]:
    """Any frames in any order, with an END."""
    at = 0
    frames = []
    for kind, data in draw(st.lists(happenings, max_size=12)):
        at += draw(st.one_of(st.integers(0, 400_000), st.integers(0, 2**40)))
        if kind is not Kind.WITHHELD or not frames or frames[-1].kind is not Kind.WITHHELD:  # two in a row are told as one
            frames.append(Frame(at, kind, data))
    return [*frames, Frame(at, Kind.END, encode_end(draw(ends)))]


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


def written(frames: list[Frame]) -> bytes:
    """The bytes of a recording of ``frames``."""
    with scratch() as directory:
        record(directory, frames)
        return place_of(directory).read_bytes()


def read(data: bytes, *sizes: int) -> list[Frame]:
    """What a Feed makes of ``data`` in pieces of these sizes, then of the rest."""
    feed, frames = Feed(), []
    for size in sizes:
        frames += feed.feed(data[:size])
        data = data[size:]
    return frames + feed.feed(data) + feed.feed(b"")


def examined(data: bytes, *marks: Mark):
    with scratch() as directory:
        (directory / "one").write_bytes(data)
        with open(directory / "one", "rb") as file:
            return examine(file.fileno(), marks)


TYPED = [Frame(number * 150_000, Kind.OUTPUT, b"line %d\r\n" % number * 8) for number in range(12)]
LAST = Frame(2_000_000, Kind.END, encode_end(EXITED))
SAMPLE = written([*TYPED, LAST])


def borders(data: bytes) -> list[int]:
    """Where the header ends, and each chunk."""
    feed, found = Feed(), []
    for byte in data:
        feed.feed(bytes([byte]))
        if feed.mark.size and feed.mark.size not in found:
            found.append(feed.mark.size)
    return found


BORDERS = borders(SAMPLE)


@given(tapes())
def test_whatever_happens_is_read_as_it_was_recorded(frames: list[Frame]) -> None:
    with scratch() as directory:
        record(directory, frames)
        assert frames_of(directory) == frames


@given(tapes(), st.lists(st.integers(1, 5000), max_size=8))
def test_it_does_not_matter_in_which_pieces_a_recording_arrives(frames: list[Frame], sizes: list[int]) -> None:
    assert read(written(frames), *sizes) == frames


def test_the_sample_has_chunks_enough_to_say_something() -> None:
    assert len(BORDERS) > 5 and BORDERS[-1] == len(SAMPLE)
    assert {SAMPLE[border : border + 1] for border in BORDERS[:-1]} == {PACKED, PLAIN}
    assert read(SAMPLE) == [*TYPED, LAST]


@pytest.mark.parametrize("change", [0x01, 0x80, 0xFF])
def test_any_byte_that_is_changed_is_found_out_and_nothing_from_there_on_is_given(change: int) -> None:
    whole = read(SAMPLE)
    for place in range(len(SAMPLE)):
        data = SAMPLE[:place] + bytes([SAMPLE[place] ^ change]) + SAMPLE[place + 1 :]
        feed, given_out = Feed(), []
        with pytest.raises(Altered) as raised:
            for byte in data:
                given_out += feed.feed(bytes([byte]))
        assert given_out == whole[: len(given_out)]
        assert raised.value.offset <= place
        with pytest.raises(Altered):
            feed.feed(b"")


def test_all_that_stands_before_an_alteration_is_given_however_it_is_read(tmp_path: Path) -> None:
    whole, place = read(SAMPLE), BORDERS[3] + 50
    data = SAMPLE[:place] + bytes([SAMPLE[place] ^ 1]) + SAMPLE[place + 1 :]
    before = read(SAMPLE[: BORDERS[3]])
    assert 0 < len(before) < len(whole)
    feed = Feed()
    assert feed.feed(data) == before
    for more in (b"", SAMPLE):
        with pytest.raises(Altered):
            feed.feed(more)
    (tmp_path / "one").write_bytes(data)
    with open(tmp_path / "one", "rb") as file:
        frames = Recording(file.fileno()).frames()
        assert [next(frames) for _ in before] == before
        with pytest.raises(Altered, match="changed or damaged"):
            next(frames)
        with pytest.raises(Altered, match="changed or damaged"):
            examine(file.fileno())


def test_any_byte_that_is_left_out_or_put_in_is_found_out() -> None:
    for place in range(BORDERS[-2]):
        for data in (SAMPLE[:place] + SAMPLE[place + 1 :], SAMPLE[:place] + b"\0" + SAMPLE[place:]):
            with pytest.raises(Altered):
                read(data)


def test_a_recording_that_is_cut_anywhere_is_read_up_to_the_last_whole_chunk() -> None:
    whole = read(SAMPLE)
    for length in range(len(SAMPLE)):
        if length < BORDERS[0]:
            assert read(SAMPLE[:length]) == []
            with pytest.raises(Altered, match="cut short"):
                examined(SAMPLE[:length])
            continue
        frames = read(SAMPLE[:length])
        assert frames == whole[: len(frames)]
        summary = examined(SAMPLE[:length])
        assert summary.end is None and not summary.is_whole
        assert summary.mark.size == max(border for border in BORDERS if border <= length)
        assert summary.n_waiting == length - summary.mark.size


def test_chunks_in_another_order_or_twice_or_missing_are_found_out() -> None:
    first, pieces = SAMPLE[: BORDERS[0]], [SAMPLE[a:b] for a, b in zip(BORDERS, BORDERS[1:], strict=False)]
    for others in (
        [pieces[1], pieces[0], *pieces[2:]], [pieces[0], *pieces], pieces[1:], [*pieces[:1], *pieces[2:]], [*pieces, pieces[-1]],
    ):  # fmt: skip
        with pytest.raises(Altered):
            read(first + b"".join(others))


def test_a_chunk_of_another_recording_is_found_out() -> None:
    other = written([*TYPED[:3], Frame(900_000, Kind.OUTPUT, b"innocent\r\n"), LAST])
    assert other[: BORDERS[0]] == SAMPLE[: BORDERS[0]]
    with pytest.raises(Altered):
        read(SAMPLE[: BORDERS[2]] + other[borders(other)[2] :])


def test_nothing_stands_after_the_end() -> None:
    for more in (b"\0", SAMPLE[BORDERS[-2] :], SAMPLE):
        with pytest.raises(Altered):
            read(SAMPLE + more)
        with pytest.raises(Altered, match="after the end"):
            read(SAMPLE + more[:5])


def test_marks_that_are_kept_elsewhere_tell_a_recording_made_anew_and_one_without_its_end() -> None:
    feed = Feed()
    feed.feed(SAMPLE[: BORDERS[2]])
    early = feed.mark
    feed.feed(SAMPLE[BORDERS[2] :])
    late = feed.mark
    assert examined(SAMPLE, early, late).is_whole
    forged = written([*TYPED[:3], Frame(400_000, Kind.OUTPUT, b"innocent\r\n"), *TYPED[5:], LAST])
    assert examined(forged).is_whole, "it is a recording like any other"
    for marks in ([early, late], [late]):
        with pytest.raises(Altered, match="sealed"):
            examined(forged, *marks)
        with pytest.raises(Altered, match="ends before chunk"):
            examined(SAMPLE[: BORDERS[-2]], *marks)
    assert examined(SAMPLE[: BORDERS[-2]], early).end is None


def test_the_summary_says_what_is_in_it() -> None:
    frames = [
        Frame(0, Kind.OUTPUT, b"12345"), Frame(1, Kind.STDERR, b"123"), Frame(9, Kind.OUTPUT, b"67"),
        Frame(10, Kind.GAP, b"full"),
        Frame(77, Kind.END, encode_end(End("signaled", 9, "revoked"))),
    ]  # fmt: skip
    summary = examined(written(frames))
    assert summary.header == HEADER
    assert summary.end == End("signaled", 9, "revoked")
    assert summary.n_bytes == {Kind.OUTPUT: 7, Kind.STDERR: 3}
    assert summary.gaps == ("full",) and not summary.is_whole


# --- what nobody honest has written ------------------------------------------------------------------------------------

HEAD_OF_IT = HEADER.encode()


def with_chunk(raw_said: int, stored: bytes, method: bytes = PACKED) -> bytes:
    """A recording whose one chunk is sealed as it should be, whatever is in it."""
    head, _ = encode_chunk(HEAD_OF_IT[-32:], method, stored, raw_said)
    return HEAD_OF_IT + head + stored


def test_a_small_chunk_does_not_unpack_to_a_large_one() -> None:
    packing = zlib.compressobj(9)
    bomb = b"".join(packing.compress(bytes(1 << 20)) for _ in range(128)) + packing.flush()
    assert len(bomb) < MOST_RAW
    tracemalloc.start()
    try:
        for said in (MOST_RAW, len(bomb), MOST_RAW + 1, 0xFFFFFFFF):
            with pytest.raises(Altered):
                read(with_chunk(said, bomb))
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_a_few_bytes_with_many_frames_are_unpacked_chunk_by_chunk(tmp_path: Path) -> None:
    """THREATS L-04: six chunks of 65,536 frames each, in 2,000 bytes. Whoever asks for the first frame does not get them all."""
    header = SAMPLE[: BORDERS[0]]
    data, digest = header, header[-32:]
    raw = encode_frame(0, Kind.RESUMED, b"") * (MOST_RAW // 3)
    for _ in range(6):
        stored = zlib.compress(raw)
        chunk, digest = encode_chunk(digest, PACKED, stored, len(raw))
        data += chunk + stored
    assert len(data) < 3_000
    (tmp_path / "one").write_bytes(data)
    with open(tmp_path / "one", "rb") as file:
        recording = Recording(file.fileno())
        tracemalloc.start()
        try:
            frames = recording.frames()
            assert next(frames).kind is Kind.RESUMED
            held = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert held < 20 << 20
        assert sum(1 for _ in frames) == 6 * (MOST_RAW // 3) - 1, "and all of them are there"


def test_a_length_that_is_too_large_is_refused_before_it_is_waited_for() -> None:
    head, _ = encode_chunk(HEAD_OF_IT[-32:], PLAIN, b"", 0)
    huge = PLAIN + b"\xff" * 8
    huge += zlib.crc32(huge).to_bytes(4, "big")
    for data in (HEAD_OF_IT + head, HEAD_OF_IT + huge, MAGIC + b"\xff" * 8):
        with pytest.raises(Altered):
            read(data)


OUTPUT = encode_frame(0, Kind.OUTPUT, b"x")


@pytest.mark.parametrize(
    "raw",
    [
        b"", OUTPUT[:-1], b"\x80\x00" + OUTPUT[1:], b"\xff" * 9 + OUTPUT, varint(1 << 63) + OUTPUT[1:],
        varint((1 << 62) + 1) + OUTPUT[1:], b"\0?\x01x", b"\0o\0",
        b"\0w\x03abc", b"\0s\0", b"\0c\x01x", b"\0x\x01x", b"\0e\x05\x09\0\0\0\0", b"\0e\x04\0\0\0\0", b"\0e\x06\0\0\0\0\0\x1b",
        b"\0g\x02\x1b[", b"\0g\x01\xff", encode_frame(0, Kind.END, encode_end(EXITED)) + OUTPUT,
    ],
)  # fmt: skip
def test_frames_that_no_writer_makes_are_refused(raw: bytes) -> None:
    with pytest.raises(Altered):
        read(with_chunk(len(raw), raw, PLAIN))


def test_a_chunk_is_as_long_as_it_says_and_ends_where_it_says() -> None:
    raw = OUTPUT * 30
    stored = zlib.compress(raw)
    assert len(read(with_chunk(len(raw), stored))) == 30
    for said, other in (
        (len(raw) + 1, stored), (len(raw) - 1, stored), (len(raw), stored + b"\0"), (len(raw), stored[:-1]),
        (len(raw), stored[:-4]), (40, b"no zlib"),
    ):  # fmt: skip
        with pytest.raises(Altered):
            read(with_chunk(said, other))
    assert read(with_chunk(len(OUTPUT), OUTPUT, PLAIN)) == [Frame(0, Kind.OUTPUT, b"x")]
    with pytest.raises(Altered):
        read(with_chunk(len(OUTPUT), OUTPUT, b"?"))


def sealed(body: bytes) -> bytes:
    before = MAGIC + len(body).to_bytes(4, "big")
    before += zlib.crc32(before).to_bytes(4, "big") + body
    return before + hashlib.sha256(before).digest()


@pytest.mark.parametrize(
    "change",
    [
        (b'"rows":24', b'"rows":24.0'), (b'"rows":24', b'"rows":true'), (b'"rows":24', b'"rows":-1'),
        (b'"rows":24', b'"rows":65536'),
        (b'"rows":24', b'"rows": 24'), (b'"rows":24', b'"rows":24,"rows":24'), (b'"rows":24,', b""),
        (b'"root"', b'"ro\\u001bot"'),
        (b'"root"', b'null'), (b'"all"', b'"none"'), (b'"interval"', b'"never"'), (b'K7QM-2XVD', b'../../etc'),
        (b'["psql"', b'[7'), (b'"5a5a', b'"5A5a'), (b'{', b'['), (b'"rows"', b'"more":1,"rows"'),
    ],
)  # fmt: skip
def test_a_header_that_no_writer_makes_is_refused(change: tuple[bytes, bytes]) -> None:
    body = HEAD_OF_IT[PREFIX:-32]
    assert Feed().feed(sealed(body)) == []
    changed = body.replace(*change)
    assert changed != body
    feed = Feed()
    with pytest.raises(Altered):
        feed.feed(sealed(changed))
    assert feed.header is None


@pytest.mark.parametrize(
    "changes",
    [
        {"run": "../../../x"}, {"run": "K7QM-2XVD/.."}, {"run": "K7QM-2XVD.0"}, {"run": "k7qm-2xvd"}, {"run": "K7QM-2XVD\n"},
        {"argv": ()}, {"argv": ("a\x1b[2J",)}, {"user": "ro\not"}, {"host": "\u202e"}, {"rows": 1 << 16}, {"boot_at": -1},
        {"records": "none"}, {"sync": ""}, {"fingerprint": "5a"},
    ],
)  # fmt: skip
def test_a_header_says_nothing_that_could_harm_a_name_or_a_terminal(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="header"):
        header(**changes)


@given(st.binary(max_size=200))
def test_bytes_of_anybody_are_no_recording(data: bytes) -> None:
    for beginning in (b"", MAGIC, HEAD_OF_IT):
        try:
            assert Feed().feed(beginning + data) == []
        except Altered as fault:
            assert str(fault).isprintable()


def test_every_kind_of_frame_has_its_method(tmp_path: Path) -> None:
    recording = recorder(tmp_path)
    frames = [
        Frame(0, Kind.OUTPUT, b"o"), Frame(0, Kind.INPUT, b"i"), Frame(0, Kind.STDIN, b"0"), Frame(0, Kind.STDOUT, b"1"),
        Frame(0, Kind.STDERR, b"2"), Frame(0, Kind.WINDOW, bytes([0, 50, 0, 132])), Frame(0, Kind.SUSPENDED, bytes([20])),
        Frame(0, Kind.RESUMED, b""), Frame(0, Kind.WITHHELD, b""), Frame(0, Kind.GAP, b"why"),
        Frame(0, Kind.UNREAD, bytes([0, 0, 0, 1])), Frame(0, Kind.END, encode_end(EXITED)),
    ]  # fmt: skip
    assert {frame.kind for frame in frames} == set(Kind)
    for frame in frames:
        put(recording, frame)
    assert frames_of(tmp_path) == frames
    assert frames[5].size == (50, 132) and frames[6].signal == 20 and frames[9].because == "why"
    assert frames[10].n_unread == 1 and frames[11].end == EXITED


def test_the_length_of_a_head_is_what_the_page_says() -> None:
    head, digest = encode_chunk(bytes(32), PLAIN, b"x", 1)
    assert len(head) == HEAD + 32 and head.endswith(digest)
    assert digest == hashlib.sha256(bytes(32) + head[:HEAD] + b"x").digest()
