# SPDX-License-Identifier: Apache-2.0
"""The import law: who may know whom. A change here is a change of the architecture, and ARCHITECTURE.md says so first."""

from __future__ import annotations

import sys

from tests.law.tree import MODULES, NAMES, Module, imports

CORE, WIRE = "jitd.core", "jitpam.wire"

LAW: dict[str, set[str]] = {
    # the side that asks
    "jitpam": set(),
    "jitpam.wire": {WIRE},
    "jitpam.krb5": set(),
    "jitpam.initiator": {"jitpam.krb5"},
    "jitpam.options": set(),
    "jitpam.shell": set(),
    "jitpam.signals": set(),
    "jitpam.guardian": set(),
    "jitpam.terminal": {"jitpam.guardian"},
    "jitpam.relay": {WIRE, "jitpam.signals", "jitpam.terminal"},
    "jitpam.saying": {WIRE},
    "jitpam.streams": set(),
    "jitpam.claims": {WIRE, "jitpam.options"},
    "jitpam.client": {WIRE, "jitpam.initiator"},
    "jitpam.failing": {WIRE, "jitpam.client", "jitpam.options", "jitpam.saying"},
    "jitpam.submission": {"jitpam.claims", "jitpam.options", "jitpam.saying", "jitpam.shell"},
    "jitpam.questions": {
        WIRE, "jitpam", "jitpam.claims", "jitpam.client", "jitpam.options", "jitpam.saying", "jitpam.submission",
    },
    "jitpam.asking": {
        WIRE, "jitpam.client", "jitpam.failing", "jitpam.options", "jitpam.questions", "jitpam.relay", "jitpam.saying",
        "jitpam.signals", "jitpam.submission",
    },
    "jitpam.jitsudo": {
        "jitpam.asking", "jitpam.client", "jitpam.failing", "jitpam.options", "jitpam.questions", "jitpam.streams",
    },
    "jitpam.pam_jit": set(),
    "jitpam.pam_guard": set(),
    "jitpam.pam_initiator": {"jitpam.initiator"},
    # the side that decides: the core, and what knows the core and nothing beside it
    "jitd": set(),
    "jitd.core": {CORE},
    "jitd.settings.config": {CORE},
    "jitd.settings.policyfile": {CORE},
    "jitd.lifecycle.deadlines": {CORE},
    "jitd.server.apreq": set(),
    "jitd.server.acceptor": {CORE, "jitd.server.apreq"},
    "jitd.store": {CORE, "jitd.store"},
    "jitd.audit": {CORE, "jitd.audit"},
    "jitd.recording": {"jitd.recording"},
    "jitd.deciding.kdc": set(),
    "jitd.verbs.pace": set(),
    "jitd.workers": set(),
    "jitd.files.silence": {"jitd.files.mounts"},
    "jitd.lifecycle.waiters": {CORE},
    "jitd.files.mounts": set(),
    "jitd.files.handlers": set(),
    "jitd.files.digests": set(),
    "jitd.files.inspection": {"jitd.files.digests", "jitd.files.handlers", "jitd.files.mounts"},
    "jitd.files.lookup": {"jitd.files.inspection", "jitd.files.mounts"},
    "jitd.files.operands": {"jitd.files.inspection"},
    "jitd.deciding.groups": set(),
    "jitd.deciding.facts": {CORE, "jitd.deciding.groups", "jitd.files.inspection"},
    "jitd.deciding.directory": {"jitd.deciding.facts"},
    "jitd.deciding.subordinates": {"jitd.deciding.facts"},
    "jitd.server.identifying": {CORE, "jitd.server.acceptor", "jitd.deciding.facts", "jitd.deciding.subordinates", "jitd.workers"},
    # what runs a command
    "jitd.monitor": {"jitd.monitor", "jitd.files.inspection", "jitd.files.operands", "jitd.recording", WIRE},
    "jitd.executor": {CORE, "jitd.executor", "jitd.monitor.orders", "jitd.monitor.places", "jitd.recording"},
    # the stations between a client and the core
    "jitd.log": {WIRE},
    "jitd.verbs.refusal": {WIRE},
    "jitd.verbs.sentences": {CORE, WIRE},
    "jitd.verbs.rows": {CORE, WIRE, "jitd.verbs.sentences"},
    "jitd.server.news": {CORE, WIRE, "jitd.verbs.refusal", "jitd.verbs.sentences"},
    "jitd.deciding.finding": {CORE, WIRE, "jitd.deciding.facts", "jitd.files.inspection", "jitd.files.lookup"},
    "jitd.deciding.screening": {
        CORE, "jitd.files.digests", "jitd.deciding.facts", "jitd.deciding.finding", "jitd.files.inspection", "jitd.files.lookup", "jitd.files.operands", "jitd.files.silence",
    },
    "jitd.server.reading": {CORE, WIRE, "jitd.deciding.finding", "jitd.verbs.refusal"},
    "jitd.lifecycle.lifecycle": {CORE, "jitd.store"},
    "jitd.lifecycle.integrity": {CORE, "jitd.store"},
    "jitd.lifecycle.jobs": {CORE, "jitd.settings.config", "jitd.deciding.facts", "jitd.monitor.orders", "jitd.deciding.screening"},
    "jitd.deciding": {
        CORE, "jitd.settings.config", "jitd.deciding", "jitd.deciding.facts", "jitd.deciding.finding", "jitd.deciding.screening", "jitd.files.silence",
        "jitd.store", "jitd.workers",
    },
    "jitd.lifecycle.perform": {
        CORE, "jitd.settings.config", "jitd.lifecycle.deadlines", "jitd.deciding", "jitd.executor", "jitd.lifecycle.jobs", "jitd.lifecycle.lifecycle", "jitd.log",
        "jitd.store", "jitd.lifecycle.waiters", "jitd.workers",
    },
    "jitd.invocation": {"jitd.invocation"},
    "jitd.deciding.programs": {"jitd.pamlint"},
    "jitd.deciding.walking": {"jitd.files.inspection"},
    "jitd.deciding.view": {"jitd.files.inspection", "jitd.pamlint.places", "jitd.pamlint.stack", "jitd.deciding.walking"},
    "jitd.server.peer": {CORE, "jitd.deciding.facts"},
    "jitd.deciding.entering": {
        CORE, WIRE, "jitd.deciding.facts", "jitd.deciding.finding", "jitd.files.inspection", "jitd.invocation", "jitd.files.lookup",
        "jitd.pamlint.places", "jitd.deciding.programs", "jitd.deciding.view", "jitd.deciding.walking",
    },
    "jitd.verbs.asking": {
        CORE, WIRE, "jitd.settings.config", "jitd.deciding", "jitd.deciding.entering", "jitd.deciding.finding", "jitd.verbs.pace", "jitd.lifecycle.perform", "jitd.verbs.refusal",
        "jitd.verbs.rows", "jitd.verbs.sentences", "jitd.store", "jitd.lifecycle.waiters", "jitd.workers",
    },
    "jitd.verbs.listing": {CORE, "jitd.verbs.rows", "jitd.store", "jitd.workers"},
    "jitd.verbs.overseeing": {
        CORE, WIRE, "jitd.verbs.asking", "jitd.settings.config", "jitd.deciding", "jitd.verbs.listing", "jitd.verbs.pace", "jitd.lifecycle.perform", "jitd.verbs.refusal",
        "jitd.verbs.rows", "jitd.store", "jitd.lifecycle.waiters", "jitd.workers",
    },
    "jitd.verbs.recordings": {
        CORE, WIRE, "jitd.settings.config", "jitd.lifecycle.lifecycle", "jitd.log", "jitd.verbs.overseeing", "jitd.verbs.pace", "jitd.recording", "jitd.verbs.refusal",
        "jitd.verbs.rows", "jitd.store", "jitd.workers",
    },
    "jitd.service": set(),
    "jitd.server.room": set(),
    "jitd.server.channel": {WIRE, "jitd.server.room"},
    "jitd.server.telling": {WIRE, "jitd.server.channel", "jitd.server.room", "jitd.verbs.rows"},
    "jitd.server.handshake": {WIRE, "jitd.server.acceptor", "jitd.verbs.refusal"},
    "jitd.verbs.locking": {
        CORE, WIRE, "jitd.verbs.asking", "jitd.deciding.directory", "jitd.deciding.facts", "jitd.verbs.overseeing", "jitd.lifecycle.perform", "jitd.verbs.refusal", "jitd.verbs.rows",
        "jitd.store", "jitd.lifecycle.waiters", "jitd.workers",
    },
    "jitd.server.answers": {CORE, WIRE, "jitd.verbs.asking", "jitd.verbs.locking", "jitd.verbs.overseeing", "jitd.server.reading", "jitd.verbs.refusal", "jitd.verbs.rows"},
    "jitd.server.house": {
        CORE, "jitd.server.acceptor", "jitd.verbs.asking", "jitd.verbs.locking", "jitd.verbs.overseeing", "jitd.verbs.recordings", "jitd.deciding.subordinates",
        "jitd.server.telling",
        "jitd.lifecycle.waiters",
    },
    "jitd.server.enforcing": {
        CORE, WIRE, "jitd.server.acceptor", "jitd.deciding.entering", "jitd.deciding.facts", "jitd.deciding.finding", "jitd.server.house", "jitd.server.news", "jitd.server.peer",
        "jitd.server.reading", "jitd.verbs.refusal", "jitd.verbs.rows", "jitd.deciding.view", "jitd.deciding.walking",
    },
    "jitd.server.connection": {
        CORE, WIRE, "jitd.server.acceptor", "jitd.server.answers", "jitd.server.channel", "jitd.server.enforcing", "jitd.deciding.facts", "jitd.server.handshake",
        "jitd.server.house", "jitd.log", "jitd.server.news", "jitd.server.peer", "jitd.server.reading", "jitd.verbs.refusal", "jitd.verbs.rows", "jitd.store",
        "jitd.server.telling", "jitd.deciding.walking",
    },
    "jitd.server.listener": {"jitd.server.channel", "jitd.server.connection", "jitd.server.house", "jitd.log", "jitd.server.peer", "jitd.server.room"},
    # whether the host is set up right: what is thought of it knows the core alone
    "jitd.doctor.checks": {CORE, "jitd.doctor.checks", "jitd.pamlint"},
    "jitd.doctor": {
        CORE, "jitpam", "jitpam.client", "jitpam.initiator", "jitd.audit", "jitd.settings.config", "jitd.doctor", "jitd.deciding.groups",
        "jitd.monitor.places",
        "jitd.monitor.session", "jitd.pamlint", "jitd.settings.policyfile", "jitd.recording", "jitd.store",
    },
    # what goes around a gate: files are read in one place of it
    "jitd.pamlint": {"jitd.pamlint"},
    "jitd.pamlint.places": {"jitd.pamlint", "jitd.files.inspection"},
    "jitd.cli": {
        WIRE, CORE, "jitpam", "jitpam.client", "jitpam.initiator", "jitpam.saying", "jitpam.streams", "jitpam.terminal",
        "jitd.audit", "jitd.cli", "jitd.settings.config", "jitd.daemon", "jitd.doctor", "jitd.deciding.groups", "jitd.lifecycle.integrity", "jitd.pamlint",
        "jitd.settings.policyfile", "jitd.recording", "jitd.store",
    },
    "jitd.daemon": {"jitd", "jitpam"},  # the one place where concrete parts are named
}  # fmt: skip
"""A module, or a package with all below it → what of ours it may import, likewise. The longest name that fits is the row."""

ALL_BELOW = {"jitd.daemon"}
"""Rows in which even ``jitd`` and ``jitpam`` mean all that is below them; in the others these two are the packages' own files."""

PURE_OF_PAMLINT = (
    "control", "environment", "evaluation", "findings", "gates", "judgement", "lines", "loading", "modules", "services",
    "sshdconfig", "stack", "starting", "sudoconf", "sudoers",
)  # fmt: skip
"""All of it but what reads files and what makes a round of it."""

PURE = {
    "jitd.core": "__future__ bisect collections dataclasses datetime difflib enum functools hashlib ipaddress itertools json"
    " math operator re stat string tomllib types typing unicodedata zoneinfo",
    "jitpam.wire": "__future__ _json binascii collections json re struct typing unicodedata",
    "jitd.recording.form": "__future__ dataclasses enum hashlib json re typing zlib",
    "jitd.recording.sequences": "__future__ codecs enum re typing",
    "jitd.recording.filter": "__future__ re",
    "jitd.recording.player": "__future__ collections itertools math",
    "jitd.doctor.checks": "__future__ collections dataclasses re stat struct",
    "jitd.recording.asciicast": "__future__ codecs collections json",
    "jitd.invocation": "__future__ collections dataclasses re",
    **{f"jitd.pamlint.{name}": "__future__ collections dataclasses fnmatch functools re typing" for name in PURE_OF_PAMLINT},
}
"""Package → the only modules of the standard library that it may import: no clock, file, socket, process, randomness or log."""


def row_of(name: str) -> str:
    """The row of LAW for the module ``name``. Raises KeyError where there is none."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        row = ".".join(parts[:length])
        if row in LAW and (length == len(parts) or length > 1):
            return row
    raise KeyError(name)


def is_allowed(imported: str, row: str) -> bool:
    """True if the modules of ``row`` may import ``imported``."""
    for allowed in LAW[row]:
        is_below = imported.startswith(allowed + ".") and (allowed not in ("jitd", "jitpam") or row in ALL_BELOW)
        if imported == allowed or is_below:
            return True
    return False


def trespasses(module: Module) -> list[str]:
    """What ``module`` imports of ours and may not."""
    row = row_of(module.name)
    ours = {name for name in imports(module) if name.split(".")[0] in ("jitd", "jitpam")}
    return sorted(name for name in ours if not is_allowed(name, row))


def test_a_module_imports_what_its_row_of_the_law_allows() -> None:
    found = {module.place: trespasses(module) for module in MODULES}
    assert {place: may_not for place, may_not in found.items() if may_not} == {}


def test_every_row_of_the_law_is_about_something_that_exists() -> None:
    assert sorted(LAW.keys() - NAMES) == []


def foreign(module: Module) -> set[str]:
    """What ``module`` imports that is not ours."""
    return {name.partition(".")[0] for name in imports(module)} - {"jitd", "jitpam"}


def test_what_is_pure_imports_pure_things_only() -> None:
    pure = [(module, package) for module in MODULES for package in PURE if module.name.startswith(package)]
    assert {package for _, package in pure} == PURE.keys(), "each of them exists"
    found = {module.place: sorted(foreign(module) - set(PURE[package].split())) for module, package in pure}
    assert {place: worldly for place, worldly in found.items() if worldly} == {}


def test_the_side_that_asks_starts_with_the_standard_library_alone() -> None:
    """Each import is a part of every start, and some of it runs inside somebody else's process."""
    found = {m.place: sorted(foreign(m) - sys.stdlib_module_names) for m in MODULES if m.name.startswith("jitpam")}
    assert len(found) > 20
    assert {place: more for place, more in found.items() if more} == {}


def test_the_wire_and_the_core_do_not_know_each_other() -> None:
    for module in MODULES:
        if module.name.startswith(CORE):
            assert not any(name.startswith("jitpam") for name in imports(module)), module.place
        if module.name.startswith(WIRE):
            assert not any(name.startswith("jitd") for name in imports(module)), module.place


def test_only_the_verb_that_is_the_daemon_imports_it() -> None:
    importers = {module.name for module in MODULES if any(name.startswith("jitd.daemon") for name in imports(module))}
    assert importers == {"jitd.cli.house"}
