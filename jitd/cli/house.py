# SPDX-License-Identifier: Apache-2.0
"""The verbs about the daemon itself: ``serve``, ``check``, ``reload``. Law: ``check`` tells every fault, and needs no daemon."""

from __future__ import annotations

from pathlib import Path

import click

from jitd.cli.answer import answer, say
from jitd.cli.call import NotDone, called
from jitpam.wire.messages import Reload

FILE = Path("/etc/jitd/jitd.toml")
config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The settings, in place of {FILE}.",
)
"""Left out, it is FILE, which may then be missing: every setting has a default."""


@click.command()
@config_option
def serve(*, config: Path | None) -> int:
    """Be the daemon."""
    from jitd.daemon import serve as serve_until_told

    return serve_until_told(config)


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Read settings and policy, and tell every fault: of FILEs, or of what jitd would read."""
    from jitd import config, policyfile
    from jitd.core.document import ConfigError

    faults = []
    if files:
        settings = [file for file in files if config.is_settings(file)]
        for file in settings:
            faults += config.check(file)
        faults += policyfile.check([file for file in files if file not in settings])
        checked = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    else:
        loaded, checked = config.Config(realms=frozenset(), host=""), str(FILE)
        try:
            loaded = config.load()
        except ConfigError as error:  # the rules are read all the same, where they would be by default: all faults at once
            faults += error.faults
        try:
            count = len(policyfile.load(loaded.policy, root=loaded.root).rules)
            checked += f" and {loaded.policy}, {count} rule{'' if count == 1 else 's'}"
        except ConfigError as error:
            faults += error.faults
    for fault in faults:
        answer(str(fault))
    if faults:
        raise NotDone(f"{len(faults)} fault{'' if len(faults) == 1 else 's'}")
    answer(f"{checked}: no fault")


@click.command()
def reload() -> None:
    """Make the daemon read its policy again; a broken one changes nothing."""
    with called() as daemon:
        say(daemon.do(Reload()) or "the policy is read again")
