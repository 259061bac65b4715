# SPDX-License-Identifier: Apache-2.0
"""Reads settings from this host's sudoers and doas.conf. This module reads only settings that change the meaning of a command
line of sudo or doas. It also finds out whether another program than util-linux's su may have the PAM services of su.

Law: this module only reads files. If a setting cannot be read with certainty, the result contains a reason for doubt, or the most
dangerous value of the setting. Calls may block.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from jitd.hosts import sudoers as reader
from jitd.hosts.places import Places, Unreadable

SUDOERS, DOAS = "/etc/sudoers", "/etc/doas.conf"
SUDOERS_RS = "/etc/sudoers-rs"  # the file that sudo-rs reads in place of SUDOERS, if it is there
SU_RS = "/usr/lib/cargo/bin/su"
"""To which /usr/bin/su-rs of sudo-rs leads. Debian installs it without set-user-ID, so nobody but root can use it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``secure_paths`` contains each search path that sudoers sets, for everybody or only for some, and ``common_paths`` those
    for everybody. A setting that a later one replaces is included, because sudo-rs skips each line that it cannot parse.
    ``preserves_groups`` is True if somebody keeps their own groups. If it is not certain which command sudo would run, ``doubt``
    says why.
    """

    secure_paths: tuple[bytes, ...] = ()
    preserves_groups: bool = False
    doubt: str = ""
    common_paths: tuple[bytes, ...] = ()


NONE = Settings()


def sudoers(places: Places) -> Settings:
    """Return the settings of sudo. If a file cannot be read, the result contains ``doubt``, because the file may contain any
    setting. It also contains ``doubt`` if sudo and sudo-rs have files with different settings.
    """
    found = _settings(places, SUDOERS)
    try:
        is_alone = places.read(SUDOERS_RS) is None
    except Unreadable:
        is_alone = False
    if is_alone or found.doubt or _settings(places, SUDOERS_RS) == found:
        return found
    return Settings(doubt=f"{SUDOERS_RS} and {SUDOERS} have other settings, and it is not certain which of them counts")


def _settings(places: Places, path: str) -> Settings:
    try:
        source = places.read(path)
        found = reader.read(source, places.of_sudoers) if source is not None else None
    except Unreadable:
        return Settings(doubt="sudoers cannot be read, so another command than the typed one may run")
    if found is None:
        return NONE
    if found.faults:
        return Settings(doubt="a part of sudoers cannot be read, so another command than the typed one may run")
    if moving := found.moving():
        return Settings(doubt=f"sudoers sets {moving[0].name}, so another command than the typed one may run")
    paths = [setting.value for setting in found.settings if setting.name == "secure_path" and setting.value]
    of_some = {setting.value for setting in found.settings if setting.name == "secure_path" and (setting.bound_to or setting.tag)}
    preserves_groups = any(not setting.is_negated for setting in found.effective("preserve_groups"))
    common = _encoded(path for path in paths if path not in of_some)
    return Settings(_encoded(paths), preserves_groups, common_paths=common)


def _encoded(paths: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(path.encode("utf-8", "surrogateescape") for path in paths))


def su(places: Places) -> Settings:
    """Return the settings of su. The result contains ``doubt`` if root has made su-rs a set-user-ID program. su-rs has the PAM
    services of su, and reads some command lines differently.
    """
    if places.is_setuid(SU_RS):
        return Settings(doubt=f"su-rs ({SU_RS}) is set-user-ID, and it is not certain whether su or su-rs asks")
    return NONE


def doas_keeps_environment(places: Places) -> bool:
    """True if doas may pass variables of the person's environment to the command."""
    try:
        source = places.read(DOAS)
    except Unreadable:
        return True
    return source is not None and re.search(rb"\b(keepenv|setenv)\b", source.data) is not None
