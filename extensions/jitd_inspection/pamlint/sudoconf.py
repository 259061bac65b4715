# SPDX-License-Identifier: Apache-2.0
"""Finds lines of sudo.conf and nsswitch.conf that make sudo use more than sudoers. A line of this kind names another plugin,
another file, or a directory service.
Law: the decisions of another plugin or of a directory service are not known. If sudo uses another plugin or a directory service,
no gate is treated as effective.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jitd.hosts.findings import Linted, Place, bad, unknown
from jitd.hosts.stack import Source
from jitd.hosts.sudo_plugin import SHIPPED, SYMBOL
from jitd_inspection.pamlint.environment import Files

LINE = re.compile(r"[ \t]*(plugin|path)[ \t]+(\S+)(?:[ \t]+(\S+))?([^#\n]*)", re.I)
SWITCHED = re.compile(r"[ \t]*sudoers[ \t]*:(.*)", re.I)
PLUGINS = ("/usr/libexec/sudo", "/usr/lib/sudo")  # the directories that contain sudo's own plugins
OWN = "sudoers.so"
SYMBOLS = ("sudoers_policy", "sudoers_io", "sudoers_audit")
OUR_PLUGIN = (SYMBOL, SHIPPED)  # jitd's approval plugin, which can only refuse
LOADED = ("sesh", "noexec", "intercept")  # set a file in sudo.conf that sudo loads into the command, or runs before it


def judge(conf: Source | None, switch: Source | None, files: Files) -> Iterator[Linted]:
    """Yield findings about lines of sudo.conf (``conf``) and nsswitch.conf (``switch``) that make sudo use more than sudoers."""
    lines = list(_lines(conf)) if conf else []
    directory = next((value for _, word, name, value, _ in reversed(lines) if (word, name) == ("path", "plugin_dir")), "")
    plugins = [(place, name, value, more) for place, word, name, value, more in lines if word == "plugin"]
    for place, symbol, path, more in plugins:
        yield from _about_plugin(place, symbol, path, more, directory, files)
    if directory and not plugins:
        place = next(place for place, word, name, _, _ in reversed(lines) if (word, name) == ("path", "plugin_dir"))
        yield from _about_plugin(place, SYMBOLS[0], OWN, "", directory, files)
    for place, word, name, value, _ in lines:
        if word == "path" and name in LOADED and value and (because := files(value)):
            told = f"sudo uses {value} in what it runs as root, and others can change it: {because}"
            yield bad("file-open", place, told, "take the line out", "sudo")
    for number, line in enumerate(switch.data.decode("utf-8", "replace").split("\n") if switch else (), 1):
        found = SWITCHED.match(line.partition("#")[0])
        others = [word for word in found[1].split() if word != "files" and not word.startswith("[")] if found else []
        if switch and others:
            told = f"sudoers come from {' and '.join(others)} too, and what is set there (!pam_acct_mgmt, say) is not judged"
            yield unknown("sudoers-elsewhere", Place(switch.file, number), told, "look at its sudoOption by hand", "sudo")


def _lines(conf: Source) -> Iterator[tuple[Place, str, str, str, str]]:
    """Yield the lines of sudo.conf that name files. Each line becomes five values: the place, the word Plugin or Path in lower
    case, the symbol or name, the file, and the rest of the line.
    """
    text = conf.data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\\\n", " \0")
    number = 1
    for line in text.split("\n"):
        if found := LINE.match(line.replace("\0", " ")):
            name = found[2] if found[1].lower() == "plugin" else found[2].lower()
            yield Place(conf.file, number), found[1].lower(), name, found[3] or "", found[4].strip()
        number += 1 + line.count("\0")


def _about_plugin(place: Place, symbol: str, path: str, more: str, directory: str, files: Files) -> Iterator[Linted]:
    whole = path if path.startswith("/") else directory + path  # sudo puts no slash between them either
    is_own = symbol in SYMBOLS and whole in (OWN, *(f"{known}/{OWN}" for known in PLUGINS))
    if whole.startswith("/") and (because := files(whole)):
        told = f"sudo loads {whole}, which others can change: {because}"
        yield bad("file-open", place, told, f"take it out, or chown root:root {whole} && chmod go-w {whole}", "sudo")
    elif not is_own and (symbol, whole) != OUR_PLUGIN:
        told = f"sudo loads {symbol} of {whole or 'no file'}, and it is not known whether that asks PAM, and so jitd"
        yield unknown("other-plugin", place, told, "take it out, or see that it asks PAM before each command", "sudo")
    elif more and is_own:
        told = f"sudo uses {path} {more}, and what is set there is not judged"
        yield unknown("sudoers-elsewhere", place, told, "look at it by hand", "sudo")
