# SPDX-License-Identifier: Apache-2.0
"""People whose accounts are named as directories name them: ``jsmith@ad.example.test`` (SSSD), ``ADX\\jsmith`` (winbind). Their
tickets spell the principal with capitals. The KDC is MIT's, for which each spelling is a principal of its own.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jitpam.wire.shown import shown
from tests.attacks.raw import CACHES, kinit, principal
from tests.news import without_news
from tests.pam.programs import Gated
from tests.system.conftest import PATIENCE, REALM, House
from tests.waiting import wait_for

FORMS = {"sssd": "{name}@ad.example.test", "winbind": "ADX\\{name}"}
UIDS = {"jsmith": 4201, "kim": 4202, "jürgen": 4203}
SPELLINGS = ("JSmith", "jsmith", "kim", "jürgen")
LISTED = f'\n[principals]\n"bob@{REALM}" = "bob"\n"alice@{REALM}" = "alice"\n"dave@{REALM}" = "dave"\n'


def settings(form: str, fold: str = "true") -> str:
    listed = f"{LISTED}'jürgen@{REALM}' = '{account(form, 'jürgen')}'\n"
    return f"[accounts.'{REALM}']\nname = '{form}'\nfold = {fold}\n{listed}"


def account(form: str, name: str) -> str:
    return form.replace("{name}", name)


@pytest.fixture(scope="module", autouse=True)
def people() -> Iterator[None]:
    """The accounts of both forms (useradd allows no such names), and the principals."""
    kept = {file: Path(file).read_text() for file in ("/etc/passwd", "/etc/group", "/etc/shadow")}
    passwd, shadow, members = kept["/etc/passwd"], kept["/etc/shadow"], []
    for n, form in enumerate(FORMS.values()):
        for name, uid in UIDS.items():
            user = account(form, name)
            home = Path(f"/home/{uid + 10 * n}")
            home.mkdir(mode=0o700, exist_ok=True)
            os.chown(home, uid + 10 * n, uid + 10 * n)
            passwd += f"{user}:x:{uid + 10 * n}:{uid + 10 * n}::{home}:/bin/bash\n"
            shadow += f"{user}:*:19000:0:99999:7:::\n"
            members.append(user)
    groups = "".join(
        f"{line}{',' if line[-1] != ':' else ''}{','.join(members)}\n" if line.startswith(("dba:", "ops:")) else f"{line}\n"
        for line in kept["/etc/group"].splitlines()
    )
    for file, text in (("/etc/passwd", passwd), ("/etc/shadow", shadow), ("/etc/group", groups)):
        Path(file).write_text(text)
    for name in SPELLINGS:
        principal(name, "password")
        kinit(CACHES / f"directory-{name}", f"{name}@{REALM}", "password")
    yield
    for file, text in kept.items():
        Path(file).write_text(text)


As = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=FORMS.values(), ids=FORMS.keys())
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def as_(house: House, spelled: str, form: str, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run ``words`` with a ticket of ``spelled`` as the account that the folded name has."""
    user = pwd.getpwnam(account(form, spelled.lower()))
    cache = CACHES / f"of-{user.pw_uid}-{spelled}"
    cache.write_bytes((CACHES / f"directory-{spelled}").read_bytes())
    os.chown(cache, user.pw_uid, user.pw_gid)
    env = {"PATH": os.environ["PATH"], "JITD_SOCKET": str(house.socket), "KRB5CCNAME": f"FILE:{cache}", "LANG": "C.UTF-8"}
    line = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--", *words]
    more = {"stdin": subprocess.DEVNULL, "cwd": "/", "timeout": PATIENCE, **more}
    done = subprocess.run(line, env=env, capture_output=True, text=True, check=False, **more)
    done.stdout, done.stderr = without_news(done.stdout), without_news(done.stderr)
    return done


def submitted(house: House, spelled: str, form: str, *words: str) -> str:
    made = as_(house, spelled, form, "jitsudo", "--no-wait", *words)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def test_a_person_of_a_directory_asks_and_the_record_has_both_spellings(own_house, form: str) -> None:
    """THREATS K-24."""
    house = own_house(config=settings(form)).start()
    id = submitted(house, "JSmith", form, "printenv", "SUDO_USER", "JITSUDO_PRINCIPAL", "SUDO_UID")
    row = house.show(id)
    assert (row["requester"], row["account"]) == (f"jsmith@{REALM}", shown(account(form, "jsmith")))
    assert row["spelled"] == f"JSmith@{REALM}"
    assert house.approve(id).returncode == 0
    ran = as_(house, "JSmith", form, "jitsudo", f"--resume={id}")
    assert ran.stdout.split() == [account(form, "jsmith"), f"jsmith@{REALM}", str(pwd.getpwnam(account(form, "jsmith")).pw_uid)]
    (record,) = [one for one in house.records() if one["event"] == "request.submitted"]
    assert record["actor"] == f"jsmith@{REALM}" and f"JSmith@{REALM}" in str(record["detail"])
    house.at_rest().verify()


def test_a_person_whose_name_is_not_ascii_asks_and_is_found_by_it(own_house, form: str) -> None:
    house = own_house(config=settings(form)).start()
    id = submitted(house, "jürgen", form, "printenv", "SUDO_USER", "JITSUDO_PRINCIPAL")
    assert house.show(id)["requester"] == f"jürgen@{REALM}"
    assert as_(house, "jürgen", form, "jitd", "approve", id, "--yes").returncode == 3
    assert house.approve(id).returncode == 0
    ran = as_(house, "jürgen", form, "jitsudo", f"--resume={id}")
    assert ran.stdout.split() == [account(form, "jürgen"), f"jürgen@{REALM}"], ran
    other = f"ju\u0308rgen@{REALM}"
    assert house.jitd("lock", "--principal", other).returncode == 4, "the same to the eye is nobody here"
    assert house.jitd("lock", "--principal", f"jürgen@{REALM}").returncode == 0
    assert as_(house, "jürgen", form, "jitsudo", "--no-wait", "true").returncode == 121
    house.at_rest().verify()


def test_nobody_approves_their_own_by_another_spelling(own_house, form: str) -> None:
    """THREATS K-24."""
    house = own_house(config=settings(form)).start()
    for asks, approves in (("JSmith", "jsmith"), ("jsmith", "JSmith")):
        id = submitted(house, asks, form, "echo", asks)
        done = as_(house, approves, form, "jitd", "approve", id, "--yes")
        assert done.returncode == 3 and house.show(id)["state"] == "pending", done
        done = as_(house, "kim", form, "jitd", "approve", id, "--yes")
        assert done.returncode == 0 and house.show(id)["state"] == "approved", done


def test_what_one_spelling_asks_for_is_the_others_too(own_house, form: str) -> None:
    house = own_house(config=settings(form)).start()
    id = submitted(house, "JSmith", form, "true")
    assert id in as_(house, "jsmith", form, "jitd", "requests").stdout
    assert as_(house, "jsmith", form, "jitd", "withdraw", id).returncode == 0
    assert house.show(id)["state"] == "withdrawn"


@pytest.mark.parametrize("typed", ["--principal=JSmith@{realm}", "--principal=jsmith@{realm}", "--user={account}"])
def test_a_lock_by_one_spelling_locks_the_other(own_house, form: str, typed: str) -> None:
    """THREATS K-24."""
    house = own_house(config=settings(form)).start()
    whom = typed.format(realm=REALM, account=account(form, "jsmith"))
    placed = house.jitd("lock", whom, "--reason", "gone")
    assert placed.returncode == 0, placed.stderr
    for spelled in ("JSmith", "jsmith"):
        made = as_(house, spelled, form, "jitsudo", "--no-wait", "true")
        assert made.returncode == 121 and 'locked: "gone"' in made.stderr, made
    assert house.rows("requests", "--all") == [] or all(row["state"] == "denied" for row in house.rows("requests", "--all"))
    assert as_(house, "kim", form, "jitsudo", "--no-wait", "true").returncode == 0
    other = whom.replace("JSmith", "JSMITH") if "JSmith" in whom else whom
    assert house.jitd("unlock", other).returncode == 0
    assert as_(house, "JSmith", form, "jitsudo", "--no-wait", "true").returncode == 0


def test_without_fold_the_refusal_says_why_and_tells_nothing_of_accounts(own_house, form: str) -> None:
    house = own_house(config=settings(form, fold="false")).start()
    made = as_(house, "JSmith", form, "jitsudo", "--no-wait", "true")
    why = "this realm's names are taken as written, unless an administrator sets fold = true in [accounts] of jitd.toml"
    assert (made.returncode, made.stderr) == (119, f"jitsudo: JSmith@{REALM} has no account on this host: {why}\n")
    assert as_(house, "jsmith", form, "jitsudo", "--no-wait", "true").returncode == 0
    assert len(house.rows("requests")) == 1


RULE = """
[[permit]]
name = "hers"
who = ["principal:JSmith@{realm}"]
commands = [["/usr/bin/true"]]
[[deny]]
name = "not"
who = ["principal:JSMITH@{realm}"]
commands = [["/usr/bin/id"]]
"""


def test_a_rule_may_spell_a_principal_as_the_directory_does(own_house, form: str) -> None:
    house = own_house(config=settings(form), policy=RULE.format(realm=REALM)).start()
    for spelled in ("JSmith", "jsmith"):
        assert as_(house, spelled, form, "jitsudo", "true").returncode == 0
        denied = as_(house, spelled, form, "jitsudo", "id")
        assert denied.returncode == 121 and "rule not" in denied.stderr
    assert as_(house, "kim", form, "jitsudo", "true").returncode == 121


@pytest.mark.parametrize("typed", ["JSmith@{realm}", "jsmith@{realm}", "JSmith", "{account}", "local:{account}"])
def test_a_person_is_supposed_by_any_name(own_house, form: str, typed: str) -> None:
    house = own_house(config=settings(form)).start()
    whom = typed.format(realm=REALM, account=account(form, "jsmith"))
    told = house.jitd("explain", "--as", whom, "--", "true")
    principal = f"local:{shown(account(form, 'jsmith'))}" if typed.startswith("local:") else f"jsmith@{REALM}"
    assert f"for {principal}: " in told.stdout, told


@pytest.mark.parametrize("typed", ["JSmith@{realm}", "jsmith@{realm}", "{account}"])
def test_the_grants_of_a_person_are_revoked_by_any_name(own_house, form: str, typed: str) -> None:
    house = own_house(config=settings(form)).start()
    id = submitted(house, "JSmith", form, "--for=10m", "true")
    assert house.approve(id).returncode == 0
    done = house.jitd("revoke", "--of", typed.format(realm=REALM, account=account(form, "jsmith")))
    assert done.returncode == 0 and house.rows("grants") == [], done


def test_a_command_runs_as_an_account_of_a_directory(own_house, form: str) -> None:
    house = own_house(config=settings(form)).start()
    target = account(form, "kim")
    id = submitted(house, "JSmith", form, "-u", target, "--", "sh", "-c", 'echo "$USER $HOME"; id -un')
    assert house.show(id)["run_as"].startswith(shown(target))
    assert house.approve(id).returncode == 0
    ran = as_(house, "JSmith", form, "jitsudo", f"--resume={id}")
    assert ran.stdout.split() == [target, pwd.getpwnam(target).pw_dir, target], ran


GATES = """
[[permit]]
name = "gate"
who = ["principal:JSmith@{realm}"]
services = ["sudo"]
run_as = ["*"]
commands = [["/usr/bin/id", "**"]]
"""


def test_sudo_behind_its_gate_knows_a_person_of_a_directory(form: str) -> None:
    host = Gated(GATES.format(realm=REALM), settings(form), stacks=("sudo", "sudo-i"))
    try:
        host.start()
        target = account(form, "kim")
        ran = as_(host, "JSmith", form, "script", "-qeEnever", "-c", f"sudo -u '{target}' id -un", "/dev/null")
        assert (ran.returncode, ran.stdout.strip()) == (0, target), ran
        ran = as_(host, "kim", form, "script", "-qeEnever", "-c", "sudo id -un", "/dev/null")
        assert ran.returncode != 0 and "no rule permits" in ran.stdout, ran
        host.verify()
    finally:
        host.close()


THINGS = """
[[permit]]
name = "things"
who = ["principal:JSmith@{realm}", "principal:jürgen@{realm}"]
gives = ["sudoers:logs"]
"""
GIVERS = """
[givers.logs]
kind = "sudoers"
lines = ["ALL=(root) NOPASSWD: /usr/bin/id"]
"""


@pytest.mark.parametrize("spelled", ["JSmith", "jürgen"])
def test_a_thing_is_given_to_an_account_of_a_directory(own_house, form: str, spelled: str) -> None:
    house = own_house(config=settings(form) + GIVERS, policy=THINGS.format(realm=REALM)).start()
    got = as_(house, spelled, form, "jitsudo", "--get=sudoers:logs", "--", "sudo", "-n", "id", "-un")
    assert (got.returncode, got.stdout.strip()) == (0, "root"), got
    wait_for(lambda: not house.kept("holdings"), what="the end of the holding")
