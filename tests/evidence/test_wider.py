# SPDX-License-Identifier: Apache-2.0
"""The section "Wider than used": over the generated year, computed again in Python from the objects of the store; and for what
the year does not have, over a store of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.core.decision import Obligations, Permit
from jitd.core.duration import read_duration, spell_duration
from jitd.core.edit import SUDOEDIT, Edit
from jitd.core.policy import Policy
from jitd.core.request import Request, RequestState, Verdict
from jitd.core.subject import Subject, matches_any
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.settings.policyfile import read
from jitd.store.opening import read_store
from jitd.store.sqlite import SqliteStore
from jitd_evidence.report import uses as reading
from jitd_evidence.report import wider
from jitd_evidence.report.asked import scope_of
from jitd_evidence.report.figure import Row, Scope
from jitd_evidence.report.making import make
from jitd_evidence.report.narrower import ENOUGH
from jitd_evidence.report.wider import MOST_NAMED, SOME_PEOPLE, WIDER
from tests.evidence.year import GROUPS, SECRET, Year
from tests.scene import START, asked, command, moment, person, screened, submit

FIGURES = {figure.name: figure for figure in WIDER.figures}
PEOPLE = {
    word: (frozenset(name for name, groups in GROUPS.items() if word.removeprefix("group:") in groups), True)
    for word in ("group:web", "group:dba", "group:ops", "group:security", "group:buddies", "group:silent")
} | {"user:nobody-of-them": (frozenset(["nobody-of-them"]), True)}


@pytest.fixture
def scope(year: Year) -> Iterator[Scope]:
    with closing(read_store(year.database)) as store:
        yield scope_of(store, year.policy, year.until, year.since, year.until, people=PEOPLE)


def rows(scope: Scope, name: str) -> list[Row]:
    found = list(FIGURES[name].rows(scope))
    assert all(len(row) == len(FIGURES[name].columns) for row in found)
    return found


def requests(scope: Scope) -> list[Request]:
    return list(scope.store.requests(ended=True))


# --- over the year -------------------------------------------------------------------------------------------------------


def test_a_rule_that_permitted_nothing_stands_there_with_its_last_grant(scope: Scope) -> None:
    permitted = {one.rule for one in requests(scope) if one.state is RequestState.APPROVED}
    permits = [rule for rule in scope.policy.rules if rule.verdict == "permit"]
    assert [row[0] for row in rows(scope, "never-used")] == [rule.name for rule in permits if rule.name not in permitted]


def test_the_last_grant_of_a_rule_may_be_older_than_the_report(year: Year) -> None:
    with closing(read_store(year.database)) as store:
        scope = scope_of(store, year.policy, year.until, year.until - timedelta(hours=1), year.until)
        last = {one.rule: f"{one.issued_at:%Y-%m-%d}" for one in store.grants(ended=True)}
        found = {row[0]: row for row in rows(scope, "never-used")}
        assert len(found) > 5 and {name: row[3] for name, row in found.items()} == {name: last.get(str(name)) for name in found}
        assert found["emergency"][1] == "break-glass"


@pytest.mark.parametrize(
    ("figure", "words", "active"),
    [
        ("never-asked", lambda rule: rule.who or (), lambda one: [one.requester.person]),
        (
            "never-answered",
            lambda rule: [word for approval in rule.approvals for word in approval.of_whom],
            lambda one: [review.by.person for review in one.reviews],
        ),
    ],
)
def test_whoever_a_rule_names_has_acted_or_stands_there(
    scope: Scope, figure: str, words: Callable[[Any], Any], active: Callable[[Request], list[str]]
) -> None:
    found = rows(scope, figure)
    for rule in scope.policy.rules:
        named = {name for word in words(rule) for name in PEOPLE[word][0]} if rule.verdict == "permit" else set()
        acted = {who for one in requests(scope) if one.rule == rule.name for who in active(one)}
        idle = sorted(named - acted) if acted else []  # if nobody acted, the rule itself is not needed
        told = [row for row in found if row[0] == rule.name]
        assert [row[1] for row in told if row[1] is not None] == idle[:MOST_NAMED], rule.name
        more = len(idle) - MOST_NAMED
        assert [row[3] for row in told if row[1] is None] == ([f"and {more} more people"] if more > 0 else []), rule.name
    assert len(found) > 5 and not any(row[0] == "never" for row in found)


def test_a_group_that_cannot_be_listed_is_named(year: Year) -> None:
    with closing(read_store(year.database)) as store:
        people = {**PEOPLE, "group:web": (frozenset(["idle"]), False)}
        del people["group:ops"]
        scope = scope_of(store, year.policy, year.until, year.since, year.until, people=people)
        assert ("1e3", None, "group:web", "not all of its people can be listed on this host") in rows(scope, "never-asked")
        assert ("1e3", "idle", "group:web", "") in rows(scope, "never-asked")
        said = "not all of its people can be listed on this host"
        assert ("deploy", None, "group:ops", said) in rows(scope, "never-answered")


def test_a_word_that_names_each_approver_is_enough(scope: Scope) -> None:
    expected = []
    for rule in scope.policy.rules:
        words = [word for approval in rule.approvals for word in approval.of_whom]
        found = [one for one in requests(scope) if one.rule == rule.name and one.state is RequestState.APPROVED]
        approvers = [review.by for one in found for review in one.reviews if review.verdict is Verdict.APPROVE]
        enough = [word for word in words if all(matches_any(who, (word,)) for who in approvers)]
        if len(words) > 1 and enough and len(approvers) >= ENOUGH:
            expected.append((rule.name, len(approvers), enough[0]))
    assert [row[:3] for row in rows(scope, "one-suffices")] == expected


def test_narrower_lines_are_of_what_the_year_used(scope: Scope) -> None:
    found = {(row[0], str(row[3]).partition(" = ")[0]): row for row in rows(scope, "never-varied")}
    permitted = [one for one in requests(scope) if one.state is RequestState.APPROVED]
    n = len([one for one in permitted if one.rule == "dump-shop"])
    now, then = (f'commands = [["/usr/bin/pg_dump", "--clean", "{word}"]]' for word in ("*", "shop"))
    assert found["dump-shop", "commands"] == ("dump-shop", n, now, then)
    assert any(one.lease for one in permitted if one.rule == "restart-web"), "some of its uses are of leases, and count once"
    n = len({one.lease or one.id for one in permitted if one.rule == "restart-web"})
    assert found["restart-web", "commands"][1] == n
    assert found["dump-shop", "run_as"][3] == 'run_as = ["postgres"]'
    assert found["dump-shop", "run.cwd"][3] == 'run.cwd = "/var/lib/postgresql"'


def test_nothing_is_told_of_a_rule_with_visible_to(scope: Scope) -> None:
    assert any(SECRET in str(one.command.argv) for one in requests(scope) if one.rule == "backup"), "it was run with a secret"
    told = [row for figure in WIDER.figures for row in figure.rows(scope) if "backup" in row]
    hidden = "only certain people may see what was asked for (visible_to)"
    assert [row[2] for row in told if len(row) == 3] == [hidden]
    assert not any(SECRET in str(cell) for row in told for cell in row)
    # the rule is open now, but was not when it permitted
    rules = tuple(replace(rule, visible_to=None) if rule.name == "backup" else rule for rule in scope.policy.rules)
    opened = replace(scope, policy=replace(scope.policy, rules=rules))
    told = [row for name in ("never-varied", "not-compared") for row in rows(opened, name) if row[0] == "backup"]
    assert [row[2:] for row in told] == [(hidden,)]


def test_a_grant_was_needed_until_its_last_use_or_the_end_of_its_last_run(scope: Scope) -> None:
    runs, found = list(scope.store.runs(ended=True)), {row[0]: row for row in rows(scope, "longer-than-needed")}
    grants = [one for one in scope.store.grants(ended=True) if one.rule == "restart-web"]
    asked_later = [one for one in requests(scope) if one.state is RequestState.APPROVED]
    seconds = [0.0]
    for one in grants:
        uses = [run.ended_at or (scope.now if run.is_live else run.starting_at) for run in runs if run.grant == one.id]
        uses += [late.submitted_at for late in asked_later if late.lease == one.id]
        seconds += [(use - (one.begins_at or one.issued_at)).total_seconds() for use in uses]
    row = found["restart-web"]
    assert (row[1], row[5]) == (len([one for one in grants if not one.is_live]), max(one.begun for one in grants))
    grant = row[6]
    assert isinstance(grant, str) and grant.startswith("grant = { lasts = ")
    assert read_duration(str(row[3])) == pytest.approx(min(7200, max(seconds)), abs=1.1)


@pytest.mark.parametrize(
    ("seconds", "lasts"),
    [(0, "1m"), (1, "1m"), (61, "2m"), (601, "15m"), (3600, "1h"), (3601, "2h"), (86401, "2d"), (10**6, "12d")],
)
def test_a_shorter_time_is_one_that_people_write_and_is_long_enough(seconds: int, lasts: str) -> None:
    assert spell_duration(wider._rounded(seconds)) == lasts


def test_the_shorter_grant_is_a_line_that_jitd_reads(scope: Scope, tmp_path: Path) -> None:
    (line,) = [str(row[6]) for row in rows(scope, "longer-than-needed") if row[0] == "restart-web"]
    file = tmp_path / "rule.toml"
    file.write_text(f'[[permit]]\nname = "r"\nwho = ["group:web"]\ncommands = [["/usr/bin/id"]]\n{line}\n')
    (rule,), faults = read([file])
    assert faults == [] and (rule.lasts_for, rule.uses) <= (2 * 3600, 5)


def test_a_report_about_some_people_proposes_nothing(year: Year) -> None:
    with closing(read_store(year.database)) as store:
        who = frozenset(["alice@EXAMPLE.TEST"])
        scope = scope_of(store, year.policy, year.until, year.since, year.until, who, people=PEOPLE)
        for name in ("never-asked", "never-answered", "one-suffices", "never-varied", "longer-than-needed"):
            (row,) = rows(scope, name)
            assert row[-1] == SOME_PEOPLE


def test_a_report_about_a_rule_is_about_no_other(year: Year) -> None:
    with closing(read_store(year.database)) as store:
        scope = scope_of(store, year.policy, year.until, year.since, year.until, None, "dump-shop", PEOPLE)
        assert {row[0] for figure in WIDER.figures for row in figure.rows(scope)} == {"dump-shop"}


def test_the_section_is_a_part_of_a_report(scope: Scope) -> None:
    made = make(scope, (WIDER,), host="h", by="root", head=scope.store.head())
    assert [figure["name"] for figure in made["sections"][0]["figures"]] == list(FIGURES)
    assert all("SELECT" in figure["explain"] for figure in made["sections"][0]["figures"])


# --- over a store of its own ---------------------------------------------------------------------------------------------

RULES = """\
[[permit]]
name = "r"
who = ["group:dba", "user:eve"]
commands = [["/usr/bin/psql", "**"]]
mask = ["--token *"]
grant = { lasts = "8h", uses = 100 }
"""


class House:
    """A store in which one rule permits what it is told to."""

    def __init__(self, path: Path) -> None:
        self.store, self.n = SqliteStore(path / "jitd.db"), 0
        self.lifecycle = Lifecycle(self.store, lambda: moment(self.n), lambda: "0" * 64)
        file = path / "rules.toml"
        file.write_text(RULES, "utf-8")
        rules, faults = read([file])
        assert faults == []
        self.policy = Policy(tuple(rules), "permit", "0" * 64)
        self.path = path / "jitd.db"

    def permits(self, *argv: str, n: int = 1, who: Subject | None = None, **facts: Any) -> None:
        for _ in range(n):
            self.n += 1
            made = asked(f"{self.n:04}-AAAA", who or person("alice"), command(*argv, **facts))
            made = replace(made, submitted_at=START + timedelta(seconds=self.n))
            self.lifecycle.handle(submit(made), screened(made, Permit("r", self.obligations())))

    def obligations(self) -> Obligations:
        return self.policy.rules[0].obligations

    def told(self, name: str) -> list[Row]:
        with closing(read_store(self.path)) as store:
            until = START + timedelta(days=90)
            return rows(scope_of(store, self.policy, until, START, until, people={}), name)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


def proposed(house: House) -> list[tuple[Any, Any]]:
    """What is said of the rule: the numbers of uses, and the narrower commands or why they are not known."""
    lines = [(row[1], row[3]) for row in house.told("never-varied") if not str(row[3]).startswith("run.cwd")]
    return [*lines, *((row[1], row[2]) for row in house.told("not-compared"))]


def test_what_is_masked_is_not_named(house: House) -> None:
    house.permits("/usr/bin/psql", "--token", "s3cret", n=ENOUGH, masked=((2, 0),))
    assert proposed(house) == [(ENOUGH, 'commands = [["/usr/bin/psql", "--token", "*"]]')]


@pytest.mark.parametrize(
    ("words", "then"),
    [
        (("--password=s3cretAA",), "*"),
        (("--db=x", "postgresql://app:s3cretAA@db/shop"), '--db=x", "*'),
    ],
)
def test_a_word_that_looks_like_a_secret_is_not_named(house: House, words: tuple[str, ...], then: str) -> None:
    house.permits("/usr/bin/psql", *words, n=ENOUGH)
    assert proposed(house) == [(ENOUGH, f'commands = [["/usr/bin/psql", "{then}"]]')]


def test_somebody_who_types_the_words_for_what_is_hidden_hides_nothing(house: House) -> None:
    house.permits("/usr/bin/psql", "‹forgotten›", "‹masked›", n=ENOUGH)
    assert proposed(house) == [(ENOUGH, 'commands = [["/usr/bin/psql", "‹forgotten›", "‹masked›"]]')]


def test_what_was_forgotten_may_have_been_anything(house: House) -> None:
    house.permits("/usr/bin/psql", "-l", n=ENOUGH + 2)
    assert [n for n, _ in proposed(house)] == [ENOUGH + 2]
    for id in [one.id for one in house.store.grants(ended=True)][:2]:
        for table, key in (("grants", "id"), ("runs", "grant_id")):
            house.store._db.execute(f"UPDATE {table} SET is_open = 0, version = version + 1 WHERE {key} = ?", (id,))
        house.store.commit((), (), forgotten=(id,))
    assert proposed(house) == [(2, "their arguments and directories were forgotten: keep in [record] is shorter")]


def test_a_value_that_is_missing_may_have_been_anything(house: House) -> None:
    house.permits("/usr/bin/psql", "-l", n=ENOUGH + 2)
    house.store._db.execute("UPDATE said SET entries = x'00' WHERE id = '0001-AAAA'")
    assert proposed(house) == []


def test_files_that_were_edited_together_are_narrowed_one_by_one(house: House, tmp_path: Path) -> None:
    file = tmp_path / "edits.toml"
    file.write_text(RULES.replace('["/usr/bin/psql", "**"]', '["sudoedit", "/etc/*"]'), "utf-8")
    house.policy = Policy(tuple(read([file])[0]), "permit", "0" * 64)
    edit = Edit(1, 2, 0, 0, 0o644, bytes(32), bytes(32))
    house.permits("sudoedit", "/etc/a", "/etc/b", n=ENOUGH, path=SUDOEDIT, edits=(edit, edit))
    assert proposed(house) == [(2 * ENOUGH, 'commands = [["sudoedit", "/etc/a"], ["sudoedit", "/etc/b"]]')]


def test_too_few_uses_are_said_to_be(house: House) -> None:
    house.permits("/usr/bin/psql", "-l", n=ENOUGH - 1)
    assert proposed(house) == [(ENOUGH - 1, f"fewer than {ENOUGH} uses are too few")]


def test_uses_from_before_the_rule_was_changed_do_not_count(house: House) -> None:
    house.permits("/usr/bin/psql", "-l", n=ENOUGH)
    house.permits("/usr/bin/pg_dump", n=3)
    assert proposed(house) == [(ENOUGH, 'commands = [["/usr/bin/psql", "-l"]]')]


def test_more_uses_than_can_be_read_are_not_read_in_part(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.permits("/usr/bin/psql", "-l", n=ENOUGH)
    monkeypatch.setattr(reading, "WITHIN", -1.0)
    assert proposed(house) == [(None, "there was no time to compare its uses: ask for a shorter time, or for this rule alone")]
    monkeypatch.setattr(reading, "WITHIN", 60.0)
    monkeypatch.setattr(reading, "MOST", ENOUGH - 1)
    assert proposed(house) == [(ENOUGH, f"more than {ENOUGH - 1} uses are not compared: ask for a shorter time")]


def test_uses_that_vary_are_not_all_read(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FIRST", ENOUGH)
    for n in range(ENOUGH):
        house.permits("/usr/bin/psql", *[f"{n}"] * (n % 4), cwd=f"/{n}".encode())
    house.permits("/usr/bin/psql", "-l", n=1)
    looked: list[str] = []
    monkeypatch.setattr(reading.Reader, "_each_use", _noted(reading.Reader._each_use, looked))
    assert proposed(house) == [] and len(looked) == ENOUGH


def _noted(work: Any, looked: list[str]) -> Any:
    def use(self: Any, id: str, parts: Any) -> Any:
        looked.append(id)
        return work(self, id, parts)

    return use


# --- shorter grants ------------------------------------------------------------------------------------------------------


def shorter(house: House) -> list[Any]:
    return [row[6] for row in house.told("longer-than-needed")]


def end(house: House, id: str) -> None:
    house.store._db.execute("UPDATE grants SET is_open = 0, version = version + 1 WHERE id = ?", (id,))
    house.store._db.execute("UPDATE runs SET is_open = 0, version = version + 1 WHERE grant_id = ?", (id,))


def test_an_open_grant_has_been_needed_as_well(house: House) -> None:
    house.permits("/usr/bin/psql", "-l", n=ENOUGH)
    for one in list(house.store.grants()):
        end(house, one.id)
    assert shorter(house) == ['grant = { lasts = "1m", uses = 1 }']
    house.permits("/usr/bin/psql", "-l")
    (last,) = house.store.grants()
    used = "CAST(json_set(CAST(document AS TEXT), '$.begun', 12) AS BLOB)"
    house.store._db.execute(f"UPDATE grants SET version = version + 1, document = {used} WHERE id = ?", (last.id,))
    assert shorter(house) == ['grant = { lasts = "8h", uses = 12 }']


def test_a_rule_that_gives_things_as_well_may_need_its_time_for_them(house: House) -> None:
    house.permits("/usr/bin/psql", "-l", n=ENOUGH)
    for one in list(house.store.grants()):
        end(house, one.id)
    (rule,) = house.policy.rules
    assert shorter(house)
    house.policy = replace(house.policy, rules=(replace(rule, gives=("account:dba",)),))
    assert shorter(house) == []
