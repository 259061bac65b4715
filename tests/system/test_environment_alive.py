# SPDX-License-Identifier: Apache-2.0
"""The environment through the whole path: by the caller's own, by ``-E``, by ``--preserve-env`` and typed (THREATS X-09, R-14).

Law: what is asserted is what the command itself saw in /proc/self/environ.
"""

from __future__ import annotations

import subprocess

import pytest

from tests.core.test_environment import DELETED_BY_SUDO, KEPT_BY_SUDO, OURS
from tests.marks import full
from tests.system.conftest import House, house_with

FOREIGN = [*DELETED_BY_SUDO, *KEPT_BY_SUDO]
HARMLESS_VALUE = {"LD_DEBUG": "", "KRB5_CONFIG": "/etc/krb5.conf", "KRB5CCNAME": "FILE:/tmp/krb5cc_4001", "GCONV_PATH": ""}
"""What lets the client itself still work."""
SHOW = ("/usr/bin/cat", "/proc/self/environ")
RULES = """
[[permit]]
name = "plain"
who = ["group:dba"]
commands = [["/usr/bin/cat", "/proc/self/environ"], ["/usr/bin/true"]]

[[permit]]
name = "listed"
who = ["group:dba"]
commands = [["/bin/cat", "**"], ["/usr/bin/env", "-0"]]
run = {{ env = [{names}] }}

[[permit]]
name = "asks"
who = ["group:dba"]
commands = [["/usr/bin/printenv", "**"]]
run = {{ env = ["PGDATA", "LD_PRELOAD", "TAR_*"] }}
approvals = [{{ need = 1, from = ["group:ops"] }}]
"""


listing = house_with(RULES.format(names=", ".join(f'"{name}"' for name in FOREIGN)))


def value_of(name: str) -> str:
    return HARMLESS_VALUE.get(name, f"evil-{name}")


def variables(text: str) -> dict[str, str]:
    words = [word.partition("=") for word in text.split("\0") if word]
    assert len({name for name, _, _ in words}) == len(words), text
    return {name: value for name, _, value in words}


def caller(*names: str) -> list[str]:
    """``env`` with each of ``names`` set, in front of a client."""
    return ["env", *(f"{name}={value_of(name)}" for name in names)]


# LD_* and the like would change the client: these are brought by ``-E`` one at a time, or not at all.
DISTURBING = {"LD_PRELOAD", "LD_AUDIT", "LD_DEBUG", "LD_LIBRARY_PATH", "LD_X", "KRB5_CONFIG"}
CALM = [name for name in FOREIGN if name not in DISTURBING]


def test_nothing_of_the_callers_own_environment_arrives(listing: House) -> None:
    """THREATS X-09."""
    done = listing.run("alice", *caller(*CALM, *OURS, "MY_OWN"), "jitsudo", *SHOW)
    assert done.returncode == 0, done.stderr
    told = variables(done.stdout)
    assert set(told) == {"HOME", "USER", "LOGNAME", "SHELL", "MAIL", "PATH", "TERM", "LANG", *OURS}
    assert not any("evil" in value for value in told.values())


def test_the_whole_environment_is_offered_and_a_rule_without_a_word_takes_nothing_of_it(listing: House) -> None:
    done = listing.run("alice", *caller(*CALM, *OURS), "jitsudo", "-E", *SHOW)
    assert done.returncode == 0, done.stderr
    told = variables(done.stdout)
    assert not set(told) & set(FOREIGN) and not any("evil" in value for value in told.values())
    assert told["SUDO_USER"] == "alice" and told["JITSUDO_PRINCIPAL"] == "alice@EXAMPLE.TEST"


def test_the_whole_environment_is_offered_and_a_rule_takes_what_it_names(listing: House) -> None:
    done = listing.run("alice", *caller(*CALM, "MY_OWN", *OURS), "jitsudo", "-E", "/usr/bin/env", "-0")
    assert done.returncode == 0, done.stderr
    told = variables(done.stdout)
    assert {name: told[name] for name in CALM} == {name: value_of(name) for name in CALM}
    assert "MY_OWN" not in told and told["SUDO_USER"] == "alice"


REPRESENTATIVES = (
    "LD_PRELOAD", "LD_DEBUG", "BASH_ENV", "PYTHONPATH", "_RLD_LIST", "GIT_CONFIG_KEY_0", "KRB5CCNAME", "DISPLAY", "IFS", "PS1",
)  # fmt: skip
"""One of each kind: what changes the client itself, what begins with an underscore, what ends with a number, what sudo keeps."""
every_name_once = [
    name
    if name in REPRESENTATIVES
    else pytest.param(
        name, marks=full("every day, the test uses one name of each kind, and tests/core/test_environment.py tests every name")
    )
    for name in FOREIGN
]


@pytest.mark.parametrize("name", every_name_once)
def test_typed_or_named_it_is_denied_unless_the_rule_names_it(listing: House, name: str) -> None:
    """THREATS R-14."""
    typed = listing.sudo("alice", f"{name}={value_of(name)}", "/usr/bin/true")
    assert typed.returncode == 121 and name in typed.stderr, typed.stderr
    if name not in DISTURBING:
        named = listing.run("alice", *caller(name), "jitsudo", f"--preserve-env={name}", "/usr/bin/true")
        assert named.returncode == 121 and name in named.stderr, named.stderr
    if not name.startswith("LD_"):
        done = listing.sudo("alice", f"{name}={value_of(name)}", "/usr/bin/env", "-0")
        assert done.returncode == 0 and variables(done.stdout)[name] == value_of(name), done.stderr


def test_all_that_a_rule_names_may_be_typed_at_once(listing: House) -> None:
    names = [name for name in FOREIGN if not name.startswith("LD_")]
    done = listing.sudo("alice", *(f"{name}={value_of(name)}" for name in names), "/usr/bin/env", "-0")
    assert done.returncode == 0, done.stderr
    told = variables(done.stdout)
    assert {name: told[name] for name in names} == {name: value_of(name) for name in names}


@pytest.mark.parametrize("name", OURS)
def test_who_asked_cannot_be_forged(listing: House, name: str) -> None:
    """THREATS X-09."""
    typed = listing.sudo("alice", f"{name}=root", "/usr/bin/env", "-0")
    assert typed.returncode == 120 and "set by jitd itself" in typed.stderr
    named = listing.run("alice", *caller(name), "jitsudo", f"--preserve-env={name}", "/usr/bin/env", "-0")
    assert named.returncode == 120 or "evil" not in named.stdout
    around = listing.run("alice", *caller(name), "jitsudo", "-E", "/usr/bin/env", "-0")
    assert around.returncode == 0 and "evil" not in variables(around.stdout)[name]


def test_the_approver_sees_what_was_typed_and_what_came_along(listing: House) -> None:
    asking = listing.ask(
        "alice", "PGDATA=/srv/pg", "LD_PRELOAD=/no/such.so", "TZ=Asia/Tokyo", "/usr/bin/printenv", "PGDATA", "TZ"
    )
    row = listing.show(asking.id)
    assert row["variables"] == [["PGDATA", "/srv/pg"], ["LD_PRELOAD", "/no/such.so"]], row
    assert ["TZ", "Asia/Tokyo"] in row["locale"]
    page = listing.jitd("show", asking.id).stdout
    assert "PGDATA=/srv/pg" in page.replace(" = ", "=") and "LD_PRELOAD" in page, page
    other = listing.ask("alice", "PGDATA=/srv/pg2", "/usr/bin/printenv", "PGDATA", "TZ")
    assert listing.show(other.id)["fingerprint"] != row["fingerprint"]
    listing.approved(asking.id)
    assert asking.end() == 0
    assert asking.out == "/srv/pg\nAsia/Tokyo\n"
    listing.deny(other.id)
    assert other.end() == 122


def test_root_who_asks_nobody_forges_nothing_either(listing: House) -> None:
    done = subprocess.run(
        ["env", *caller(*CALM, *OURS)[1:], f"JITD_SOCKET={listing.socket}", "jitsudo", *SHOW],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = variables(done.stdout)
    assert not set(told) & set(FOREIGN) and told["SUDO_USER"] == "root"


@pytest.mark.parametrize(
    ("typed", "lets_in"), [("TAR_OPTIONS=--to-command=/home/alice/x", True), ("LD_PRELOAD=", True), ("PGDATA=/x", False)]
)
def test_a_variable_that_lets_code_in_is_graded_on_the_page(listing: House, typed: str, lets_in: bool) -> None:
    """THREATS X-24: beside its value, which the approver also sees."""
    asking = listing.ask("alice", typed, "/usr/bin/printenv", "x")
    row, page = listing.show(asking.id), listing.jitd("show", asking.id, who="bob").stdout
    told = f"the variable {typed.partition('=')[0]} can load or start other code"
    assert (told in page) is (told in {one["what"] for one in row["findings"]}) is (row["grade"] == "gives") is lets_in
    listing.deny(asking.id)
    assert asking.end() == 122
