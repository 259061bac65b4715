# SPDX-License-Identifier: Apache-2.0
"""Which helpers the settings need, and which of them nobody can reach. With systemd, root enables the socket of each once."""

from __future__ import annotations

from collections.abc import Callable

from jitd.beside.processes import Helper
from jitd.settings.config import Config


def needed(config: Config) -> dict[Helper, str]:
    """Map each helper that ``config`` needs to what needs it first, such as ``sink central``."""
    found: dict[Helper, str] = {}
    for section in config.sections:
        for helper, name in section.helpers():
            found.setdefault(helper, name)
    moved = {helper for section in config.sections for helper in section.moved}
    return {helper: name for helper, name in found.items() if helper not in moved}


def unreachable(config: Config, listens: Callable[[Helper], bool] = lambda helper: helper.listens) -> list[str]:
    """Return a sentence with a command for each helper that ``config`` needs and that does not listen."""
    return [
        f"{name} needs {helper.process}, which does not listen: {helper.enable}"
        for helper, name in needed(config).items()
        if not listens(helper)
    ]
