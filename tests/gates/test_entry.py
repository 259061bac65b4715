# SPDX-License-Identifier: Apache-2.0
"""What jitd-kdc does with a service's entry, and the form of the strings in it, without a KDC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from jitd.kdc import keytab
from jitd_gates import entry, strings
from jitd_gates.entry import KEPT, NotAllowed, NotThere, Unknown, answer
from jitd_gates.messages import ANSWERS, Answer, Done, Failed, Give, Grants, Look, Refused, Take
from jitd_gates.strings import Grant, granted_by, may_be_gated, read_grant, write_grant
from tests.doctor.of_names import keytab as keytab_of

NOW, END = 1_790_000_000, 1_790_000_600
HOST, SERVICE, ALICE = "lab.example.test", "postgres/db1.example.test@EXAMPLE.TEST", "alice@EXAMPLE.TEST"
GATED = {"jit_approval": "required", "jit_granted_by": f"db1.example.test {HOST}"}
GIVE = Give("K7QM2XVD", SERVICE, END, ALICE)
WRITTEN = {"jit_grant:K7QM2XVD": f"1 {END} {ALICE}"}


class Entries:
    """A KDC with one service. ``fails`` is raised by what is not in ``works``."""

    def __init__(self, has: Mapping[str, str], fails: Exception | None = None, works: str = "") -> None:
        self.has = dict(has)
        self.fails = fails
        self.works = works
        self.calls: list[str] = []

    def strings(self, principal: str) -> Mapping[str, str]:
        self._called("strings")
        if principal != SERVICE:
            raise NotThere
        return dict(self.has)

    def set_string(self, principal: str, name: str, value: str | None) -> None:
        self._called("set_string")
        if principal != SERVICE:
            raise NotThere
        self.has.pop(name, None)
        if value is not None:
            self.has[name] = value

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.fails is not None and name not in self.works.split():
            raise self.fails


def ask(request: Give | Take | Look, has: Mapping[str, str], host: str = HOST) -> tuple[Answer, dict[str, str]]:
    """The answer, which fits into a message, and what the entry has afterwards."""
    entries = Entries(has)
    said = answer(request, entries, host, NOW)
    ANSWERS.write(said)
    return said, entries.has


def test_a_grant_is_written_once_however_often_it_is_given() -> None:
    said, has = ask(GIVE, GATED)
    assert (said, has) == (Done(), GATED | WRITTEN)
    entries = Entries(has)
    assert answer(GIVE, entries, HOST, NOW) == Done()
    assert (entries.calls, entries.has) == (["strings"], has)


@pytest.mark.parametrize("end", [END - 60, END + 60])
def test_a_renewal_changes_the_end_of_the_grant_and_nothing_else(end: int) -> None:
    has = GATED | WRITTEN | {"jit_grant:00000002": f"1 {END} bob@EXAMPLE.TEST"}
    said, after = ask(replace(GIVE, end=end, renews=True), has)
    assert (said, after) == (Done(), has | {"jit_grant:K7QM2XVD": f"1 {end} {ALICE}"})


@pytest.mark.parametrize("approval", ["required", "log", "", "nonsense"])
def test_a_service_is_gated_by_any_value_of_its_string(approval: str) -> None:
    said, _ = ask(GIVE, GATED | {"jit_approval": approval})
    assert said == Done()
    said, _ = ask(Look(SERVICE), GATED | {"jit_approval": approval})
    assert isinstance(said, Grants) and said.approval == (approval or "?")


@pytest.mark.parametrize(
    ("request_", "has", "because"),
    [
        (GIVE, {}, "is not gated"),
        (GIVE, {"jit_granted_by": HOST}, "is not gated"),
        (GIVE, {"jit_approval": "required"}, "may be granted by db1.example.test, not by lab.example.test"),
        (GIVE, GATED | {"jit_granted_by": "none"}, "may be granted by nobody, not by"),
        (GIVE, GATED | {"jit_granted_by": ""}, "may be granted by nobody, not by"),
        (GIVE, GATED | {"jit_granted_by": f"{HOST}  x"}, "may be granted by nobody"),
        (GIVE, GATED | {"jit_granted_by": f"{HOST} X"}, "may be granted by nobody"),
        (GIVE, GATED | {"jit_granted_by": f"x{HOST}"}, "not by lab.example.test"),
        (GIVE, GATED | {"jit_grant:K7QM2XVD": f"1 {END} bob@EXAMPLE.TEST"}, "stands already"),
        (replace(GIVE, renews=True), GATED, "somebody has deleted it there"),
        (replace(GIVE, renews=True), GATED | {"jit_grant:K7QM2XVD": f"1 {END} bob@EXAMPLE.TEST"}, "stands already"),
        (Give("K7QM2XVD", SERVICE, NOW, ALICE), GATED, "is over already"),
        (Give("K7QM2XVD", SERVICE, NOW + 86_401, ALICE), GATED, "more than 24 hours"),
        (Give("K7QM2XVD", "krbtgt/EXAMPLE.TEST@EXAMPLE.TEST", END, ALICE), GATED, "never granted"),
        (Give("K7QM2XVD", "kadmin/admin@EXAMPLE.TEST", END, ALICE), GATED, "never granted"),
        (Give("K7QM2XVD", f"jitd/{HOST}@EXAMPLE.TEST", END, ALICE), GATED, "never granted"),
        (Give("K7QM2XVD", f"jitd-kdc/{HOST}@EXAMPLE.TEST", END, ALICE), GATED, "never granted"),
        (Give("K7QM2XVD", f"jitd-canary/{HOST}@EXAMPLE.TEST", END, ALICE), GATED, "never granted"),
        (Give("K7QM2XVD", "other/x@EXAMPLE.TEST", END, ALICE), GATED, "the KDC has no service other/x@EXAMPLE.TEST"),
        (Look("other/x@EXAMPLE.TEST"), GATED, "the KDC has no service other/x@EXAMPLE.TEST"),
    ],
    ids=str,
)  # fmt: skip
def test_what_may_not_be_granted_is_refused_and_nothing_is_changed(
    request_: Give | Look, has: dict[str, str], because: str
) -> None:
    said, after = ask(request_, has)
    assert isinstance(said, Refused) and because in said.why
    assert after == has


def test_the_longest_grant_is_a_day() -> None:
    said, _ = ask(Give("K7QM2XVD", SERVICE, NOW + 86_400, ALICE), GATED)
    assert said == Done()


def test_a_thousand_grants_are_the_most_and_strings_that_are_not_of_the_form_count() -> None:
    def others(number: int) -> dict[str, str]:
        return {f"jit_grant:{index:08}": f"1 {END} {ALICE}" for index in range(number - 1)} | {"jit_grant:odd": "odd"}

    said, has = ask(GIVE, GATED | others(999))
    assert said == Done() and len(has) == len(GATED) + 1_000
    full = GATED | others(1_000)
    said, has = ask(GIVE, full)
    assert isinstance(said, Refused) and "has 1000 grants" in said.why
    assert has == full


def test_ended_grants_make_room_and_are_deleted_a_hundred_at_a_time() -> None:
    ended = {f"jit_grant:{index:08}": f"1 {NOW} {ALICE}" for index in range(1_000)}
    said, has = ask(GIVE, GATED | ended)
    assert said == Done() and len(has) == len(GATED) + 900 + 1
    said, has = ask(Look(SERVICE), has)
    assert said == Grants("required", ("db1.example.test", HOST), (Grant("K7QM2XVD", END, ALICE),))
    assert len(has) == len(GATED) + 900 + 1, "nobody needs the room"


def test_a_grant_that_has_ended_stays_for_a_day_so_that_only_a_person_can_have_deleted_it() -> None:
    """THREATS T-27."""
    ended = {f"jit_grant:K7QM2XVD.{age}": f"1 {NOW - age} {ALICE}" for age in (0, 1, KEPT - 1, KEPT)}
    for question in (GIVE, Look(SERVICE)):
        _, has = ask(question, GATED | ended)
        assert ended.keys() - has.keys() == {f"jit_grant:K7QM2XVD.{KEPT}"}


def test_a_look_gives_what_has_not_ended_and_leaves_foreign_strings() -> None:
    live = {"jit_grant:00000002": f"1 {NOW + 1} {ALICE}", "jit_grant:00000001.7": f"1 {NOW + 10**6} bob@EXAMPLE.TEST"}
    foreign = {"jit_grant:x": "1 1 a@B", "jit_grant:00000003": "2 1 a@B", "session_enctypes": "aes", "jit_grant:\udcff": "\udcff"}
    said, has = ask(
        Look(SERVICE), {"jit_approval": "required"} | live | foreign | {"jit_grant:00000004": f"1 {NOW - KEPT} {ALICE}"}
    )
    grants = (Grant("00000001.7", NOW + 10**6, "bob@EXAMPLE.TEST"), Grant("00000002", NOW + 1, ALICE))
    assert said == Grants("required", ("db1.example.test",), grants)
    assert has == {"jit_approval": "required"} | live | foreign


def test_a_look_at_a_service_that_is_not_gated_says_so() -> None:
    assert ask(Look(SERVICE), {})[0] == Grants("", (), ())


def test_taking_is_done_also_where_nothing_was_there() -> None:
    take = Take("K7QM2XVD", SERVICE)
    assert ask(take, GATED | WRITTEN) == (Done(), GATED)
    assert ask(take, GATED) == (Done(), GATED)
    assert ask(Take("K7QM2XVD", "other/x@EXAMPLE.TEST"), GATED) == (Done(), GATED)


def test_a_grant_that_may_not_be_deleted_is_refused_unless_it_is_not_there() -> None:
    entries = Entries(GATED | WRITTEN, NotAllowed("no"), works="strings")
    said = answer(Take("K7QM2XVD", SERVICE), entries, HOST, NOW)
    assert isinstance(said, Refused) and entries.has == GATED | WRITTEN
    assert answer(Take("00000000", SERVICE), entries, HOST, NOW) == Done()


@pytest.mark.parametrize("request_", [GIVE, Take("K7QM2XVD", SERVICE), Look(SERVICE)], ids=str)
def test_a_kadmind_that_is_silent_is_a_failure_and_one_that_says_no_a_refusal(request_: Give | Take | Look) -> None:
    said = answer(request_, Entries(GATED, Unknown("kadmind is silent")), HOST, NOW)
    assert said == Failed("kadmind is silent")
    said = answer(request_, Entries(GATED, NotAllowed("no")), HOST, NOW)
    assert isinstance(said, Refused) and "no" in said.why
    ANSWERS.write(said)


# --- the form ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [ALICE, "a/b@R", "a\\@b@R", "a b@R", "\u00e4@R", "http\\/x@R", "a@R-\\@"])
def test_a_grant_comes_back_from_its_string(client: str) -> None:
    for grant in (
        Grant("K7QM2XVD", END, client),
        Grant("00000000.999999999", 1, client),
        Grant("ZZZZZZZZ.1", 10**11 - 1, client),
    ):
        assert read_grant(*write_grant(grant)) == grant


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("K7QM2XVD", f"1 {END} {ALICE}"),
        ("jit_grant:", f"1 {END} {ALICE}"),
        ("jit_grant:k7qm2xvd", f"1 {END} {ALICE}"),
        ("jit_grant:K7QM2XVDD", f"1 {END} {ALICE}"),
        ("jit_grant:K7QM2XVL", f"1 {END} {ALICE}"),
        ("jit_grant:K7QM2XVD.0", f"1 {END} {ALICE}"),
        ("Jit_grant:K7QM2XVD", f"1 {END} {ALICE}"),
        *(
            ("jit_grant:K7QM2XVD", value)
            for value in (
                "1 0 a@B", "1 5 a\\x@B", "1 5 a\\", "1 5 a@", "1 5 @B", "1 5 a@B@C",
                "", "1", f"1 {END}", f"1 {END} ", f"2 {END} {ALICE}", f"1  {END} {ALICE}", f" 1 {END} {ALICE}", f"1 -1 {ALICE}",
                f"1 +1 {ALICE}", f"1 01 {ALICE}", f"1 100000000000 {ALICE}", f"1 1e9 {ALICE}", f"1 \u0661 {ALICE}",
                f"1 {END} alice", f"1 {END} {ALICE}\n", f"1 {END} {ALICE}\0", f"1\t{END} {ALICE}",
            )
        ),
    ],
)  # fmt: skip
def test_a_string_that_has_not_exactly_the_form_is_not_a_grant(name: str, value: str) -> None:
    assert read_grant(name, value) is None


def test_what_has_no_form_is_not_written() -> None:
    for grant in (Grant("x", END, ALICE), Grant("K7QM2XVD", 10**11, ALICE), Grant("K7QM2XVD", END, "alice")):
        with pytest.raises(ValueError):
            write_grant(grant)


@pytest.mark.parametrize(
    ("service", "value", "hosts"),
    [
        (SERVICE, None, ("db1.example.test",)),
        ("postgres/DB1.example.test@R", None, ()),
        ("postgres/db1@R", None, ()),
        ("postgres@R", None, ()),
        ("postgres/a\\/b@R", None, ()),
        ("a/b.x/c.x@R", None, ()),
        (SERVICE, "a.x b.x", ("a.x", "b.x")),
        (SERVICE, strings.NOBODY, ()),
        (SERVICE, "a.x ", ()),
        (SERVICE, "a.x,b.x", ()),
        (SERVICE, "a.x " + "b" * 64 + ".x", ()),
    ],
)
def test_who_may_grant_a_service_is_said_by_its_string_or_by_its_name(
    service: str, value: str | None, hosts: tuple[str, ...]
) -> None:
    assert granted_by(service, value) == hosts


@pytest.mark.parametrize("service", [SERVICE, "host/db1@R", "jitdx/h@R", "jitd-canary/h@R", "krbtgt\\/R@R"])
def test_an_ordinary_service_may_be_gated(service: str) -> None:
    assert may_be_gated(service)


@pytest.mark.parametrize(
    "service", ["krbtgt/R@R", "krbtgt/S@R", "kadmin/admin@R", "K/M@R", "jitd/h@R", "jitd-kdc/h@R", "kiprop/h@R"]
)
def test_what_the_realm_and_the_gate_need_is_never_gated(service: str) -> None:
    assert not may_be_gated(service)


# --- whose keytab it is --------------------------------------------------------------------------------------------------


def test_the_writer_is_the_one_jitd_kdc_of_its_keytab() -> None:
    own = keytab_of((f"jitd-kdc/{HOST}@R", 1, 18), (f"jitd-kdc/{HOST}@R", 2, 17), ("host/x@R", 1, 18))
    assert keytab.own(own) == (f"jitd-kdc/{HOST}@R", HOST)
    assert keytab.principals(own) == [f"jitd-kdc/{HOST}@R", "host/x@R"]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x05\x01", b"\x05\x02", b"\x05\x02\0\0", b"\x05\x02\0\0\0\x04\0\x09\0\x09",
        keytab_of((f"jitd/{HOST}@R", 1, 18)),
        keytab_of(("jitd-kdc/a.x@R", 1, 18), ("jitd-kdc/b.x@R", 1, 18)),
        keytab_of(("jitd-kdc/A.x@R", 1, 18)),
        keytab_of(("jitd-kdc@R", 1, 18)),
        keytab_of(("jitd-kdc/a/b@R", 1, 18)),
    ],
)  # fmt: skip
def test_a_keytab_without_just_one_writer_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        keytab.own(content)


def test_the_bounds_are_those_of_the_form() -> None:
    """They are law between the daemon, jitd-kdc and the KDC's plugin."""
    assert (strings.MOST_GRANTS, strings.LONGEST_GRANT, entry.MOST_DELETED) == (1_000, 86_400, 100)
