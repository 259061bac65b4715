# SPDX-License-Identifier: Apache-2.0
"""The tables of ``policy.test/``: people, and cases that say who asks for what, and what should be decided (jitd-policy(8)).

Law: an unknown key and a wrong type are faults, each with file, line and sentence. There is no case of a table with a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from jitd.core.command import MAX_ID
from jitd.core.conditions import is_name, is_principal
from jitd.core.fact_values import read_instant, read_value
from jitd.core.facts import Value
from jitd.core.grade import Grade
from jitd.core.keys.demand import read_indicator
from jitd.core.keys.run_as import read_run_as
from jitd.core.keys.services import read_service
from jitd.core.names import NAMES, Name
from jitd.core.naming import Naming
from jitd.core.spelling import spelled
from jitd.core.subject import ROOT
from jitd.core.toml_document import ConfigError, Fault, read_document
from jitd.core.toml_table import Table, quoted
from jitd.core.wording import listed
from jitd.settings.host import is_host_name

MOST_BYTES = 4 << 20  # bytes of one table
USUAL = ("host", "service", "run_as", "at")  # keys of a case that may stand at the top of its file, for all of its cases
PERSON = ("uid", "groups", "principal", "proved_by", "authenticated", "indicators", "forwarded")
KINDS = ("command", "edit", "new_file", "gives")
ASKED = ("who", *KINDS, "reason", "env", "lasts", "uses", "break_glass", "facts", "names", "writable_by")
EXPECTED = ("outcome", "rule", "approvals", "grade")
CASE = ("name", *ASKED, *USUAL, *EXPECTED)
PROVED_BY = ("ticket", "password", "nothing")
OUTCOMES = ("permit", "deny", "error")
FIRST_UID = 100_000  # of the people of a table that gives them none
Way = tuple[int, tuple[str, ...]]  # how many persons must approve, and who may
Approvals = tuple[tuple[Way, ...], ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks. ``groups`` is None if the table does not say of which groups the person is. ``authenticated_for`` is
    the number of seconds since the first ticket, or None if the table does not say it.
    """

    user: str
    uid: int
    groups: frozenset[str] | None = None
    principal: str = ""
    proved_by: str = "ticket"
    authenticated_for: int | None = None
    indicators: tuple[str, ...] | None = None
    is_forwarded: bool | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case. ``at`` and ``host`` are None and empty if the table does not say them. ``kind`` is what is asked for: a command,
    an edit, a new file or things, and ``words`` are its words. ``rule``, ``approvals`` and ``grade`` are None if the table does
    not say what they should be.
    """

    file: str
    line: int
    name: str
    who: Person
    kind: str
    words: tuple[bytes, ...]
    outcome: str
    run_as: str = "root"
    service: str = "jitsudo"
    host: str = ""
    at: datetime | None = None
    reason: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    lasts: int | None = None
    uses: int | None = None
    breaks_glass: bool = False
    facts: Mapping[str, Value] = field(default_factory=dict)
    names: tuple[bytes, ...] = ()
    writable_by: tuple[str, ...] = ()
    rule: str | None = None
    approvals: Approvals | None = None
    grade: str | None = None

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def read(files: Iterable[Path], names: Mapping[str, Name], naming: Naming) -> tuple[list[Case], list[Fault]]:
    """Return the cases of the tables ``files``, in their order, and all faults. ``names`` are those that rules may use, and
    ``naming`` is how the settings map principals.
    """
    cases: list[Case] = []
    faults: list[Fault] = []
    for file in files:
        found: list[Fault] = []
        try:
            cases += _cases(str(file), _content(file), names, naming, found)
        except ConfigError as error:
            found += error.faults
        faults += ConfigError(found).faults
    return cases if not faults else [], faults


def _content(file: Path) -> bytes:
    """Raises ConfigError."""
    told = ""
    content = b""
    try:
        if not file.is_file():
            told = "is not a regular file"
        else:
            with file.open("rb") as stream:
                content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        told = f"cannot be read: {error.strerror}"
    if len(content) > MOST_BYTES:
        told = f"is longer than {MOST_BYTES} bytes"
    if told:
        raise ConfigError((Fault(str(file), 0, "", told),))
    return content


def _cases(file: str, content: bytes, names: Mapping[str, Name], naming: Naming, faults: list[Fault]) -> list[Case]:
    document = read_document(file, content)
    top = Table(document, (), dict(document.values), faults)
    top.known(("people", "case", *USUAL))
    listed = top.table("people")
    people = {name: _person(name, listed, n, naming) for n, name in enumerate(listed.values)}
    people[ROOT] = Person(ROOT, 0, frozenset({ROOT}))
    if "case" not in top.values | dict.fromkeys(top.meant):
        top.fault('has no case: write [[case]], with "who", "command" and "outcome"')
    usual = _circumstances(top)
    tables = top.tables("case", "written as [[case]]")
    return [case for table in tables if (case := _case(table, usual, people, names, naming)) is not None]


def _person(name: str, listed: Table, n: int, naming: Naming) -> Person:
    table = listed.table(name)
    table.known(PERSON)
    if not is_name(name) or name == ROOT:
        table.fault(f"{quoted(name)} is not the name of an account" if name != ROOT else "root is known without this table")
    usual = naming.principals_of(name) or (f"{name}@EXAMPLE.ORG",)
    principal = table.text("principal", usual[0])
    if "principal" in table.values and not is_principal(principal):
        table.fault(f"{quoted(principal)} is not a principal with its realm, such as alice@EXAMPLE.ORG", "principal")
    return Person(
        naming.known_account(name),
        table.number("uid", FIRST_UID + n, 1, MAX_ID),
        frozenset(table.words("groups", (), _group, may_be_empty=True)) if "groups" in table.values else None,
        naming.canonical(principal),
        table.text("proved_by", "ticket", PROVED_BY),
        table.duration("authenticated", 0) if "authenticated" in table.values else None,
        table.words("indicators", (), read_indicator, may_be_empty=True) if "indicators" in table.values else None,
        table.flag("forwarded") if "forwarded" in table.values else None,
    )


def _group(word: str) -> str:
    if not is_name(word):
        raise ValueError(f"{quoted(word)} is not the name of a group")
    return word


def _case(
    table: Table, usual: Mapping[str, object], people: Mapping[str, Person], names: Mapping[str, Name], naming: Naming
) -> Case | None:
    """Return None if the case has a fault. ``usual`` are the fields of all cases of its file."""
    n_before = len(table.faults)
    table.known(CASE)
    table.needs("who", "outcome")
    said = sorted(set(KINDS) & (table.values.keys() | table.meant))
    if len(said) != 1:
        needed = listed(tuple(map(quoted, KINDS)), "and")
        table.fault(f"needs one of {needed}" if not said else f'"{said[0]}" does not go with "{said[1]}"')
    who = table.text("who", "", tuple(people)) if "who" in table.values else ""
    outcome = table.text("outcome", "deny", OUTCOMES)
    for key in ("approvals", "grade"):
        if key in table.values and outcome != "permit":
            table.fault(f'"{key}" goes with outcome = "permit"', key)
    words = tuple(map(_encoded, _words_of(table, said)))
    found = {
        **usual,
        **_circumstances(table),
        "reason": table.text("reason", "") if "reason" in table.values else None,
        "env": _texts(table, "env"),
        "lasts": table.duration("lasts", 1) if "lasts" in table.values else None,
        "uses": table.number("uses", 1, 1, 2**31) if "uses" in table.values else None,
        "breaks_glass": table.flag("break_glass"),
        "facts": _facts(table, names, naming),
        "names": tuple(map(_encoded, table.words("names", (), _path))),
        "writable_by": table.words("writable_by", (), _group),
        "rule": table.text("rule", "") if "rule" in table.values else None,
        "approvals": _approvals(table, naming) if "approvals" in table.values else None,
        "grade": table.text("grade", "unknown", tuple(one.word for one in Grade)) if "grade" in table.values else None,
    }
    name = table.sentence("name", 200) if "name" in table.values else f"{who}: {' '.join(map(spelled, words))}"
    if len(table.faults) > n_before:
        return None
    line = table.document.line_of(table.place)
    return Case(table.document.file, line, name, people[who], said[0], words, outcome, **found)  # type: ignore[arg-type]


def _circumstances(table: Table) -> dict[str, object]:
    """Return what ``table`` says of USUAL, by the fields of a case."""
    found: dict[str, object] = {}
    if "host" in table.values:
        found["host"] = table.text("host", "").lower()
        if isinstance(table.values["host"], str) and not is_host_name(table.values["host"]):
            table.fault('"host" must be a host name', "host")
    for key, read_word in (("service", read_service), ("run_as", _account)):
        if key in table.values:
            found[key] = _read_by(table, key, read_word)
    if "at" in table.values:
        found["at"] = read_instant(table.values["at"])
        if found["at"] is None:
            table.fault('"at" must be a time with its offset, such as 2026-01-05T09:00:00+01:00', "at")
    return found


def _read_by(table: Table, key: str, read_word: Callable[[str], str]) -> str:
    word = table.text(key, "")
    if isinstance(table.values[key], str):
        try:
            return read_word(word)
        except ValueError as error:
            table.fault(f'"{key}": {error}', key)
    return word


def _account(word: str) -> str:
    if "*" in word:
        raise ValueError(f"{quoted(word)}: a case is about one account, such as root or postgres:adm")
    return read_run_as(word)


def _words_of(table: Table, said: Sequence[str]) -> tuple[str, ...]:
    if len(said) != 1 or said[0] not in table.values:
        return ()
    if said[0] in ("edit", "new_file"):
        path = _read_by(table, said[0], _path)
        return (path,)
    words = table.words(said[0], (), str)
    if said[0] == "command" and words and not words[0].startswith("/"):
        table.fault('"command" must begin with an absolute path', "command", 0)
    return words


def _path(word: str) -> str:
    if not word.startswith("/") or "\0" in word:
        raise ValueError(f"{quoted(word)} is not an absolute path")
    return word


def _encoded(word: str) -> bytes:
    return word.encode("utf-8", "surrogateescape")


def _texts(table: Table, key: str) -> Mapping[str, str]:
    inner = table.table(key)
    return {name: inner.text(name, "") for name in inner.values}


def _facts(table: Table, names: Mapping[str, Name], naming: Naming) -> Mapping[str, Value]:
    """Return the facts of a case, as a provider or the host would give them."""
    inner = table.table("facts")
    known = {name.removeprefix("fact."): of for name, of in names.items() if name.startswith("fact.") and name != "fact.now"}
    if "now" in inner.values:
        inner.fault('the time is "at" of the case', "now")
    inner.known((*known, "now"))
    found: dict[str, Value] = {}
    for name, raw in inner.values.items():
        if name in known:
            try:
                value = read_value(known[name].type, raw)
            except ValueError as error:
                inner.fault(f"{name} {error}", name)
            else:
                found[f"fact.{name}"] = value if f"fact.{name}" in NAMES else naming.read_fact(value)
    return found


def _approvals(table: Table, naming: Naming) -> Approvals:
    found = []
    for one in table.tables("approvals", 'a list such as [{ need = 1, from = ["group:ops"] }]'):
        ways = [one]
        if "any_of" in one.values:
            one.known(("any_of",))
            ways = one.tables("any_of", "a list of ways")
        for way in ways:
            way.known(("need", "from"))
            way.needs("need", "from")
        found.append(tuple((way.number("need", 1, 1, 100), way.words("from", (), naming.read_who)) for way in ways))
    return tuple(found)
