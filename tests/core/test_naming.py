# SPDX-License-Identifier: Apache-2.0
"""Which account a principal names, in realms that spell names as directories do. The plain rule is in test_subject.py."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest

from jitd.core.approvers import may_review, tally
from jitd.core.conditions import is_principal
from jitd.core.decision import Approval
from jitd.core.facts import Value
from jitd.core.lock import Lock, Whom, is_on
from jitd.core.naming import AS_WRITTEN, Form, Naming, read_form
from jitd.core.subject import is_named, matches_any, named
from tests.core.house import ALICE, BOB, EVE, NOON

R, S, MIT = "AD.EXAMPLE.TEST", "OTHER.TEST", "MIT.TEST"
SSSD, WINBIND = Form("", "@ad.example.test", folds=True), Form("ADX\\", "", folds=True)
TABLE = {f"jürgen@{R}": "juergen", f"svc/backup@{R}": "backup", f"JÜRGEN@{MIT}": "other"}


def naming(form: Form, realm: str = R) -> Naming:
    return Naming(frozenset({R, S, MIT}), TABLE, {realm: form, S: Form("o+", "")})


@pytest.mark.parametrize(
    ("form", "principal", "account"),
    [
        (SSSD, f"alice@{R}", "alice@ad.example.test"),
        (SSSD, f"JSmith@{R}", "jsmith@ad.example.test"),
        (SSSD, f"Dave.Smith@{R}", "dave.smith@ad.example.test"),
        (WINBIND, f"Dave@{R}", "ADX\\dave"),
        (Form("ADX+", ""), f"Dave@{R}", "ADX+Dave"),
        (Form(), f"JSmith@{R}", "JSmith"),
        (Form(folds=True), f"JSmith@{R}", "jsmith"),
        (Form(), f"alice@{MIT}", "alice"),
        (Form(), f"Alice@{MIT}", None),  # a realm without a table of its own
        (SSSD, f"x@{S}", "o+x"),
        (SSSD, f"alice@{R.lower()}", None),  # a realm is as written
        (SSSD, "alice@Ad.Example.Test", None),
        (SSSD, "alice@ad.example.test", None),  # an account is no principal
        (SSSD, f"alice@x@{R}", None),
        (SSSD, f"alice\\@x@{R}", None),
        (SSSD, f"ADX\\alice@{R}", None),
        (SSSD, f"alice/admin@{R}", None),
        (SSSD, f"SVC/Backup@{R}", "backup"),  # the table's principals are folded, too
        (SSSD, f"{'a' * 32}@{R}", f"{'a' * 32}@ad.example.test"),
        (SSSD, f"{'a' * 33}@{R}", None),
        (SSSD, f"@{R}", None),
        (Form(folds=True), f"JIT-wnc0d702@{R}", None),  # no principal maps to a made account
        # what is not ASCII is compared byte by byte, and by the table alone
        (SSSD, f"jürgen@{R}", "juergen"),
        (SSSD, f"Jürgen@{R}", "juergen"),  # J is ASCII
        (SSSD, f"JÜRGEN@{R}", None),  # Ü is not
        (SSSD, f"ju\u0308rgen@{R}", None),  # the same to the eye
        (SSSD, f"jürgén@{R}", None),
        (SSSD, f"JÜRGEN@{MIT}", "other"),
        (SSSD, f"\u212aate@{R}", None),  # KELVIN SIGN, which str.lower makes a k
        (SSSD, f"\u0130an@{R}", None),
        (SSSD, f"ﬁona@{R}", None),
    ],
)
def test_which_account_a_principal_names(form: Form, principal: str, account: str | None) -> None:
    """THREATS K-24."""
    assert naming(form).account_of(principal.encode()) == account
    if account is not None:
        assert naming(form).canonical(principal) in naming(form).principals_of(account)


def test_what_is_not_utf_8_names_no_account() -> None:
    assert naming(SSSD).account_of(b"j\xfcrgen@AD.EXAMPLE.TEST") is None
    assert naming(SSSD).account_of(b"\xed\xa0\x80@AD.EXAMPLE.TEST") is None


def test_only_a_to_z_are_folded_and_only_before_the_realm() -> None:
    """THREATS K-24."""
    found = naming(SSSD)
    assert found.canonical(f"{string.printable}@{R}") == f"{string.digits}{string.ascii_lowercase * 2}{string.printable[62:]}@{R}"
    others = "".join(map(chr, (*range(0x80, 0xD800), *range(0xE000, 0x30000))))
    assert found.canonical(f"{others}@{R}") == f"{others}@{R}"
    for same in (f"ALICE@{S}", f"ALICE@{MIT}", f"ALICE@{R.lower()}", "ALICE", "local:ALICE", "root", ""):
        assert found.canonical(same) == same
    assert AS_WRITTEN.canonical(f"ALICE@{R}") == f"ALICE@{R}"


@pytest.mark.parametrize(
    ("account", "principals"),
    [
        ("jsmith@ad.example.test", (f"jsmith@{R}",)),
        ("JSmith@ad.example.test", ()),  # no folded principal names it
        ("jsmith", (f"jsmith@{MIT}",)),
        ("o+jsmith", (f"jsmith@{S}",)),
        ("backup", (f"svc/backup@{R}", f"backup@{MIT}")),
        ("@ad.example.test", ()),
        ("x@ad.example.test@ad.example.test", ()),
        ("None", ()),
        ("root", (f"root@{MIT}",)),
        ("", ()),
    ],
)
def test_which_principals_name_an_account(account: str, principals: tuple[str, ...]) -> None:
    assert naming(SSSD).principals_of(account) == principals


FORMS = ["{name}", "{name}@a", "{name}@b", "{name}@a.b", "a\\{name}", "a+{name}", "b\\{name}", "a.b\\{name}"]


def test_two_forms_name_a_common_account_only_if_they_are_equal() -> None:
    """THREATS K-24: by all short words of all their characters."""
    words = [
        f"{a}{b}{c}" for a in ("", "a", "b", ".") for b in ("", "a", "\\", "+", "@") for c in ("", "a", "b", "@a", "@b", "a.b")
    ]
    named_by = {text: {Form(*read_form(text)).account(word) for word in words} - {None} for text in FORMS}
    assert all(named_by.values())
    assert [(one, other) for one in FORMS for other in FORMS if one < other and named_by[one] & named_by[other]] == []


def test_realms_that_name_the_same_accounts_are_told_unless_their_people_are_the_same() -> None:
    """THREATS K-24."""
    three = frozenset({"A", "B", "C"})
    assert list(Naming(three).shared_accounts()) == [("A", "B"), ("A", "C"), ("B", "C")]
    forms = {"B": Form(shared_with=frozenset({"A"})), "C": Form("", "@c")}
    assert list(Naming(three, {}, forms).shared_accounts()) == []
    assert list(Naming(three, {}, {**forms, "C": Form(folds=True)}).shared_accounts()) == [("A", "C"), ("B", "C")]


# --- one person ------------------------------------------------------------------------------------------------------------

JSMITH = replace(ALICE, principal=f"jsmith@{R}", user="jsmith@ad.example.test", person="jsmith@ad.example.test")
SPELLED = replace(JSMITH, spelled=f"JSmith@{R}")


def test_two_spellings_are_one_person_whoever_asks() -> None:
    """THREATS K-24: nobody approves their own request by another spelling, or twice."""
    anybody = (Approval(2, ("group:dba", f"principal:jsmith@{R}")),)
    for asks, approves in ((JSMITH, SPELLED), (SPELLED, JSMITH), (SPELLED, replace(JSMITH, spelled=f"JSMITH@{R}"))):
        assert may_review(anybody, approves, asks) == frozenset()
        assert approves.is_requester(asks)
    assert tally(anybody, (JSMITH, SPELLED), EVE) == 1
    assert tally(anybody, (JSMITH, replace(BOB, groups=frozenset({"dba"}))), EVE) == 0


@pytest.mark.parametrize("word", [f"principal:JSmith@{R}", f"principal:jsmith@{R}", f"principal:JSMITH@{R}"])
def test_a_rule_means_a_person_by_any_spelling(word: str) -> None:
    """THREATS K-24: a deny that is spelled as AD spells it denies."""
    read = naming(SSSD).read_who(word)
    assert matches_any(SPELLED, (read,)) and matches_any(JSMITH, (read,)) and not matches_any(BOB, (read,))
    assert naming(SSSD).read_who(f"user:JSmith@{R}") == "user:jsmith@ad.example.test", "an account is as NSS spells it"
    assert AS_WRITTEN.read_who(word) == word


@pytest.mark.parametrize(
    "typed", [f"JSmith@{R}", f"jsmith@{R}", f"JSMITH@{R}", "jsmith@ad.example.test", "local:jsmith@ad.example.test"]
)
def test_a_lock_by_any_spelling_is_on_all(typed: str) -> None:
    """THREATS K-24."""
    meant = named(typed, naming(SSSD), {}, str)
    assert meant.user == "jsmith@ad.example.test"
    kind = Whom.PRINCIPAL if R in typed else Whom.USER
    name = meant.spelled if kind is Whom.PRINCIPAL else meant.user
    placed = Lock("A", kind, name, None, "", "", "", NOON, None, "", 0.0, None)
    for who in (JSMITH, SPELLED, replace(JSMITH, principal="local:jsmith@ad.example.test", perhaps=frozenset({f"jsmith@{R}"}))):
        assert is_on(placed, who) and is_named(who, meant)
    assert not is_on(placed, BOB) and not is_named(BOB, meant)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (f"JSmith@{R}", f"jsmith@{R}"),
        (f"principal:JSmith@{R}", f"principal:jsmith@{R}"),
        (
            (f"JSmith@{R}", "JSmith", f"SVC/Backup@{R}", f"JSmith@{MIT}"),
            (f"jsmith@{R}", "JSmith", f"svc/backup@{R}", f"JSmith@{MIT}"),
        ),
        ((f"group:DBA@{R}", f"user:JSmith@{R}", f"a text about JSmith@{R}"),) * 2,
        (("jsmith",),) * 2,
        ((), ()),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        (NOON, NOON),
    ],
)
def test_what_others_say_of_a_person_is_read_in_one_spelling(said: Value, read: Value) -> None:
    """THREATS K-24."""
    assert naming(SSSD).read_fact(said) == read
    assert AS_WRITTEN.read_fact(said) == said


def test_a_list_of_a_provider_may_spell_an_approver_as_the_directory_does() -> None:
    """THREATS K-24: and nobody else is on it."""
    listed = naming(SSSD).read_fact((f"JSMITH@{R}",))
    assert isinstance(listed, tuple)
    way = Approval(1, (f"principal:jsmith@{R}", f"principal:{BOB.principal}"), also="oncall:dba", among=listed)
    assert may_review((way,), JSMITH, EVE) == may_review((way,), SPELLED, EVE) == {0}
    assert may_review((way,), BOB, EVE) == frozenset()


def test_a_lock_from_before_the_realm_was_folded_is_on_its_person() -> None:
    """THREATS K-24."""
    placed = Lock("A", Whom.PRINCIPAL, f"JSmith@{R}", None, "", "", "", NOON, None, "", 0.0, None)
    assert is_on(placed, SPELLED) and not is_on(placed, BOB)


def test_the_record_has_the_spelling_of_the_ticket_only_where_it_differs() -> None:
    assert SPELLED.ticket()["spelled"] == f"JSmith@{R}" and SPELLED.in_ticket == f"JSmith@{R}"
    assert "spelled" not in JSMITH.ticket() and JSMITH.in_ticket == f"jsmith@{R}"


# --- what is said -----------------------------------------------------------------------------------------------------------

WRITTEN = "this realm's names are taken as written, unless an administrator sets fold = true in [accounts] of jitd.toml"
LISTED = "such a name maps to no account by itself, but an administrator can list it in [principals] of jitd.toml"
REALMS = "this host takes no principals of this realm"


@pytest.mark.parametrize(
    ("form", "principal", "why"),
    [
        (SSSD, f"JSmith@{R}", ""),
        (SSSD, f"nobody.there@{R}", ""),  # which accounts exist is not told
        (Form(), f"JSmith@{R}", WRITTEN),
        (Form(), f"JSmith@{MIT}", WRITTEN),
        (Form(), f"jsmith@{MIT}", ""),
        (SSSD, f"alice/admin@{R}", LISTED),
        (SSSD, f"svc/backup@{R}", ""),
        (SSSD, f"jörg@{R}", LISTED),
        (SSSD, f"jürgen@{R}", ""),
        (SSSD, f"{'a' * 33}@{R}", LISTED),
        (SSSD, f"alice@{R.lower()}", REALMS),
        (SSSD, "alice@ELSEWHERE", REALMS),
        (SSSD, "alice", REALMS),
    ],
)
def test_why_a_principal_names_no_account(form: Form, principal: str, why: str) -> None:
    assert naming(form).why_no_account(principal.encode()) == why


def test_why_a_principal_that_is_not_utf_8_names_no_account() -> None:
    assert naming(SSSD).why_no_account(b"j\xfcrgen@" + R.encode()) == LISTED


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (f"jürgen@{R}", True),
        (f"ju\u0308rgen@{R}", True),
        (f"дарья/админ@{R}", True),
        (f"j\u200burgen@{R}", False),
        (f"\u202ejurgen@{R}", False),
        (f"j\u00a0urgen@{R}", False),
        (f"j\udcfcrgen@{R}", False),
        ("jürgen@ÄD", False),
        (f"jürgen\n@{R}", False),
    ],
)
def test_a_line_of_principals_may_have_letters_beyond_ascii(text: str, is_one: bool) -> None:
    assert is_principal(text) is is_one


@pytest.mark.parametrize("typed", ["jsmith@ad.example.test", "JSmith@ad.example.test", "JSMITH@AD.Example.TEST"])
def test_an_account_of_a_realm_that_folds_has_one_spelling(typed: str) -> None:
    """THREATS K-24: in rules, in the settings and in what is typed. A directory finds such an account by any spelling."""
    names = naming(SSSD)
    assert names.known_account(typed) == "jsmith@ad.example.test"
    assert matches_any(JSMITH, (names.read_who(f"user:{typed}"),)) and not matches_any(BOB, (names.read_who(f"user:{typed}"),))
    for spelled in (typed, f"local:{typed}"):
        assert is_named(JSMITH, named(spelled, names, {}, str))


@pytest.mark.parametrize("word", ["Admin", "ADMIN"])
def test_a_name_that_two_accounts_may_have_is_refused_with_what_to_write(word: str) -> None:
    """THREATS K-24: without a domain, ``Admin`` may be a local account, or the ``admin`` of a realm that folds. A deny that chose
    one of the two would miss the other.
    """
    bare = naming(Form(folds=True))
    with pytest.raises(ValueError, match=f'"{word}" may be an account of this host, or the "admin" of a realm.*write "admin"'):
        bare.read_who(f"user:{word}")
    assert bare.read_who("user:admin") == "user:admin"
    assert bare.read_who(f"principal:{word}@{R}") == f"principal:admin@{R}"
    for other in (naming(SSSD), AS_WRITTEN, naming(Form())):
        assert other.read_who(f"user:{word}") == f"user:{word}"


@pytest.mark.parametrize("account", ["Admin", "root", "JSmith@elsewhere.test", "@ad.example.test", "a b@AD.example.test"])
def test_an_account_that_no_realm_that_folds_can_name_is_as_written(account: str) -> None:
    for names in (naming(SSSD), AS_WRITTEN, naming(replace(SSSD, folds=False))):
        assert names.known_account(account) == account
    assert naming(replace(SSSD, folds=False)).known_account("JSmith@ad.example.test") == "JSmith@ad.example.test"
