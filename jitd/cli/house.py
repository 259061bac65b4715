# SPDX-License-Identifier: Apache-2.0
"""The verbs about the daemon itself: ``serve``, ``check``, ``reload``. Law: ``check`` prints every fault, and needs no daemon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jitd.cli.answer import answer, say
from jitd.cli.call import NotDone, called
from jitpam.wire.messages import Reload
from jitpam.wire.shown import shown

if TYPE_CHECKING:
    from jitd.core.policy import Rule

FILE = Path("/etc/jitd/jitd.toml")
config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The settings, in place of {FILE}.",
)
"""The option ``--config``. Without it FILE is read. FILE may be missing, since every setting has a default."""


@click.command()
@config_option
def serve(*, config: Path | None) -> int:
    """Run the daemon, until it is told to end."""
    from jitd.daemon import serve as serve_until_told

    return serve_until_told(config)


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
def check(files: tuple[Path, ...]) -> None:
    """Read settings and policy, and print every fault: in FILEs, or in the files that jitd would read."""
    from jitd.settings import config, policyfile
    from jitd.settings.toml_document import ConfigError

    faults = []
    rules: Sequence[Rule] = ()
    if files:
        settings = [file for file in files if config.is_settings(file)]
        for file in settings:
            faults += config.check(file)
        rules, of_policy = policyfile.read([file for file in files if file not in settings])
        faults += of_policy
        checked = f"{len(files)} file{'' if len(files) == 1 else 's'}"
    else:
        loaded, checked = config.Config(realms=frozenset(), host=""), str(FILE)
        try:
            loaded = config.load()
        except ConfigError as error:  # then read the rules in the default directory, so that all faults are printed together
            faults += error.faults
        try:
            rules = policyfile.load(loaded.policy, root=loaded.root).rules
            count = len(rules)
            checked += f" and {loaded.policy}, {count} rule{'' if count == 1 else 's'}"
        except ConfigError as error:
            faults += error.faults
    for line in (*map(str, faults), *_about_groups(rules)):
        answer(line)
    if faults:
        raise NotDone(f"{len(faults)} fault{'' if len(faults) == 1 else 's'}")
    answer(f"{checked}: no fault")


def _about_groups(rules: Sequence[Rule]) -> Iterator[str]:
    """Yield a sentence for each group of a deny rule that does not exist or cannot be looked up. Neither is a fault."""
    from jitd.deciding import groups

    for rule in rules:
        for word in (rule.who or ()) if rule.verdict == "deny" else ():
            kind, _, name = word.partition(":")
            begins = f"{shown(rule.file)}:{rule.line}: rule {shown(rule.name)}: {shown(word)}"
            try:
                if kind == "group" and groups.named(name) is None:
                    yield f"{begins}: there is no such group here, so the rule denies nobody by it"
            except groups.CannotLookUp as fault:
                yield f"{begins}: {fault}; until it can be looked up, the rule denies everybody"


@click.command()
def reload() -> None:
    """Make the daemon read its policy again. A policy with a fault is refused, and changes nothing."""
    with called() as daemon:
        say(daemon.do(Reload()) or "the policy is read again")
