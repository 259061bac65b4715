# SPDX-License-Identifier: Apache-2.0
"""Several grants can give the same thing to a person. When one of these grants has ended, this module finds out which of the
others still give the thing.

Law: a person learns the id of another grant only if they may see its request. But everybody who ends a grant learns whether
another grant still gives the same thing. Otherwise they would believe that nobody has the thing any more.
"""

from __future__ import annotations

from collections.abc import Callable

from jitd.core.holding import Holding, HoldingState
from jitd.core.request import Request
from jitd.core.thing import is_service_ticket
from jitd.settings.giver_words import kind_of
from jitd.store import Store
from jitd.verbs.rows import on_host
from jitpam.wire.shown import shown


def still_given(store: Store, one: Holding, may_see: Callable[[Request], bool]) -> str:
    """Return which other grants give the holding's thing to its account, such as "the grant ID gives it too, until TIME", or "".
    ``may_see`` says of a request whether its grant may be named. Raises StoreError.
    """
    ended = store.grant(one.grant)
    others = [
        other
        for other in store.holdings()
        if other.thing == one.thing
        and other.grant != one.grant
        and other.state is not HoldingState.TAKING
        and ended is not None
        and (grant := store.grant(other.grant)) is not None
        and grant.holder.uid == ended.holder.uid
    ]
    told = []
    for other in others:
        asked = store.request(other.request)
        name = f"the grant {other.grant}" if asked is not None and may_see(asked) else "another grant, which you may not see,"
        told.append(f"{name} gives it too, until {on_host(other.until)}")
    return ", and ".join(dict.fromkeys(told))


def ended_or_stays(one: Holding, still: str) -> str:
    """Say of the ended holding ``one`` whether its thing was taken back or stays (``still_given``)."""
    thing = shown(one.thing)
    if not still:
        return f"{thing} is taken back"
    if kind_of(one.thing).IS_ONE_FOR_ALL or is_service_ticket(one.thing):
        return f"{thing} stays: {still}"
    return f"{thing} of this grant is taken back, but {still}"
