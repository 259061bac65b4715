# SPDX-License-Identifier: Apache-2.0
"""The key ``break_glass`` of a permit: what it makes of the rule, and what contradicts it.

Law: a fault names its line and its rule; a policy with a fault is not loaded, so nobody is left without a reviewer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.core.decision import Approval, BreakGlass, Record
from jitd.core.keys.reason import Reason
from jitd.core.policy import describe
from jitd.core.toml_document import ConfigError
from jitd.settings import policyfile
from jitd_inspection.checking.order import about_order

ROOM = """\
[[permit]]
name = "restart"
who = ["group:dba"]
commands = [["/usr/bin/systemctl", "restart", "postgresql"]]
approvals = [{ need = 1, from = ["group:ops"] }, { need = 2, from = ["group:security"] }]
[[permit]]
name = "free"
who = ["group:dba"]
commands = [["/usr/bin/uptime"]]
[[deny]]
name = "freeze"
who = ["group:guests"]
"""
GLASS = """\
[[permit]]
name = "glass"
who = ["group:dba"]
commands = [["/usr/bin/systemctl", "restart", "postgresql"]]
"""
KEY = 'break_glass = { instead_of = "restart", review = "24h", open = 5 }\n'


def load(tmp_path: Path, text: str):
    (tmp_path / "a.toml").write_text(text, "utf-8")
    return policyfile.load(tmp_path, root="permit", owner=tmp_path.stat().st_uid)


def test_it_skips_the_approvals_of_its_rule_wants_a_reason_and_records_all(tmp_path: Path) -> None:
    for text in (ROOM + GLASS + KEY, GLASS + KEY + ROOM):  # the order of the rules does not matter
        (rule,) = (one for one in load(tmp_path, text).rules if one.name == "glass")
        skipped = (Approval(1, ("group:ops",)), Approval(2, ("group:security",)))
        assert rule.break_glass == BreakGlass("restart", skipped, 24 * 3600, 5)
        assert rule.obligations.break_glass == rule.break_glass and rule.approvals == ()
        assert rule.reason == Reason() and rule.terms.record == Record("all") and rule.needs_ticket
        assert "by --break-glass, instead of rule restart" in describe(rule) and "reviewed within 1 day" in describe(rule)


def test_what_the_rule_says_itself_is_kept(tmp_path: Path) -> None:
    more = 'reason = { pattern = "INC-[0-9]+" }\nrun = { record = "all", record_failure = "continue", timeout = "5m" }\n'
    (rule,) = (one for one in load(tmp_path, ROOM + GLASS + KEY + more).rules if one.name == "glass")
    assert rule.reason is not None and rule.reason.pattern is not None
    assert rule.terms.record == Record("all", failure="continue") and rule.terms.timeout_for == 300
    least = GLASS + 'break_glass = { instead_of = "restart", review = "15m" }\n'
    (rule,) = (one for one in load(tmp_path, ROOM + least).rules if one.name == "glass")
    assert rule.break_glass is not None and (rule.break_glass.open, rule.break_glass.review_for) == (1, 900)


MEANT = '; "instead_of" names a permit with approvals'
FAULTS: list[tuple[str, str]] = [
    ("break_glass = true", '"break_glass" must be a table'),
    ('break_glass = { review = "1h" }', 'needs "instead_of"'),
    ('break_glass = { instead_of = "restart" }', 'needs "review"'),
    ('break_glass = { instead_of = "restart", review = "1h", why = 1 }', 'unknown key "why"'),
    ('break_glass = { instead_of = "restart", review = "1h", open = 0 }', '"open" must be a whole number from 1 to 1000'),
    ('break_glass = { instead_of = "nobody", review = "1h" }', f'"break_glass": there is no rule "nobody"{MEANT}'),
    ('break_glass = { instead_of = "freeze", review = "1h" }', f'"break_glass": rule "freeze" is a deny{MEANT}'),
    (
        'break_glass = { instead_of = "free", review = "1h" }',
        f'"break_glass": rule "free" asks for no approval, so nobody could review{MEANT}',
    ),
    (
        'break_glass = { instead_of = "glass", review = "1h" }',
        f'"break_glass": rule "glass" asks for no approval, so nobody could review{MEANT}',
    ),
    (
        KEY + 'approvals = [{ need = 1, from = ["group:ops"] }]',
        '"approvals" does not go with "break_glass": nobody approves before glass is broken; '
        '"instead_of" names the rule whose approvals are skipped',
    ),
    (KEY + 'standing = "review"', '"standing" does not go with "break_glass": a rule that breaks glass has no approvals'),
    (
        KEY + 'gives = ["service-ticket:postgres/db1.example.org"]',
        '"gives" does not go with "break_glass": a thing that was given cannot be recorded, so nobody could review it',
    ),
    (KEY + 'services = ["jitsudo", "sudo"]', '"services" does not go with "break_glass": only jitsudo can break glass'),
    (
        KEY + 'ticket = "optional"',
        '"ticket" must be "required" with "break_glass": only a ticket proves who broke glass',
    ),
    (KEY + 'run = { record = "output" }', '"record" must be "all" with "break_glass": the reviewer needs the whole recording'),
    (KEY + 'run = { record = "none" }', '"record" must be "all" with "break_glass": the reviewer needs the whole recording'),
    (
        'break_glass = { instead_of = "restart", review = "14m" }',
        '"review" must not be shorter than the grant lasts (15m): nobody can review before the grant ends',
    ),
]


@pytest.mark.parametrize(("text", "sentence"), FAULTS, ids=[said[:60] for _, said in FAULTS])
def test_what_contradicts_it_is_a_fault(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, ROOM + GLASS + text + "\n")
    assert sentence in [fault.sentence for fault in refused.value.faults]
    assert {fault.rule for fault in refused.value.faults} == {"glass"}


def test_it_belongs_to_a_permit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='"break_glass" belongs to a permit'):
        load(tmp_path, ROOM + '[[deny]]\nname = "d"\n' + KEY)


def test_a_rule_is_not_said_to_shadow_one_that_is_asked_at_another_time(tmp_path: Path) -> None:
    twice = GLASS.replace('"glass"', '"again"') + KEY
    warned = [(one.name, one.rule) for one in about_order(load(tmp_path, ROOM + GLASS + KEY + twice).rules)]
    assert warned == [("shadowed", "again")], "the second one that breaks glass never decides, and the first one does"
