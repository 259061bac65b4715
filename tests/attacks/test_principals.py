# SPDX-License-Identifier: Apache-2.0
"""Which principal is which account: by the table and the plain rule, and by nothing that resembles them.

Law: what is expected here is worked out by other means than the code's.
"""

from __future__ import annotations

import random
import string

import pytest

from jitd.core.naming import Naming
from jitpam.wire import messages
from tests.attacks.raw import CACHES, REALM, SERVICE, Raw, connected, credentials, initiator, kinit, principal, uid_of
from tests.times import times

TIMES = times(100_000)
"""Random principals."""
REALMS = frozenset({REALM, "B.EXAMPLE.TEST"})
TABLE = {f"alice/admin@{REALM}": "alice-adm", "soar/ops@B.EXAMPLE.TEST": "soar"}
LETTERS = string.ascii_lowercase + string.digits + "._-"

LOOK_ALIKES = [
    "аlice",
    "alicе",
    "ɑlice",
    "alıce",
    "aliсe",
    "ａｌｉｃｅ",
    "alice\u200b",
    "\u202ealice",
    "al\u00adice",
    "álice",
    "alice\u0301",
]
BAD_PRIMARIES = [
    *LOOK_ALIKES,
    "Alice", "ALICE", "aLICE", "alice ", " alice", "alice\n", "\nalice", "alice\r\n", "alice\t", "alice\0", "\0alice", "alice\0x",
    "al\0ice",
    "alice/", "/alice", "alice/admin/x", "alice/root", "root/admin", "alice//", "alice/alice", "host/alice", "alice/" + REALM,
    "nobody/" + REALM,
    "alice@alice", "alice@", "@alice", "alice\\", "alice\\n", "alice\\@x", "alice\\/admin", "\\alice", "'alice'", '"alice"',
    "alice;id",
    "$(id)",
    "`id`", "alice|x", "alice&", "alice>", "../alice", "..//alice", "alice:x:0:0", "alice:", "#0", "#4001", "+alice",
    "%ops", "*", "?",
    "alice*",
    "", " ", "a" * 33, "a" * 256, "a" * 10_000, "alice\x7f", "alice\x80", "alice\xff", "alice\x1b[2J", "alice,bob", "alice bob",
    "alice=x", "~alice",
    "alice!", "WELLKNOWN/ANONYMOUS", "krbtgt/" + REALM, "K/M", "alice%00", "alice&#64;", "alice\u2028", "alice\uffff",
]  # fmt: skip
BAD_REALMS = [
    "", "example.test", "Example.Test", f"{REALM}.", f".{REALM}", f"{REALM}\n", f"{REALM}\0", f"{REALM}@{REALM}", "EVIL.TEST",
    f"{REALM}/x", "*", f"{REALM} ", f" {REALM}",
]  # fmt: skip
HOSTILE = [
    *(f"{primary}@{REALM}".encode() for primary in BAD_PRIMARIES),
    *(f"{primary}@B.EXAMPLE.TEST".encode() for primary in BAD_PRIMARIES),
    *(f"{name}@{realm}".encode() for name in ("alice", "root", "soar/ops") for realm in BAD_REALMS),
    b"alice", b"root", b"", b"@", b"@@", b"\xff@" + REALM.encode(), b"alice@\xff", b"alice\xff@" + REALM.encode(),
    f"soar/ops@{REALM}".encode(), b"alice/admin@B.EXAMPLE.TEST", f"alice/admin@{REALM}@{REALM}".encode(),
    f"Alice/admin@{REALM}".encode(),
]  # fmt: skip


def expected(principal: str) -> str | None:
    """The rule of CONTRACT section 4, letter by letter."""
    if principal in TABLE:
        return TABLE[principal]
    for realm in REALMS:
        if principal.endswith(f"@{realm}"):
            name = principal[: -len(realm) - 1]
            return name if 1 <= len(name) <= 32 and all(c in LETTERS for c in name) else None
    return None


def test_there_are_hostile_principals_enough_and_none_has_an_account():
    """THREATS K-08."""
    assert len(set(HOSTILE)) >= 200
    assert {Naming(REALMS, TABLE).account_of(principal) for principal in HOSTILE} == {None}


def test_only_what_the_table_and_the_plain_rule_say_has_an_account():
    """THREATS K-06: random ones out of the pieces that real ones are made of, half of them near misses."""
    dice = random.Random(6)
    pieces = [
        "alice",
        "root",
        "soar",
        "admin",
        "ops",
        "/",
        "@",
        *sorted(REALMS),
        "EVIL.TEST",
        "A",
        "\n",
        "\0",
        "é",
        ".",
        "-",
        "x" * 30,
        "\\",
        " ",
    ]
    mapped = 0
    for _ in range(TIMES):
        principal = "".join(dice.choices(pieces, k=dice.randint(1, 5)))
        if dice.random() < 0.7:
            principal += "@" + dice.choice([*sorted(REALMS), "EVIL.TEST"])
        found = Naming(REALMS, TABLE).account_of(principal.encode())
        assert found == expected(principal), principal
        mapped += found is not None
    assert mapped > TIMES / 100, "it is not only refusals that were tried"


# --- at the socket -----------------------------------------------------------------------------------------------------

CREATED = [
    "alice/admin", "alice/root", "Alice", "ALICE", "root", "nobody", "nobody/EXAMPLE.TEST", "alice/EXAMPLE.TEST", "daemon",
    r"alice\n", r"alice\t", r"alice\0x", r"alice\@EXAMPLE.TEST", r"alice\/admin", "alice ", "аlice", "a" * 33, "host/alice",
    "#4001",
]  # fmt: skip
"""As ``kadmin`` spells them. Nobody of them is an account's."""


@pytest.fixture(scope="module")
def hostile_tickets():
    made = {}
    for number, name in enumerate(CREATED):
        principal(name, "hostile")
        # Straight from the AS: the TGS of this KDC stumbles over some of these names by itself.
        made[name] = credentials(kinit(CACHES / f"hostile-{number}", f"{name}@{REALM}", "hostile", "-S", SERVICE))
    return made


def is_welcome(house, uid: int, ticket) -> bool:
    with Raw(house, uid) as raw:
        context = initiator(ticket, raw.greet())
        answer = raw.offer(bytes(context.step()))
        if isinstance(answer, messages.DaemonToken):
            context.step(answer.token)
            raw.context = context
            answer = raw.hear()
        if isinstance(answer, messages.Welcome):
            return True
        assert isinstance(answer, messages.Refused) and answer.code == "unauthenticated", answer
        return False


def test_principals_that_the_kdc_really_has_are_nobody_here(house, hostile_tickets):
    """THREATS K-06, K-08: each is tried as everybody whom it could be taken for."""
    connected(house, "alice").close()
    before = house.log().count("\n")
    for name, ticket in hostile_tickets.items():
        for uid in (uid_of("alice"), 0, 65534):
            assert not is_welcome(house, uid, ticket), (name, uid)
    lines = house.log().split("\n")[before:-1]
    assert len(lines) == 3 * len(CREATED)
    assert all(line.startswith("jitd: wrong account uid=") and line.isprintable() for line in lines)


def test_a_row_of_the_table_is_exactly_that_row(own_house, hostile_tickets):
    """THREATS K-06: ``alice/admin`` is who the table says and nobody else; its neighbours gain nothing."""
    house = own_house(config=f'[principals]\n"alice/admin@{REALM}" = "carol"').start()
    assert is_welcome(house, uid_of("carol"), hostile_tickets["alice/admin"])
    for name, ticket in hostile_tickets.items():
        for uid in (uid_of("alice"), uid_of("carol")):
            assert is_welcome(house, uid, ticket) == (name == "alice/admin" and uid == uid_of("carol")), name


def test_an_account_below_min_uid_is_nobody_unless_the_table_names_it(own_house):
    """THREATS K-06: the plain rule reaches no system account."""
    principal("games", "daemon")
    ticket = credentials(kinit(CACHES / "games", f"games@{REALM}", "daemon"))
    assert not is_welcome(own_house().start(), uid_of("games"), ticket)
    assert is_welcome(own_house(config=f'[principals]\n"games@{REALM}" = "games"').start(), uid_of("games"), ticket)
