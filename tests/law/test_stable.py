# SPDX-License-Identifier: Apache-2.0
"""What docs/stable.md promises, name by name, in the file ``stable`` beside this one.

A line that is new is new for users. A line that goes takes something from them: docs/stable.md says with which notice. To write
the file anew, on purpose: ``JITD_GOLDEN=write``; look at the difference.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.decision import Approval, BreakGlass, Deny, Why
from jitd.core.holding import Account, Holding
from jitd.core.names import NAMES
from jitd.core.policy import Rule
from jitd.core.warning import ACCEPTABLE
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.settings import config, policyfile
from jitd.store.sqlite import SqliteStore
from jitd.verbs.review_row import review_row
from jitd.verbs.rows import decision_row, grant_row, holding_row, lock_row, request_row, rule_row, run_row
from jitd.verbs.status import Status, daemon
from jitd_inspection.doctor.finding import Result as DoctorFinding
from jitd_inspection.verbs.linting import _row as linted
from jitd_outsiders import channels
from jitd_outsiders.asking import settings as outsiders
from jitd_sinks import settings as sinks
from jitd_things import settings as givers
from jitpam import options, reporting
from jitpam.options import UsageError
from jitpam.wire import codes, messages
from jitpam.wire import rows as wire
from jitpam.wire.rows import Row
from tests.law import manual
from tests.law.test_documents import JITD_PAM, VERBS, options_of
from tests.law.tree import MODULES, TREE
from tests.scene import START, THING, asked, free, locked, moment, permit, person, screened, submit

GOLDEN = Path(__file__).with_name("stable")
FORM = re.compile(r'\bjitd (?:[a-z]+ )+[0-9]+(?=\\n|["\'])')
UNSAID = ("grade", "damage")
"""Members that are null where nobody was asked for them: this says no more than if they were missing."""
OWN_FILES = re.compile(
    r"/run/jitd-(?!metrics)|/run/jitd/(?:head|let_in)|/var/lib/jitd(?:/signing|/leases|-givers)|/etc/pam|/usr/lib/jitd/(?:jitpam|prove)"
)
"""Files of the page that nobody but jitd's own processes has to find."""


def forms() -> Iterator[str]:
    """The forms of what leaves the host, or stays on it, with their versions."""
    yield f"wire {messages.VERSION}"
    yield from sorted({found for module in MODULES for found in FORM.findall(module.text)})


def statuses() -> Iterator[str]:
    for code, (of_jitsudo, of_jitd) in codes.EXITS.items():
        yield f"{code}: jitsudo {of_jitsudo}, jitd {of_jitd}"


def keys() -> Iterator[str]:
    for table, names in policyfile.KEYS.items():
        yield from (f"rule: {name}" if table in ("rule", "permit", "deny") else f"rule: {table}.{name}" for name in names)
    yield from (f"rule: a name in when: {name}" for name in NAMES)
    yield from (f"rule: a word of accept: {name}" for name in sorted(ACCEPTABLE))
    plain = config.Config(frozenset(), "")
    within = {name: value for name in config.KEYS if hasattr(value := getattr(plain, name, None), "__dataclass_fields__")}
    yield from (f"jitd.toml: {name}" for name in (*config.KEYS, *(f"notify.{name}" for name in (channels.DEFAULT,))))
    yield from (f"jitd.toml: {table}.{name}" for table, of in within.items() for name in of.__dataclass_fields__)
    yield from (f"jitd.toml: accounts.REALM.{name}" for name in config.ACCOUNTS)
    tables = {"providers and gatekeepers": outsiders.KEYS, "notify": channels.KEYS, "givers": givers.KEYS, "sinks": sinks.KEYS}
    yield from (f"jitd.toml: {at}, {kind}: {name}" for at, of in tables.items() for kind, names in of.items() for name in names)


def command_lines() -> Iterator[str]:
    for one in (one for one in options.OPTIONS if not one.never):
        yield f"jitsudo {' '.join(filter(None, (one.letter and f'-{one.letter}', f'--{one.name}')))}"
    for verb in VERBS:
        yield f"jitd {verb}"
        yield from (f"jitd {verb} {name}" for option in options_of(verb) for name in option.opts)
    of_module = JITD_PAM.partition(".Ss Arguments")[2].partition(".Ss ")[0]
    yield from (f"pam_jit.so {name}" for name in re.findall(r"^\.It Cm (\w+)", of_module, re.MULTILINE))


def made(place: Path) -> dict[str, Row]:
    """A row of each kind, as its maker makes it."""
    alice, bob = person("alice"), person("bob")
    glass = BreakGlass("rule-1", (Approval(1, ("group:ops",)),), 3600, 1)
    with closing(SqliteStore(place)) as store:
        lifecycle = Lifecycle(store, moment, lambda: "policy-1", lambda *_: None)
        request = asked("AAAA-0001", alice, breaks_glass=True)
        lifecycle.handle(submit(request), screened(request, free(break_glass=glass)))
        request, (grant,), (run,) = store.request(request.id), tuple(store.grants()), tuple(store.runs())
        (owed,) = store.owed_reviews()
    assert request is not None
    holding = Holding("A.1", "A", "A", THING, alice.principal, START, stays=False, giving_at=START, account=Account("alice", 1))
    return {
        "request": request_row(request, bob, may_review=True, is_own=False),
        "grant": grant_row(grant, bob, is_own=False),
        "run": run_row(run, grant, bob),
        "holding": holding_row(holding),
        "lock": lock_row(locked(), moment(), ""),
        "review": review_row(owed, request, bob, moment(), may_give=True, barred=""),
        "rule": rule_row(Rule("permit", "p")),
        "permit": decision_row(permit(), request.command),
        "denial": decision_row(Deny(Why.RULE, "no", "d"), request.command),
    }


def members(place: Path) -> Iterator[str]:
    """The members of the rows that ``--json`` prints."""
    rows = {kind: row.written() for kind, row in made(place).items()}
    bob = person("bob")
    access: Any = SimpleNamespace(refuse=lambda *_: None)
    status = Status(access, lambda: [daemon("0", "h", 1, 1.0)])
    (rows["status"],) = status.rows(bob)
    rows["doctor"] = {field.name: None for field in fields(DoctorFinding)}
    nowhere = SimpleNamespace(file="", number=1)
    finding: Any = SimpleNamespace(severity="", name="", place=nowhere, sentence="", mend="", services=())
    rows["pam-lint"] = linted(finding)
    yield from (f"{name}: {member}" for name, row in rows.items() for member in sorted(row))
    given: list[dict[str, Any]] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reporting, "_print", given.append)
        reporting.submitted("A"), reporting.held("A", [], {}, None)
        reporting.failed(UsageError("no"), "A")
    yield from (f"jitsudo --get, {one['state']}: {member}" for one in given for member in one)


def places() -> Iterator[str]:
    pages = [manual.part(page, ".Sh FILES") for page in manual.PAGES.values() if "\n.Sh FILES\n" in page]
    lines = [line for page in pages for line in re.findall(r"^\.It Pa (.+)$", page, re.MULTILINE)]
    yield from sorted({path for line in lines for path in re.findall(r"/[^\s,]+", line) if not OWN_FILES.match(path)})
    yield from sorted(unit.name.removesuffix(".d") for unit in (TREE / "contrib/systemd").iterdir())


def test_what_users_were_promised_is_there(tmp_path: Path) -> None:
    parts = {
        "forms": forms(), "exit statuses": statuses(), "keys": keys(), "command lines": command_lines(),
        "members of --json": members(tmp_path / "jitd.db"), "files and units": places(),
    }  # fmt: skip
    found = "".join(f"# {name}\n" + "".join(f"{line}\n" for line in dict.fromkeys(lines)) + "\n" for name, lines in parts.items())
    if os.environ.get("JITD_GOLDEN") == "write":
        GOLDEN.write_text(found, "utf-8")
    assert found.splitlines() == GOLDEN.read_text("utf-8").splitlines(), "docs/stable.md says with which notice this may change"


@pytest.mark.parametrize("part", ["forms", "exit statuses", "keys", "command lines", "members of --json", "files and units"])
def test_each_part_of_the_promise_is_on_its_page(part: str) -> None:
    text = (TREE / "docs/stable.md").read_text("utf-8")
    assert f"`{part}`" in text and f"# {part}\n" in GOLDEN.read_text("utf-8")


def parts(row: Any) -> Iterator[Row]:
    """``row``, which was read, and the rows in it."""
    if isinstance(row, Row):
        yield row
        yield from (one for name in row.members for one in parts(getattr(row, name)))
    elif isinstance(row, tuple):
        yield from (one for each in row for one in parts(each))


def test_a_row_is_read_as_it_was_made_also_by_who_was_promised_less_and_with_more_than_today(tmp_path: Path) -> None:
    promised = {tuple(line.split(": ")) for line in GOLDEN.read_text("utf-8").splitlines()}
    for kind, row in made(tmp_path / "jitd.db").items():
        written = json.loads(json.dumps(row.written()))
        read = type(row).read(written)
        said = {name: value for name, value in vars(row).items() if value is not None or name not in UNSAID}
        assert read.tells(*said) and all(getattr(read, name) == value for name, value in said.items()), kind
        cut = type(row).read({name: value for name, value in written.items() if (kind, name) in promised} | {"newer": [1]})
        assert all(getattr(cut, name) == getattr(read, name) for name in row.members), f"{kind}: no member is beside the promise"
        for one in parts(read):
            assert one.came.keys() <= {each.written for each in one.members.values()}, "nothing is dropped that we write"


def test_the_protocol_has_each_member_of_each_row() -> None:
    text = (TREE / "PROTOCOL.md").read_text("utf-8").partition("## 4. ")[2].partition("## 5. ")[0]
    table = dict(re.findall(r"^- \*([\w ]+)\*: ((?:.|\n  )*)$", text, re.MULTILINE))
    kinds = {one for one in vars(wire).values() if isinstance(one, type) and issubclass(one, Row) and not one.__subclasses__()}
    for kind in kinds | {wire.Way}:
        known = {name: one for name, one in kind.members.items() if name not in wire.Seen.members}
        name = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.__name__).lower()
        assert table.pop(name).split() == [f"{one.written}{'' if one.is_needed else '?'}" for one in known.values()]
    assert table == {}, "no row that nobody reads"
