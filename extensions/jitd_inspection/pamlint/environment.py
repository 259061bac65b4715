# SPDX-License-Identifier: Apache-2.0
"""Finds the settings of sudoers that pass a person's values to root's process. Such values are directories in PATH, and variables
from which programs load code.
Law: a setting that is bound to one user, host, command or target is reported too, because one such setting is enough to bypass
the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jitd.core.code_variables import LOADING, let_in
from jitd.hosts.findings import Linted, Place, bad
from jitd.hosts.sudoers import Setting, Sudoers

Files = Callable[[str], str]
"""Maps an absolute path to a sentence that says who besides root could change or create the file at this path. The sentence is
empty if only root can do this.
"""

FILES = ("env_file", "restricted_env_file", "group_plugin", "mailerpath", "editor")
"""Settings with a file as their value. sudo or visudo reads, loads or runs this file as root."""


def about_path(sudoers: Sudoers, file: str, files: Files) -> Iterator[Linted]:
    """Yield findings about the PATH that decides which programs run. ``file`` is the main file of sudoers."""
    paths = sudoers.effective("secure_path")
    why = "the caller's PATH decides which file sudo runs"
    mend = 'write Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"'
    for setting in paths:
        if setting.is_negated or not setting.value:
            told = f"with «{setting.written}» {why}"
            yield bad("no-secure-path", setting.place, told, f"take it out, and {mend}", "sudo")
        else:
            yield from _about_directories(setting, files)
    if all(setting.bound_to for setting in paths):
        yield bad("no-secure-path", Place(file), f"without a secure_path for everybody {why}", mend, "sudo")
    for setting in sudoers.effective("exempt_group"):
        if setting.value:
            told = f"with «{setting.written}» secure_path does not apply to that group: their own PATH decides what runs as root"
            yield bad("exempt-group", setting.place, told, "take it out", "sudo")


def _about_directories(setting: Setting, files: Files) -> Iterator[Linted]:
    for directory in dict.fromkeys((setting.value or "").split(":")):
        if not directory.startswith("/"):
            because = f"«{directory}» in it is the caller's current directory"
        elif not (because := files(directory)):
            continue
        told = f"with «{setting.written}» sudo looks for commands where others can write: {because}"
        yield bad("open-directory", setting.place, told, f"take {directory or 'the empty entry'} out of secure_path", "sudo")
        return  # report only one directory of a setting


def about_variables(sudoers: Sudoers, files: Files) -> Iterator[Linted]:
    """Yield findings about the caller's variables that are passed to the command but are not shown in any request. Also yield
    findings about the files of the settings in FILES.
    """
    for setting in sudoers.effective("env_reset"):
        if setting.is_negated:
            told = (
                f"with «{setting.written}» the command gets the caller's variables, except those that sudo knows to be dangerous:"
                " they can make it do what nobody approved"
            )
            yield bad("environment-kept", setting.place, told, "take it out", "sudo")
    for name in ("env_keep", "env_check"):
        for setting, pattern in _kept(sudoers, name):
            if loads_code(pattern):
                told = (
                    f"with «{setting.written}» the command gets the caller's {pattern}, which can make it run the caller's code"
                )
                yield bad("environment-kept", setting.place, told, f"take {pattern} out of {name}", "sudo")
                break
    for name in FILES:
        for setting in sudoers.effective(name):
            listed = (setting.value or "").split(" ")[0].split(":") if setting.value else ()
            path = next((path for path in listed if path.startswith("/") and files(path)), "")
            if path and (because := files(path)):
                told = f"with «{setting.written}» sudo uses, as root, a file that others can change: {because}"
                yield bad(
                    "file-open", setting.place, told, f"take it out, or chown root:root {path} && chmod go-w {path}", "sudo"
                )


def _kept(sudoers: Sudoers, name: str) -> Iterator[tuple[Setting, str]]:
    """Several settings can change the list ``name``. Yield the patterns that are in the list after all changes, each with the
    setting that contains the pattern. A pattern that is removed only for some people stays in the list.
    """
    for_all: dict[str, Setting] = {}
    for setting in sudoers.settings:
        patterns = (setting.value or "").split() if setting.name == name else ()
        if setting.name != name or (setting.bound_to and (setting.is_negated or setting.operator == "-=")):
            continue
        if setting.bound_to:
            yield from ((setting, pattern) for pattern in patterns)
        elif setting.operator == "-=":
            for pattern in patterns:
                for_all.pop(pattern, None)
        else:
            if setting.is_negated or setting.operator == "=":
                for_all.clear()
            for_all |= dict.fromkeys(() if setting.is_negated else patterns, setting)
    yield from ((setting, pattern) for pattern, setting in for_all.items())


def loads_code(pattern: str) -> bool:
    """True if ``pattern`` permits a variable that loads code. A pattern is the name of a variable, or a name and a value with
    ``=`` between them. In the name, ``*`` matches any text.
    """
    return bool(let_in(pattern.partition("=")[0], LOADING))
