# SPDX-License-Identifier: Apache-2.0
"""Every key of jitd.toml and of a rule stands in its manual page, with its default; and the pages' examples can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jitd.core.names import MOST_ELEMENTS, NAMES
from jitd.core.policy import Rule
from jitd.expressions.compiling import MOST_BYTES
from jitd.settings import config, policyfile
from jitd_outsiders import channels
from jitd_outsiders.asking import settings as outsiders
from jitd_sinks import settings as sinks
from jitd_things import settings as givers

TREE = Path(__file__).resolve().parents[2]
PAGES = {name: (TREE / "docs/man" / name).read_text() for name in ("jitd.toml.5", "jitd-policy.5")}


def items(page: str) -> dict[str, str]:
    """The text under each ``.It Ic KEY`` of a page; a key that stands there twice has both texts."""
    found: dict[str, str] = {}
    for part in PAGES[page].split("\n.It Ic ")[1:]:
        key = part.split()[0]
        found[key] = found.get(key, "") + part
    return found


def marked(page: str) -> set[str]:
    """All that a page marks as a key."""
    return set(re.findall(r"\.Ic (\w+)", PAGES[page]))


def example(page: str) -> list[str]:
    return re.findall(r"^\.Bd -literal\n(.*?)^\.Ed$", PAGES[page], re.DOTALL | re.MULTILINE)


PLAIN = config.Config(frozenset(), "")
SETTINGS = {key: getattr(one, key) for one in (PLAIN, *PLAIN.sections) for key in config.KEYS if hasattr(one, key)}
WITHIN = {
    "limits": config.Limits(),
    "recordings": config.Recordings(),
    "record": config.KeptRecord(),
    "pam": config.Pam(),
    "door": config.Door(),
    "approvals": config.Approvals(),
}
LIMITS = {key: getattr(table, key) for table in WITHIN.values() for key in table.__dataclass_fields__}


def test_the_page_of_the_settings_has_every_one_and_no_other() -> None:
    of_outsiders = {key for keys in (*outsiders.KEYS.values(), *channels.KEYS.values()) for key in keys}
    of_givers = {key for keys in givers.KEYS.values() for key in keys}
    of_sinks = {key for keys in sinks.KEYS.values() for key in keys}
    assert SETTINGS.keys() == {*config.KEYS}
    assert set(items("jitd.toml.5")) == {
        *SETTINGS,
        *LIMITS,
        *of_outsiders,
        *of_givers,
        *of_sinks,
        *config.ACCOUNTS,
        *config.APPROVER,
        channels.DEFAULT,
    } - {*WITHIN}


def test_every_default_is_in_its_page() -> None:
    empty = {
        "realms",
        "host",
        "operators",
        "people",
        "principals",
        "executor",
        "trusted_mounts",
        "providers",
        "gatekeepers",
        "notify",
        "givers",
        "sinks",
        "auditors",
        "accounts",
        "approvers",
        "witnesses",
        "keep",  # of two tables: 400 days, and 8 files
        "listen",  # false, as the page spells it
    }
    defaults = {key: str(value) for key, value in {**SETTINGS, **LIMITS}.items() if key not in {*WITHIN, *empty}}
    assert defaults
    assert {key: default for key, default in defaults.items() if default not in items("jitd.toml.5")[key]} == {}


@pytest.mark.parametrize("table", ["approvals", "grant", "reason"])
def test_every_key_within_a_key_is_told_with_it(table: str) -> None:
    for key in policyfile.KEYS[table]:
        assert f".Ic {key}\n" in items("jitd-policy.5")[table] or f".Ic {key} ;\n" in items("jitd-policy.5")[table]


def test_the_page_of_the_rules_has_every_key_and_no_other() -> None:
    assert set(items("jitd-policy.5")) == {key for table in ("rule", "permit", "deny", "run") for key in policyfile.KEYS[table]}


def test_the_page_of_the_rules_says_which_lists_may_be_empty(tmp_path: Path) -> None:
    found = set()
    for table, key in [(one, key) for one in ("rule", "permit", "run") for key in policyfile.KEYS[one]]:
        keys = {"name": '"a"', "who": '["user:alice"]', "commands": '[["**"]]'}
        keys |= {"run": f"{{ {key} = [] }}"} if table == "run" else {key: "[]"}
        file = tmp_path / "a.toml"
        file.write_text("\n".join(("[[permit]]", *(f"{name} = {value}" for name, value in keys.items()))))
        found |= set() if policyfile.read([file])[1] else {key}
    told = re.search(r"The lists\n((?:.*\n)+?)may be empty; no other list may be empty\.\n", PAGES["jitd-policy.5"])
    assert told and set(re.findall(r"\b(?!Ic|and)\w+", told[1])) == found


def test_the_page_of_the_rules_has_every_name_of_an_expression_and_what_it_means() -> None:
    page = (TREE / "docs/man/jitd-policy.5").read_text("utf-8").partition(".Sh EXPRESSIONS")[2].partition(".Sh HOURS")[0]
    told = re.findall(r"^\.It Sy (\S+) Pq (\w+), (\w+)\n(.+)\.$", page, re.MULTILINE)
    meant = [(name, of.type, of.source, of.meaning[:1].upper() + of.meaning[1:]) for name, of in NAMES.items()]
    assert told == meant
    assert f"at most {MOST_BYTES} bytes" in page and f"more than {MOST_ELEMENTS} members" in page


def test_the_defaults_of_a_permit_are_in_its_page() -> None:
    plain = Rule("permit", "p")
    assert (plain.expires_for, plain.lasts_for, plain.uses) == (900, 900, 1)
    assert "Default: 15m" in items("jitd-policy.5")["expires"]
    assert "Defaults: 15m and 1." in items("jitd-policy.5")["grant"]
    assert plain.terms.timeout_for is None and "Default: never" in items("jitd-policy.5")["timeout"]
    assert plain.terms.cwd == "caller" and "Default:\n.Qq caller" in items("jitd-policy.5")["cwd"]
    assert plain.terms.env == () and "Default: none" in items("jitd-policy.5")["env"]
    assert not plain.terms.writable and "Default:\n.Qq refuse" in items("jitd-policy.5")["writable"]
    assert plain.terms.stdin == "any" and "Default:\n.Qq any" in items("jitd-policy.5")["stdin"]
    assert plain.terms.leftovers == "end" and "Default:\n.Qq end" in items("jitd-policy.5")["leftovers"]


def test_the_examples_of_the_pages_are_whole(tmp_path: Path) -> None:
    of_settings, of_rules = example("jitd.toml.5"), example("jitd-policy.5")
    assert len(of_settings) == 2 and len(of_rules) == 4
    for number, text in enumerate([*of_settings, *of_rules]):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        assert (config.check(file) if text in of_settings else policyfile.read([file])[1]) == [], text


def test_the_rule_by_which_the_five_ideas_are_explained_is_one(tmp_path: Path) -> None:
    (rule,) = re.findall(
        r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", (TREE / "docs/man/jitsudo.7").read_text(), re.DOTALL | re.MULTILINE
    )
    file = tmp_path / "rule.toml"
    file.write_text(rule)
    rules, faults = policyfile.read([file])
    assert [one.name for one in rules] == ["restart-postgres"] and faults == []
