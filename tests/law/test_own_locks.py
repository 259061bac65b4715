# SPDX-License-Identifier: Apache-2.0
"""What the product locks, and the names that it makes exclusively.

Anybody who can open a file or a directory, for reading too, can lock it (flock(2)), and anybody who can write to a directory can
make the name first. A row says why nobody else can here.
"""

from __future__ import annotations

import ast

from tests.law.tree import MODULES, Module

LOCKS = {
    "jitd.claiming": "the file `lock` in the daemon's own directories, made with the mode 0600",
    "jitd_inspection.verbs.steps": "a file in a directory that only root can enter",
    "jitd_inspection.verbs.stacks": "a file of root's own in /run, made with the mode 0600",
    "jitd.executor.remains": "the plate of a run, which the daemon has made with the mode 0600 in its own directory",
    "jitd.files.exchange": "a new file before it has a name; nobody waits, and a stranger's lock keeps there what is left",
    "jitd.files.durable": "a file of root's own for this purpose; `locked` refuses one that others can open or move",
    "jitd_things.givers.account_lock": "shadow-utils' own file, which only root can open; who holds it for a holder is killed",
    "jitd.monitor.birth": "the plate of a run",
    "jitd.monitor.rehearsal": "a memfd, which nobody else has",
    "jitd.recording.storage": "a recording, in a directory that only root can enter",
    "jitd_fleet.pins": "a file in a directory of the person's, made with the mode 0600; it is waited for two seconds",
    "jitpam.guardian": "the person's terminal, in a process of the person's: who else has it open can disturb it anyway",
    "jitpam.terminal": "the person's terminal, in a process of the person's; it waits for no lock",
}
NAMES = {
    "jitd_evidence.verbs.packing": "the file that the person chose, who is told if it is there; nothing else waits for it",
    "jitd.cli.whole_file": "beside the file that the person chose; the directories of our units are root's own",
    "jitd_inspection.verbs.replacing": "beside a stack in /etc/pam.d, or beside sudo.conf: root's own directories",
    "jitd.executor.monitors": "the plate of a run, in the daemon's own directory",
    "jitd.files.exchange": "beside the edited file, with a random end, in a directory that only root and the target can change",
    "jitd.files.durable": "new files beside those that they replace, in root's own directories",
    "jitd.files.inspection": "a copy, in a directory of the caller, who is root and has made it",
    "jitd_things.givers.account_home": "a new file beside the one that it replaces, in root's own directory",
    "jitd.monitor.namespace": "a directory in memory, in mounts of one process alone",
    "jitd.recording.storage": "a recording, in a directory that only root can enter",
    "jitd.recording.sudolog": "an export, in a directory that this process has made",
    "jitd.store.earlier": "a copy of the database, in the daemon's own directory",
    "jitd.store.masked_words": "the key for masked words, in the daemon's own directory",
    "jitd_fleet.nkey": "a key for an engine, in a directory of the person's or of root's",
    "jitpam.access": "the file of --to, in a process of the person's, where the person chose",
}
LOCKING = {"flock", "lockf", "F_SETLK", "F_SETLKW", "F_OFD_SETLK", "F_OFD_SETLKW", "lckpwdf"}


def mentions(module: Module, words: set[str]) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in words)
        or (isinstance(node, ast.Name) and node.id in words)
        or (isinstance(node, ast.alias) and node.name in words)
        for node in module.nodes
    )


def unlisted(words: set[str], rows: dict[str, str]) -> tuple[set[str], set[str]]:
    """The modules that mention ``words`` without a row, and the rows without a module."""
    found = {module.name for module in MODULES if mentions(module, words)}
    fits = {name: [row for row in rows if name == row or name.startswith(f"{row}.")] for name in found}
    return {name for name in found if not fits[name]}, rows.keys() - {row for each in fits.values() for row in each}


def test_only_what_nobody_else_can_open_is_locked() -> None:
    """THREATS Q-43."""
    assert unlisted(LOCKING, LOCKS) == (set(), set())


def test_names_are_made_exclusively_only_where_nobody_else_can_make_them() -> None:
    """THREATS Q-43."""
    assert unlisted({"O_EXCL"}, NAMES) == (set(), set())


def test_no_directory_is_locked() -> None:
    """THREATS Q-43. A directory can be opened by everybody who can list it. No function both opens directories and locks."""
    functions = [
        (module.place, node)
        for module in MODULES
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    both = [
        f"{place}: {function.name}"
        for place, function in functions
        if {"O_DIRECTORY", "flock"} <= {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    ]
    assert both == []
