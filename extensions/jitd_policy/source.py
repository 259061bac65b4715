# SPDX-License-Identifier: Apache-2.0
"""The rules and the tables that are tried: those of this host, or those below a directory that was copied from anywhere.

Owners and modes are not looked at, and neither is what rules name outside of themselves: ``jitd check`` does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from jitd.core.policy import Policy
from jitd.core.policy_text import PolicyText
from jitd.core.toml_document import ConfigError, Fault
from jitd.policy_tables import place_beside
from jitd.settings import config, policyfile
from jitd.settings.config import Config
from jitd_policy.cases import Case, read


@dataclass(frozen=True, slots=True)
class Source:
    """Settings, rules and cases. ``place`` is the directory of the tables."""

    config: Config
    policy: Policy
    cases: tuple[Case, ...]
    place: Path


def read_source(directory: Path | None, instead: Mapping[str, Path]) -> Source:
    """Read ``policy.d``, ``policy.test`` and ``jitd.toml`` below ``directory``, or what this host has. Files of ``instead`` take
    the place of those of the same names. Raises ConfigError with all faults.
    """
    faults: list[Fault] = []
    try:
        settings = config.load() if directory is None else _settings(directory)
    except ConfigError as error:
        faults += error.faults
        settings = Config(realms=frozenset(), host="")
    rules_at = settings.policy if directory is None else directory / "policy.d"
    policy, of_rules = _policy(rules_at, instead, settings)
    if not faults:  # else each name that only jitd.toml makes known would seem to be wrong
        faults += of_rules
    cases, of_tables = read_tables(place_beside(rules_at), settings)
    if faults or of_tables:
        raise ConfigError((*faults, *of_tables))
    return Source(settings, policy, cases, place_beside(rules_at))


def read_tables(place: Path, settings: Config) -> tuple[tuple[Case, ...], list[Fault]]:
    """Return the cases of the tables in ``place``, and all faults."""
    try:
        files = _files(place)
    except FileNotFoundError:
        return (), []
    except OSError as error:
        return (), [Fault(str(place), 0, "", f"cannot be read: {error.strerror}")]
    cases, faults = read(files, settings.names, settings.naming)
    return tuple(cases), faults


def _settings(directory: Path) -> Config:
    file = directory / "jitd.toml"
    return config.read(file) if file.exists() else Config(realms=frozenset(), host="")


def _files(place: Path) -> list[Path]:
    """Return the files that a directory of the policy or of tables has, in their order. Raises OSError."""
    names = sorted(name for name in os.listdir(place) if name.endswith(".toml") and not name.startswith("."))
    return [place / name for name in names]


def _policy(place: Path, instead: Mapping[str, Path], settings: Config) -> tuple[Policy, list[Fault]]:
    contents: list[tuple[bytes, bytes]] = []
    files: dict[str, Path] = {}
    faults: list[Fault] = []
    try:
        files = {file.name: file for file in _files(place)}
    except OSError as error:
        faults.append(Fault(str(place), 0, "", f"cannot be read: {error.strerror}"))
    files |= instead
    for name in sorted(files):
        try:
            contents.append((os.fsencode(name), files[name].read_bytes()))
        except OSError as error:
            faults.append(Fault(str(files[name]), 0, "", f"cannot be read: {error.strerror}"))
    text = PolicyText.of(contents, settings.approvals.signed)
    rules, of_rules = policyfile.read_again(text, settings.names, settings.naming)
    faults += [replace(one, file=str(files[one.file])) for one in of_rules]
    return Policy(tuple(rules), settings.root, text.digest, text), faults
