# SPDX-License-Identifier: Apache-2.0
"""Reads krb5.conf and all that it includes, for the settings that say whom an account accepts.

Law: a value that Kerberos may use is found. Sections and the order of settings are not looked at, so there may be more. Source:
krb5.conf(5), and prof_parse.c of MIT Kerberos for what is blank, quoted or final.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from jitd_inspection.standing.scene import Scene

START, ALSO = "/etc/krb5.conf", "/etc/krb5.conf.d"
MOST_FILES = 200
INCLUDES = re.compile(r"^(include|includedir)[ \t\f\v\r]+([^\n]*)", re.M)
MODULE = re.compile(r"\A\s*module[ \t\f\v\r]+([^\n]*)")
RELATION = re.compile(r"^[ \t\f\v\r]*([^\s=*#;\[]+)(?:\*[^\s=]*)?[ \t\f\v\r]*=[ \t\f\v\r]*([^\n]*)", re.M)
"""A setting and its value. A star after its name says that no other file changes it."""
QUOTED = re.compile(r"\"((?:\\.|[^\"\\])*)")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of Kerberos: each with its file, its name and its value."""

    found: tuple[tuple[str, str, str], ...]

    def values(self, name: str) -> list[str]:
        """Return each value that ``name`` may have."""
        return list(dict.fromkeys(value for _, other, value in self.found if other == name))

    def naming(self, *names: str) -> list[str]:
        """Return the files that set one of ``names``."""
        return list(dict.fromkeys(path for path, name, _ in self.found if name in names))


def read(scene: Scene) -> tuple[Settings, list[str]]:
    """Return the settings, and sentences about what could not be read."""
    found: list[tuple[str, str, str]] = []
    unseen: list[str] = []
    ahead = [START, *_below(ALSO, scene)]
    for path in ahead:  # grows
        source = scene.read(path)
        if isinstance(source, str):
            unseen.append(source)
        if not isinstance(source, bytes):
            continue
        text = source.decode("utf-8", "replace")
        if module := MODULE.match(text):
            unseen.append(f"{path}: the settings of the module {module[1].strip()} were not judged")
        for word, name in INCLUDES.findall(text):
            more = [name.strip()] if word == "include" else _below(name.strip(), scene)
            ahead += [one for one in more if one not in ahead]
        found += [(path, name, _value(said)) for name, said in RELATION.findall(text)]
        if len(ahead) > MOST_FILES:
            unseen.append(f"{START} includes more than {MOST_FILES} files, and the others were not judged")
            break
    return Settings(tuple(found)), unseen


def _below(directory: str, scene: Scene) -> list[str]:
    try:
        return [f"{directory}/{name}" for name in scene.names(directory)]
    except OSError:
        return [directory]  # which cannot be read as a file, and is named


def _value(said: str) -> str:
    quoted = QUOTED.match(said)
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else said.strip()
