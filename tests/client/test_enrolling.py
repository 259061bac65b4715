# SPDX-License-Identifier: Apache-2.0
"""The keys for an engine, and what jitd-door writes of them for its server."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from jitd_fleet import desk, ed25519, enrolling, many, nkey, permissions
from jitd_fleet.engine import MOST_MESSAGE
from jitd_fleet.nkey import Key, NoKey
from jitd_fleet.stream import HEAD, MOST_PIECE

SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
"""Of the documents of NATS (nkey authentication)."""


def test_a_key_is_written_as_nats_writes_it() -> None:
    assert Key(SEED).public == PUBLIC and nkey.is_public(PUBLIC)


def test_a_signature_is_of_the_key() -> None:
    key = Key(nkey.make())
    raw = base64.b32decode(key.public)[1:33]
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(key.sign("nonce")), b"nonce")


@given(st.integers(0, len(SEED) - 1), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567=a1 "))
def test_a_key_with_another_letter_is_not_read(at: int, letter: str) -> None:
    other = SEED[:at] + letter + SEED[at + 1 :]
    if other != SEED:
        with pytest.raises(NoKey):
            Key(other)


@pytest.mark.parametrize("text", ["", "SU", PUBLIC, SEED[:-1], SEED + "A", SEED.lower(), f"{SEED}\n"])
def test_what_is_not_a_seed_is_not_read(text: str) -> None:
    with pytest.raises(NoKey):
        Key(text)


def test_a_desk_without_libcrypto_is_told_so_and_not_that_its_key_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "nats.nk"
    nkey.write(str(file))
    monkeypatch.setattr(ed25519, "_libcrypto", lambda: None)
    with pytest.raises(NoKey, match="takes OpenSSL's libcrypto, which is not here"):
        nkey.load(str(file))


def test_enrol_makes_a_key_once_which_nobody_else_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-33."""
    file = tmp_path / "etc/door.nk"
    monkeypatch.setattr(enrolling, "KEY", str(file))
    assert enrolling.enrol() == 0 and enrolling.enrol() == 0
    first, second = capfd.readouterr().out.splitlines()
    assert first == second and nkey.is_public(first) and file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    assert enrolling.enrol() == 1 and "closed to others" in capfd.readouterr().err


def printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "jitd/hosts.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return enrolling.permissions()


GROUP = '[a]\nhosts = ["db[1-2].example.org"]\nnats = "tls://hub1.example.org:4222"\n'


def test_permissions_have_each_host_and_each_approver_and_nothing_wider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """THREATS F-33, F-36."""
    other = Key(nkey.make()).public
    keys = f'[a.keys]\n"db1.example.org" = "{PUBLIC}"\n[a.approvers]\nbob = "{other}"\n'
    assert printed(tmp_path, monkeypatch, GROUP + keys) == 1
    told = capfd.readouterr()
    assert "db2.example.org has no key in hosts.toml" in told.err
    host = f'{{ nkey: {PUBLIC}, permissions: {{ publish: ["jit.c.*.db1_example_org.*"], '
    host += 'subscribe: ["jit.h.db1_example_org.dial.*.*", "jit.h.db1_example_org.c.*.*", "jit.roll.*.*"] } }'
    person = f'{{ nkey: {other}, permissions: {{ publish: ["jit.h.*.dial.{other}.*", '
    person += f'"jit.h.*.c.{other}.*", "jit.roll.{other}.*"], '
    person += f'subscribe: ["jit.c.{other}.>"] }} }}'
    assert [line.strip() for line in told.out.splitlines() if "nkey" in line] == [host, person]
    limit = dict(line.split()[:2] for line in told.out.splitlines() if line.startswith("max_"))
    assert HEAD + MOST_PIECE <= int(limit["max_payload:"]) < MOST_MESSAGE
    assert desk.MOST_AT_ONE + many.AT_ONCE < int(limit["max_subscriptions:"]) == 1024
    assert int(limit["max_connections:"]) == 1024


def test_a_server_takes_as_many_connections_as_its_hosts_and_approvers_need_and_the_same_subscriptions_of_each() -> None:
    """THREATS F-36. A server that runs takes no other number of subscriptions, so a reload with one would fail."""
    few, many = (permissions.configuration({str(n): ["U"] for n in range(hosts)}, {"bob": ["U", "V"]}) for hosts in (3, 5000))
    assert "\nmax_connections: 1024 " in few and f"\nmax_connections: {2 * 5000 + 2 * 32} " in many
    assert len({text.partition("max_subscriptions: ")[2].split()[0] for text in (few, many)}) == 1


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (f'keys = {{ "db9.example.org" = "{PUBLIC}" }}\n', "keys names db9.example.org, which is not among the hosts"),
        ('keys = { "db1.example.org" = "UA" }\n', "db1.example.org must have a public key"),
        (f'keys = {{ "db1.example.org" = "{SEED}" }}\n', "db1.example.org must have a public key"),
        (f'approvers = {{ "bob\\n}}" = "{PUBLIC}" }}\n', "a name has letters"),
        (f'keys = {{ "db1.example.org" = "{PUBLIC}" }}\napprovers = {{ bob = "{PUBLIC}" }}\n', "two have the key"),
        ("keys = 3\n", "keys must be a table"),
        ('[b]\nhosts = ["roll"]\nnats = "tls://hub1.example.org:4222"\n', "roll cannot be reached by NATS"),
        ('[b]\nhosts = ["db_1"]\nnats = "tls://hub1.example.org:4222"\n', "db_1 cannot be reached by NATS"),
    ],
)
def test_a_fault_in_the_keys_is_told_and_nothing_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], keys: str, why: str
) -> None:
    assert printed(tmp_path, monkeypatch, GROUP + keys) == 2
    told = capfd.readouterr()
    assert why in told.err and told.out == ""
