# SPDX-License-Identifier: Apache-2.0
"""The verb ``mute``. Law: this verb mutes only the notices of the person who calls it."""

from __future__ import annotations

import click

from jitd.cli.answer import say
from jitd.cli.call import called
from jitd.cli.locking import duration_typed
from jitpam.wire.messages import Mute

BY_DEFAULT = 8 * 3600  # duration of a mute without the option --for, in seconds


@click.command()
@click.option("--for", "lasts_for", metavar="DURATION", callback=duration_typed, help="How long: 8h by default, 30d at most.")
@click.option("--off", "is_off", is_flag=True, help="Be told again.")
def mute(*, lasts_for: int | None, is_off: bool) -> None:
    """Stop notices about waiting requests for some time."""
    if is_off and lasts_for is not None:
        raise click.UsageError("give either --for or --off, and not both")
    with called() as daemon:
        say(daemon.do(Mute(lasts_for=None if is_off else lasts_for or BY_DEFAULT)) or "done")
