# SPDX-License-Identifier: Apache-2.0
"""The table of events (``jitd.audit.events``): it has every event, says of each what is so, and nobody else knows them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

from jitd.audit.events import EVENTS, OF_EVERY_READER, OF_RULES, PEOPLE, TOPICS, ended_by
from jitd.audit.telling import WITHIN
from jitd.core import grant, holding, lock, owed_review, request, run
from jitd.core.law import name_of_kind
from jitd.core.sought import is_event
from jitd_sinks.settings import CLASSES
from jitd_sinks.sinks.classes import _SEVERITY
from tests.audit.test_sentences import SAID
from tests.law.test_documents import events
from tests.law.tree import MODULES, TREE, Module

LIVES = (request, grant, run, holding, lock, owed_review)
NAMED = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, EVENTS))})(?![\w.-])")
WRITES = ("note", "_note")
MAY_NAME = {
    "jitd.audit.events": "the table",
    "jitd_evidence.pack.verify": "a part of verify.py, which has no part of the core's table",
    "jitd.audit.receipted": "another part of it",
    "jitd.audit.host_names": "another part of it",
    "jitd.cli.help": "examples to type",
    "jitd_inspection.verbs.trying": "tells the story of one request, event by event",
    "jitd_evidence.report": "SQL",
}
"""Who names an event although they neither write it nor are the core, with the reason. The name is a module or a package."""


def test_the_table_has_every_event_and_no_other() -> None:
    assert EVENTS.keys() == events()


def test_every_topic_is_the_first_word_of_an_event() -> None:
    assert TOPICS.keys() <= {name.partition(".")[0] for name in EVENTS}


def test_an_event_ends_a_life_if_the_state_table_of_that_life_says_so() -> None:
    for life in LIVES:
        ending = {state for state, events in life.LAW.items() if not events}
        for kind in life.MAY_CAUSE:
            follows = {state for events in life.LAW.values() for state in events.get(kind, ())}
            name = name_of_kind(kind)
            assert ended_by(name) == (kind.life if follows and follows <= ending else ""), name
    notes = EVENTS.keys() - {name_of_kind(kind) for life in LIVES for kind in life.MAY_CAUSE}
    assert [name for name in sorted(notes) if ended_by(name)] == []


def test_every_class_of_an_event_is_one_that_a_sink_may_have_and_that_has_a_severity() -> None:
    told = ({row.alert for row in EVENTS.values()} | {topic.alert for topic in TOPICS.values()}) - {""}
    assert told <= set(CLASSES) and set(CLASSES) == _SEVERITY.keys()


def test_an_event_that_a_page_or_a_help_tells_somebody_to_look_for_is_recorded() -> None:
    pages = [*TREE.glob("*.md"), *(TREE / "docs").rglob("*.md"), *(TREE / "docs/man").iterdir()]
    texts = [*(page.read_text("utf-8") for page in pages), *(module.text for module in MODULES)]
    sought = {word for text in texts for word in re.findall(r"audit show\b[^\n`]*--event[= ]([a-z_.*]+)", text)}
    assert len(sought) > 9
    assert [word for word in sorted(sought) if not any(is_event(name, word) for name in EVENTS)] == []


# --- who may read which part ---------------------------------------------------------------------------------------------


def test_a_part_is_for_the_same_readers_in_all_events() -> None:
    plain = {part for row in EVENTS.values() for part in row.parts.split()}
    assert plain.isdisjoint(PEOPLE) and OF_RULES.isdisjoint(OF_EVERY_READER)


def parts(detail: dict[str, object]) -> Iterator[str]:
    for name, part in detail.items():
        yield name
        if name in WITHIN and isinstance(part, dict):
            yield from parts(part)


def recorded() -> Iterator[tuple[str, dict[str, object]]]:
    """The details of events: those whose bytes are kept, and those whose sentences are."""
    for line in (TREE / "tests/core/golden/records").read_text("ascii").splitlines():
        record = json.loads(line.partition(" ")[2])
        yield record["event"], record["detail"]
    yield from ((event, detail) for event, detail, _, _ in SAID)


def test_a_row_lists_the_parts_that_readers_see_of_its_event() -> None:
    for event, detail in recorded():
        if event in EVENTS:
            row = EVENTS[event]
            seen = set(parts(detail)) & (OF_EVERY_READER | OF_RULES)
            assert seen <= set(f"{row.parts} {row.people} {row.rule}".split()), event


def test_every_part_that_a_row_lists_is_a_word_of_the_code_that_writes_records() -> None:
    """Else a misspelt one hides the part from everybody."""
    others = [module for module in MODULES if not module.name.startswith(("jitd.audit.", "jitd.core.visibility"))]
    written = {node.value for module in others for node in module.nodes if isinstance(node, ast.Constant)}
    listed = {part for row in EVENTS.values() for part in f"{row.parts} {row.people} {row.rule}".split()}
    assert sorted(listed - written) == []


# --- nobody else knows the events ----------------------------------------------------------------------------------------


def prose(module: Module) -> set[int]:
    """The texts that are docstrings."""
    return {id(node.value) for node in module.nodes if isinstance(node, ast.Expr)}


def named(module: Module) -> tuple[set[str], set[str]]:
    """The events that a module names, and those of them that it writes."""
    calls = [node for node in module.nodes if isinstance(node, ast.Call) and node.args]
    writing = [
        one for one in calls if (one.func.attr if isinstance(one.func, ast.Attribute) else ast.unparse(one.func)) in WRITES
    ]
    written = {one.args[0].value for one in writing if isinstance(one.args[0], ast.Constant)}
    docstrings = prose(module)
    texts = [node for node in module.nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
    said = [one.value.decode("latin-1") if isinstance(one.value, bytes) else str(one.value) for one in texts]
    return {name for text in said for name in NAMED.findall(text)}, {str(name) for name in written}


def test_only_who_writes_an_event_names_it_beside_the_table_and_the_core() -> None:
    found = {}
    for module in MODULES:
        if module.name.startswith(("jitd.core.", *(f"{name}." for name in MAY_NAME))) or module.name in MAY_NAME:
            continue
        names, written = named(module)
        if names - written:
            found[module.name] = sorted(names - written)
    assert found == {}
