# SPDX-License-Identifier: Apache-2.0
"""The strings of a gated service (contrib/krb5/grant.c): every string has one reading, and only the exact form is a grant.

Each function is held to a table, and to a second reading of the same form that is written here as regular expressions.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.krb5.driver import SANITIZED, SOURCES, Driver, hexed

KEY = re.compile(rb"jit_grant:[0-9A-HJKMNP-TV-Z]{8}(\.[1-9][0-9]{0,8})?")
_PART = rb"(?:[^\x00-\x1f\x7f@\\]|\\[\\/@ntb0])+"
GRANT = re.compile(rb"1 ([1-9][0-9]{0,10}) (" + _PART + rb"@" + _PART + rb")", re.DOTALL)
_LABEL = rb"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(_LABEL + rb"(?:\." + _LABEL + rb")+")
DAY = 86400
NOW = 1_790_000_000


def is_host(text: bytes) -> bool:
    return len(text) <= 253 and HOST.fullmatch(text) is not None


def read_grant(driver: Driver, value: bytes) -> tuple[int, bytes] | None:
    """What jitd_read_grant makes of a value."""
    words = driver.ask("grant", hexed(value)).words
    return None if words == ["no"] else (int(words[0]), bytes.fromhex(words[1]))


def expected(value: bytes) -> tuple[int, bytes] | None:
    match = GRANT.fullmatch(value)
    return (int(match[1]), match[2]) if match else None


GOOD = [
    (b"1 1790000000 alice@EXAMPLE.TEST", (1790000000, b"alice@EXAMPLE.TEST")),
    (b"1 1 a@B", (1, b"a@B")),
    (b"1 99999999999 a@B", (99999999999, b"a@B")),
    (b"1 5 alice/admin@EXAMPLE.TEST", (5, b"alice/admin@EXAMPLE.TEST")),
    (b"1 5 host/db1.example.test@EXAMPLE.TEST", (5, b"host/db1.example.test@EXAMPLE.TEST")),
    (rb"1 5 a\@b@EXAMPLE.TEST", (5, rb"a\@b@EXAMPLE.TEST")),
    (rb"1 5 a\\@EXAMPLE.TEST", (5, rb"a\\@EXAMPLE.TEST")),
    (rb"1 5 a\nb\t\b\0\/@EXAMPLE.TEST", (5, rb"a\nb\t\b\0\/@EXAMPLE.TEST")),
    (b"1 5 two words@EXAMPLE.TEST", (5, b"two words@EXAMPLE.TEST")),
    ("1 5 zoë@EXAMPLE.TEST".encode(), (5, "zoë@EXAMPLE.TEST".encode())),
]
BAD = [
    b"", b"1", b"1 ", b"1 5", b"1 5 ", b"abc", b"2 5 a@B", b"0 5 a@B", b"11 5 a@B", b" 1 5 a@B", b"1  5 a@B", b"1\t5 a@B",
    b"1 0 a@B", b"1 05 a@B", b"1 -5 a@B", b"1 +5 a@B", b"1 5.0 a@B", b"1 0x5 a@B", b"1 5e3 a@B", b"1 5s a@B", b"1 five a@B",
    b"1 100000000000 a@B", b"1 123456789012345678901234 a@B", b"1 18446744073709551617 a@B", b"1 5\ta@B", b"1 5a@B",
    b"1 5 a", b"1 5 @", b"1 5 a@", b"1 5 @B", b"1 5 a@B@C", b"1 5 a@B\n", b"1 5 a\nb@B", b"1 5 a\x7f@B", b"1 5 a\x01@B",
    rb"1 5 a\@B", b"1 5 a@B\\", rb"1 5 a\x@B", rb"1 5 a\ @B", b"1 \xd9\xa5 a@B", b"-1 5 a@B", b"1,5,a@B",
]  # fmt: skip


@pytest.mark.parametrize(("value", "meant"), GOOD)
def test_a_grant_is_read_as_it_is_written(driver: Driver, value: bytes, meant: tuple[int, bytes]) -> None:
    assert read_grant(driver, value) == meant == expected(value)


@pytest.mark.parametrize("value", BAD)
def test_a_value_that_is_not_exactly_of_the_form_is_no_grant(driver: Driver, value: bytes) -> None:
    """THREATS T-05."""
    assert read_grant(driver, value) is None and expected(value) is None


@pytest.mark.parametrize("value", [value for value, _ in GOOD])
def test_a_grant_that_is_cut_short_never_becomes_another_client_or_a_later_end(driver: Driver, value: bytes) -> None:
    end, client = expected(value) or (0, b"")
    for at in range(len(value)):
        cut = read_grant(driver, value[:at])
        assert cut is None or (cut[0] == end and client.startswith(cut[1]))


@pytest.mark.parametrize(
    ("key", "is_key"),
    [
        ("jit_grant:K7QM2XVD", True), ("jit_grant:00000000", True), ("jit_grant:K7QM2XVD.1", True),
        ("jit_grant:K7QM2XVD.999999999", True), ("jit_grant:", False), ("jit_grant:K7QM2XV", False),
        ("jit_grant:K7QM2XVDD", False), ("jit_grant:k7qm2xvd", False), ("jit_grant:K7QM-2XVD", False),
        ("jit_grant:K7QM2XVI", False), ("jit_grant:K7QM2XVL", False), ("jit_grant:K7QM2XVO", False),
        ("jit_grant:K7QM2XVU", False), ("jit_grant:K7QM2XVD.", False), ("jit_grant:K7QM2XVD.0", False),
        ("jit_grant:K7QM2XVD.01", False), ("jit_grant:K7QM2XVD.1000000000", False), ("jit_grant:K7QM2XVD.1.1", False),
        ("jit_grant:K7QM2XVD ", False), (" jit_grant:K7QM2XVD", False), ("JIT_GRANT:K7QM2XVD", False),
        ("jit_grant:K7QM2XVD\n", False), ("jit_grantK7QM2XVD", False), ("jit_approval", False), ("", False),
        ("jit_grant:K7QM2XVÄ", False),
    ],
)  # fmt: skip
def test_a_key_is_of_the_exact_form_or_is_none(driver: Driver, key: str, is_key: bool) -> None:
    """THREATS T-05."""
    assert driver.ask("key", hexed(key)).words == [str(int(is_key))]
    assert bool(KEY.fullmatch(key.encode())) is is_key


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        (None, "ungated"), ("required", "required"), ("log", "log"), ("", "unknown"), ("Required", "unknown"),
        ("required ", "unknown"), ("logs", "unknown"), ("no", "unknown"), ("off", "unknown"), ("0", "unknown"),
    ],
)  # fmt: skip
def test_a_mode_that_is_not_known_is_not_open(driver: Driver, value: str | None, mode: str) -> None:
    assert driver.ask("mode", hexed(value)).words == [mode]


@pytest.mark.parametrize(
    ("end", "now", "left"),
    [
        (NOW + 1, NOW, 1), (NOW, NOW, 0), (NOW - 1, NOW, 0), (NOW + DAY, NOW, DAY), (NOW + DAY + 1, NOW, 0),
        (99999999999, NOW, 0), (1, 0, 1), (5, -1, 0), (5, -(2**63), 0), (99999999999, 99999999998, 1),
        (99999999999, 2**63 - 1, 0), (99999999999, 100000000000, 0),
    ],
)  # fmt: skip
def test_a_grant_is_worth_what_is_left_of_it_and_at_most_a_day(driver: Driver, end: int, now: int, left: int) -> None:
    """THREATS T-05."""
    assert driver.ask("left", str(end), str(now)).words == [str(left)]


@pytest.mark.parametrize(
    ("names", "host", "is_named"),
    [
        ("lab.example.test", "lab.example.test", True),
        ("a.b lab.example.test", "lab.example.test", True),
        ("lab.example.test a.b", "lab.example.test", True),
        ("none", "none", False),
        ("none", "lab.example.test", False),
        ("", "lab.example.test", False),
        ("", "", False),
        ("lab.example.test ", "lab.example.test", False),
        (" lab.example.test", "lab.example.test", False),
        ("lab.example.test  a.b", "lab.example.test", False),
        ("lab.example.test,a.b", "lab.example.test", False),
        ("lab.example.test\ta.b", "lab.example.test", False),
        ("LAB.example.test", "lab.example.test", False),
        ("lab.example.test", "LAB.example.test", False),
        ("lab.example.test.evil.test", "lab.example.test", False),
        ("evil.lab.example.test", "lab.example.test", False),
        ("lab.example.tes", "lab.example.test", False),
        ("lab.example.test", "lab.example.tes", False),
        ("*.example.test", "lab.example.test", False),
        ("lab.example.test.", "lab.example.test", False),
        ("lab.example.test UPPER.test", "lab.example.test", False),
        ("lab.example.test -a.b", "lab.example.test", False),
        ("a.b lab.example.test", "a.b lab.example.test", False),
    ],
)
def test_a_list_names_a_host_or_has_a_fault_and_names_nobody(driver: Driver, names: str, host: str, is_named: bool) -> None:
    """THREATS T-07."""
    assert driver.ask("names", hexed(names), hexed(host)).words == [str(int(is_named))]


LONG = "a" * 63
HOSTS = ["a.b", "0.1", f"{LONG}.b", f"{LONG}a.b", ".".join([LONG] * 4)[:253], ".".join([LONG] * 4)[:254], "a..b", ".a.b", "a.b.",
         "a-.b", "-a.b", "a-b.c-d", "a_b.c", "a", "", "a b.c", "ä.b", "a.b/c", "A.b", "localhost", "xn--4ca.test"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_has_a_domain_and_is_in_lower_case(driver: Driver, host: str) -> None:
    """THREATS T-07."""
    assert driver.ask("host", hexed(host)).words == [str(int(is_host(host.encode())))]


BYTES = st.binary(max_size=40).map(lambda text: text.replace(b"\0", b""))
NEARLY_A_GRANT = st.tuples(
    st.sampled_from([b"1", b"1", b"1", b"0", b"2", b"01", b""]),
    st.sampled_from([b" ", b" ", b" ", b"  ", b"\t", b""]),
    st.one_of(st.integers(0, 10**12).map(lambda n: b"%d" % n), st.from_regex(rb"[0-9+ -]{0,14}", fullmatch=True)),
    st.sampled_from([b" ", b" ", b" ", b"  ", b""]),
    st.from_regex(rb"[a-z@\\/nB0\x01\x7f\xff ]{0,12}", fullmatch=True),
).map(b"".join)


@settings(max_examples=100)  # with fewer, a reader that takes any client is not noticed
@given(value=st.one_of(BYTES, NEARLY_A_GRANT))
def test_every_value_is_read_as_the_form_says(driver: Driver, value: bytes) -> None:
    """THREATS T-05."""
    assert read_grant(driver, value) == expected(value)


@given(key=st.one_of(BYTES, st.from_regex(rb"jit_grant:[0-9A-Zi]{7,9}[.]?[0-9]{0,11}", fullmatch=True)))
def test_every_key_is_read_as_the_form_says(driver: Driver, key: bytes) -> None:
    """THREATS T-05."""
    assert driver.ask("key", hexed(key)).words == [str(int(bool(KEY.fullmatch(key))))]


@given(end=st.integers(1, 99999999999), off=st.integers(-2 * DAY, 2 * DAY))
def test_a_grant_permits_within_its_day_and_never_beyond_its_end(driver: Driver, end: int, off: int) -> None:
    now = end - off
    left = int(driver.ask("left", str(end), str(now)).words[0])
    assert left == (off if 0 < off <= DAY and 0 <= now <= 99999999999 else 0)


@given(names=st.lists(st.from_regex(rb"[a-zA-Z0-9.-]{0,6}", fullmatch=True), max_size=4), host=st.sampled_from([b"a.b", b"0.z"]),
       parted=st.sampled_from([b" ", b" ", b" ", b"  ", b","]))  # fmt: skip
def test_every_list_names_what_the_form_says(driver: Driver, names: list[bytes], host: bytes, parted: bytes) -> None:
    text = parted.join([*names, host])
    said = driver.ask("names", hexed(text), hexed(host)).words == ["1"]
    assert said == (host in text.split(b" ") and all(map(is_host, text.split(b" "))))


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The harness of contrib/krb5/fuzz, built with the sanitizers."""
    to = tmp_path_factory.mktemp("fuzz") / "fuzz"
    words = ["cc", *SANITIZED, f"-I{SOURCES}", str(SOURCES / "fuzz/strings.c"), str(SOURCES / "grant.c"), "-o", str(to)]
    subprocess.run(words, check=True)
    return to


def test_a_hundred_thousand_odd_strings_break_no_promise_and_no_bound(fuzzer: Path) -> None:
    """THREATS T-05 and T-08."""
    done = subprocess.run([fuzzer, "100000", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(re.findall(r"(\w+)=(\d+)", done.stdout))
    assert int(counts["inputs"]) == 100000
    assert all(int(counts[kind]) > 1000 for kind in ("keys", "grants", "lists")), "it reads what is right, too"
