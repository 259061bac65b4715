# SPDX-License-Identifier: Apache-2.0
"""Which helpers the settings need, and which of them nobody can reach. With systemd, root enables the socket of each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jitd.beside.helpers import GIVERS, OUTSIDE, PROGRAMS, PROGRAMS_NET, Helper
from jitd.givers.program import ProgramGiver
from jitd.givers.vault import Vault
from jitd.notifying.program import ProgramSettings
from jitd.notifying.terminals import TerminalsSettings
from jitd.settings.config import Config
from jitd.settings.outsiders import Program, Reach


def needed(config: Config) -> dict[Helper, str]:
    """Map each helper that ``config`` needs to what needs it first, such as ``sink central``."""
    found: dict[Helper, str] = {}
    for helper, name in _each(config):
        found.setdefault(helper, name)
    if config.outside != OUTSIDE.socket:
        found.pop(OUTSIDE, None)  # an administrator has it listen elsewhere
    return found


def unreachable(config: Config, listens: Callable[[Helper], bool] = lambda helper: helper.listens) -> list[str]:
    """Return a sentence with a command for each helper that ``config`` needs and that does not listen."""
    return [
        f"{name} needs {helper.process}, which does not listen: {helper.enable}"
        for helper, name in needed(config).items()
        if not listens(helper)
    ]


def _each(config: Config) -> Iterator[tuple[Helper, str]]:
    for section in config.sections:
        yield from section.helpers()
    for name, channel in config.notify.channels.items():
        match channel:
            case TerminalsSettings():
                pass  # jitd.service itself starts jitd-terminals
            case ProgramSettings():
                yield _by(channel.program), f"channel {name}"
            case _:
                yield OUTSIDE, f"channel {name}"
    for provider in config.providers.values():
        yield _by(provider.by), f"provider {provider.name}"
    for gatekeeper in config.gatekeepers.values():
        yield _by(gatekeeper.by), f"gatekeeper {gatekeeper.name}"
    for name, giver in config.givers.items():
        match giver:
            case ProgramGiver():
                yield _by(giver.give), f"{giver.KIND} {name}"
            case Vault():
                yield OUTSIDE, f"{giver.KIND} {name}"
            case _:
                yield GIVERS, f"{giver.KIND} {name}"


def _by(way: Reach | Program) -> Helper:
    if isinstance(way, Reach):
        return OUTSIDE
    return PROGRAMS_NET if way.network else PROGRAMS
