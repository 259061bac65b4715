# SPDX-License-Identifier: Apache-2.0
"""The keys ``approvals``, ``expires`` and ``standing`` of a permit: who has to approve, in which ways, and within which time.

Law: an approval that could never be given is a fault. An example is a way of approval that opens only after the request has
expired. Another example is a list of approvers that no provider supplies. It is also a fault if all ways in ``any_of`` are closed
at first, or if the approvals have too many combinations of ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from jitd.core.decision import MOST_COMBINATIONS, Approval, n_combinations, raised
from jitd.core.duration import duration_in_words, spell_duration
from jitd.core.keys.demand import TICKETS, read_demand
from jitd.core.keys.key import Fields, NoCondition, Part, Stated, Verdict, World
from jitd.core.keys.ticket import ONLY_A_TICKET, is_optional
from jitd.core.names import Name
from jitd.core.receipt import LEVELS, in_toml
from jitd.core.toml_table import Table, quoted
from jitd.core.wording import all_of, count, listed

MOST_NEEDED = 100  # approvals that a rule may require from one group
MOST_WAYS = 8  # ways in one `any_of`
WAY = ("need", "from", "also", *TICKETS, "signed", "door")
OF_APPROVAL = (*WAY, "any_of", "after")  # of an approval. `after` is only for those inside `any_of`
EXAMPLE = '[{ need = 1, from = ["group:ops"] }]'


@dataclass(frozen=True, kw_only=True)
class WithApprovals(Stated):
    """A request of this rule expires after ``expires_for`` seconds. For ``standing`` and ``signed`` see Obligations."""

    approvals: tuple[Approval, ...] = ()
    expires_for: int = 15 * 60
    standing: str = "use"
    signed: str = ""


class _Approvals(NoCondition[WithApprovals]):
    names = ("approvals", "expires", "standing")
    of = "permit"
    within = {"approvals": OF_APPROVAL}

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        return {
            "approvals": raised(_approvals(table, world.names, world.naming.read_who), world.signed),
            "expires_for": table.duration("expires", 15 * 60),
            "standing": table.text("standing", "use", ("use", "review")),
            "signed": world.signed,
        }

    def phrases(self, rule: WithApprovals) -> Iterator[tuple[Part, str]]:
        if rule.approvals:
            comma = "," if any(approval.instead for approval in rule.approvals) else ""
            yield Part.BEFORE, f"after {describe_approvals(rule.approvals)}{comma} within {duration_in_words(rule.expires_for)}"


def _approvals(table: Table, names: Mapping[str, Name], read_who: Callable[[str], str]) -> tuple[Approval, ...]:
    """``names`` are the facts of providers, and ``read_who`` reads a word of ``from``. Faults are added to ``table``."""
    if table.values.get("approvals") == []:
        table.fault('"approvals" is empty: say who approves, or leave it out to permit at once', "approvals")
    found = [_approval(table, inner, names, read_who) for inner in table.tables("approvals", f"a list such as {EXAMPLE}")]
    if n_combinations(found) > MOST_COMBINATIONS:
        table.fault(f'"approvals" has more than {MOST_COMBINATIONS} combinations of ways: leave some out', "approvals")
    return tuple(found)


def _approval(rule: Table, table: Table, names: Mapping[str, Name], read_who: Callable[[str], str]) -> Approval:
    if "any_of" not in table.values:
        table.known(WAY, ("after",), 'belongs in a way of "any_of": the only way of approval must be open from the start')
        return _way(rule, table, names, read_who)
    table.known(("any_of",), OF_APPROVAL, 'belongs in a way of "any_of", not beside "any_of"')
    ways = table.tables("any_of", f"a list such as {EXAMPLE}")
    for way in ways:
        way.known((*WAY, "after"), ("any_of",), 'cannot be inside another "any_of"')
    found = sorted((_way(rule, way, names, read_who) for way in ways), key=lambda way: way.after)
    if not 2 <= len(found) <= MOST_WAYS:
        table.fault(f'"any_of" needs 2 to {MOST_WAYS} ways', "any_of")
    elif found[0].after:
        table.fault('each way of "any_of" has "after": at least one way must have no "after"', "any_of")
    return replace(found[0], after=0, instead=tuple(found[1:])) if found else Approval(1, ())


def _way(rule: Table, table: Table, names: Mapping[str, Name], read_who: Callable[[str], str]) -> Approval:
    table.needs("need", "from")
    need, of_whom = table.number("need", 1, 1, MOST_NEEDED), table.words("from", (), read_who)
    demand = replace(read_demand(table), door=table.flag("door"), signed=read_signed(table))
    also = _also(rule, table, names)
    return Approval(need, of_whom, demand, after=_after(rule, table), also=also)


def read_signed(table: Table) -> str:
    """Return what a receipt has to prove by ``signed`` in ``table``, one of LEVELS. A value with a fault demands the most."""
    value = table.values.get("signed", False)
    if isinstance(value, bool):
        return LEVELS[1] if value else LEVELS[0]
    if value in LEVELS[2:]:
        return str(value)
    table.fault(f'"signed" must be {listed(tuple(map(in_toml, LEVELS[1:])), "or")}', "signed")
    return LEVELS[-1]


def _after(rule: Table, table: Table) -> int:
    """Return the number of seconds after which this way of approval opens. It must open before the request expires."""
    if "after" not in table.values:
        return 0
    after = table.duration("after", 1)
    expires = Table(rule.document, rule.place, rule.values, [], rule.rule).duration("expires", 15 * 60)
    if after >= expires:
        table.fault(f'"after" must be shorter than "expires" of the rule, which is {spell_duration(expires)}', "after")
    return after


def _also(rule: Table, table: Table, names: Mapping[str, Name]) -> str:
    """As ``PROVIDER:FACT``, or an empty text."""
    if "also" not in table.values:
        return ""
    also = table.text("also", "")
    provider, colon, fact = also.partition(":")
    known = names.get(f"fact.{fact}")
    if not (provider and colon and fact):
        table.fault('"also" must name a provider and a list of this provider, such as "oncall:dba"', "also")
    elif known is None or known.source != f"provider {provider}":
        table.fault(f'"also": jitd.toml sets up no provider {quoted(provider)} with the fact {quoted(fact)}', "also")
    elif known.type != "list":
        table.fault(f'"also": {quoted(fact)} is of type {known.type}, and not a list', "also")
    elif is_optional(rule):
        table.fault(f'"also": the provider is {ONLY_A_TICKET}', "also")
    else:
        return also
    return ""


def describe_approvals(approvals: tuple[Approval, ...]) -> str:
    """Return words such as ``2 approvals from group:ops and 1 from group:security``. Return ``no approval`` if none is owed.
    Alternative ways are described as in ``2 approvals from group:dba or, after 5 minutes, 1 from group:managers``.
    """
    parts = [" or ".join(_way_in_words(way) for way in approval.ways) for approval in approvals]
    parts = [part.replace(" or after ", " or, after ") for part in parts]
    if not parts:
        return "no approval"
    need, _, rest = parts[0].partition(" ")
    parts = [f"{count(int(need), 'approval')} {rest}", *parts[1:]]
    return all_of(tuple(parts), [bool(approval.instead) for approval in approvals])


def _way_in_words(way: Approval) -> str:
    said = f"{way.need} from {listed(way.of_whom, 'or')}"
    said += f" on {way.also}" if way.also else ""
    said += f" ({way.demand})" if str(way.demand) else ""
    return f"after {duration_in_words(way.after)}, {said}" if way.after else said


APPROVALS = _Approvals()
