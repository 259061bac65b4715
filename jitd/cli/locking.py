# SPDX-License-Identifier: Apache-2.0
"""The verbs ``lock`` and ``unlock``. Law: the caller must always name the people to lock or unlock. The verbs never guess a
name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from jitd.cli import far
from jitd.cli.everywhere import everywhere
from jitd.cli.ids import whole_id
from jitd.core.duration import read_duration
from jitpam.wire.messages import Lock, Unlock

_REASON = "Why: told to the people it concerns, and recorded."


def _on_whom(user: str, principal: str, everybody: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds the options --user, --principal and --all, with these texts, to a verb."""

    def added(verb: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option("--all", "everybody", is_flag=True, help=everybody),
            click.option("--principal", metavar="PRINCIPAL", help=principal),
            click.option("--user", metavar="NAME", help=user),
        ):
            verb = option(verb)
        return verb

    return added


def _whom(user: str | None, principal: str | None, everybody: bool) -> tuple[str, str] | None:
    given = [("user", user)] * (user is not None) + [("principal", principal)] * (principal is not None)
    given += [("all", "")] * everybody
    if len(given) > 1:
        raise click.UsageError("name only one of --user, --principal and --all")
    return (given[0][0], given[0][1] or "") if given else None


def duration_typed(context: click.Context, option: click.Parameter, value: Any) -> int | None:
    """Return the duration that was typed for ``option`` in seconds, or None if none was. Raises BadParameter."""
    if value is None:
        return None
    seconds = read_duration(value)
    if seconds is None:
        raise click.BadParameter("must be a duration such as 90s, 15m, 1h30m or 7d")
    return seconds


@click.command()
@_on_whom(
    "An account, and all other accounts of the same person.",
    "A principal, and all accounts of the same person.",
    "Everybody but local root without a ticket.",
)
@click.option(
    "--for", "lasts_for", metavar="DURATION", callback=duration_typed, help="How long it lasts; by default until unlock."
)
@click.option("--reason", default="", help=_REASON)
@click.option("--until-done", "is_until_done", is_flag=True, help="With --hosts: go on trying hosts that do not answer.")
def lock(
    *, user: str | None, principal: str | None, everybody: bool, lasts_for: int | None, reason: str, is_until_done: bool
) -> None:
    """Lock somebody: permit nothing new to them, and end their requests, grants and runs. Return when everything has ended."""
    if is_until_done and far.many() is None:
        raise click.UsageError("--until-done is for many hosts: jitd --hosts HOSTS lock --until-done …")
    on = _whom(user, principal, everybody)
    if on is None or (on[0] != "all" and not on[1]):
        raise click.UsageError("name one of --user, --principal and --all")
    with everywhere() as hosts:
        hosts.do(Lock(whom=on[0], name=on[1], lasts_for=lasts_for, reason=reason), "locked", is_until_done=is_until_done)


@click.command()
@click.argument("id", required=False)
@_on_whom("All locks on this account.", "All locks on this principal.", "All locks on everybody, and no others.")
@click.option("--reason", default="", help=_REASON)
def unlock(id: str | None, *, user: str | None, principal: str | None, everybody: bool, reason: str) -> None:
    """Lift a lock, or all locks on one name."""
    on = _whom(user, principal, everybody)
    if (id is None) == (on is None):
        raise click.UsageError("name either the ID of a lock, or one of --user, --principal and --all")
    whom, name = on or (None, None)
    id = None if id is None else whole_id("unlock", id)
    with everywhere() as hosts:
        hosts.do(Unlock(id=id, whom=whom, name=name, reason=reason), "unlocked")
