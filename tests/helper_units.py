# SPDX-License-Identifier: Apache-2.0
"""The unit of the helpers with its drop-ins, and what docs/processes.md says of them: for a law, and for a booted host."""

from __future__ import annotations

from pathlib import Path

from contrib.installed import HELPERS

TREE = Path(__file__).parents[1]
UNITS = TREE / "contrib/systemd"
TEMPLATE = UNITS / "jitd-helper@.service"
LISTS = {
    "AmbientCapabilities", "CapabilityBoundingSet", "DeviceAllow", "InaccessiblePaths", "LoadCredential", "LogsDirectory",
    "ReadOnlyPaths", "RestrictAddressFamilies", "SupplementaryGroups", "SystemCallFilter",
}  # fmt: skip
"""Settings that are added to by another line, and emptied by one without a value (systemd.exec(5))."""
NEW = "a new helper"
SEES = "sees of jitd's directories"

Settings = dict[str, list[str]]


def instance(helper: str) -> str:
    """The name of the instance: of a new helper, one that has no drop-in."""
    return "NAME" if helper == NEW else helper


def files(instance: str) -> list[Path]:
    """The unit of ``instance`` and its drop-ins, in the order in which systemd reads them."""
    return [TEMPLATE, *sorted((UNITS / f"jitd-helper@{instance}.service.d").glob("*.conf"))]


def settings(instance: str) -> Settings:
    """What the section Service of ``instance`` comes to. Each word of a list is a value of its own."""
    found: Settings = {}
    for file in files(instance):
        section = ""
        for line in file.read_text("utf-8").splitlines():
            if line.startswith("["):
                section = line
            elif section == "[Service]" and "=" in line and not line.startswith("#"):
                name, _, value = line.partition("=")
                value = value.replace("%i", instance)
                if name in LISTS and value:
                    found.setdefault(name, []).extend([value] if name == "DeviceAllow" else value.split())
                else:
                    found[name] = [value] if value else []
    return found


def hidden(found: Settings) -> set[str]:
    """The paths that a helper with these settings does not see."""
    return {path.removeprefix("-") for path in found["InaccessiblePaths"]}


def page() -> dict[str, dict[str, str]]:
    """Helper → setting → what docs/processes.md says. Where it says nothing of a helper, that is what it says of a new one."""
    text = (TREE / "docs/processes.md").read_text("utf-8")
    rows = text.partition("| setting of systemd | whose | is |\n")[2].partition("\n\n")[0].splitlines()[1:]
    said: dict[str, dict[str, str]] = {name: {} for name in (NEW, *HELPERS)}
    for row in rows:
        setting, whose, value = [cell.strip().strip("`") for cell in row.strip("|").split("|")]
        for name in whose.split(", "):
            assert setting not in said[name], row
            said[name][setting] = value
    for name in HELPERS:
        said[name] = {key: value.replace("NAME", name) for key, value in (said[NEW] | said[name]).items()}
    return said
