# SPDX-License-Identifier: Apache-2.0
"""Somebody in 900 groups of a directory, behind the real NSS: the directory is asked for the groups that somebody
named, and for no other (THREATS O-10).

Law: nothing is timed. The directory writes down each question that comes to it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitpam.wire import messages
from tests.attacks.raw import connected, review, submission
from tests.system.conftest import House

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people")
SWITCH, ASKED, IS_DOWN = Path("/etc/nsswitch.conf"), Path("/run/groups-were-asked"), Path("/run/groups-are-down")
MODULE = Path("/usr/lib/x86_64-linux-gnu/libnss_crowds.so.2")
FIRST, N_GROUPS = 700_000, 900
DIRECTORY = r"""
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define FIRST 700000
#define N_GROUPS 900
static char *nobody[] = {0};
static void note(const char *asked) {
    char line[300];
    int out = open("/run/groups-were-asked", O_WRONLY | O_CREAT | O_APPEND, 0600);
    int size = snprintf(line, sizeof line, "%s\n", asked);
    if (write(out, line, size) != size) abort();
    close(out);
}
static enum nss_status crowd(long n, struct group *group, char *room, size_t size, int *error) {
    if (n < 0 || n >= N_GROUPS) return NSS_STATUS_NOTFOUND;
    if (size < 32) { *error = ERANGE; return NSS_STATUS_TRYAGAIN; }
    snprintf(room, size, "crowd %ld", n);
    group->gr_name = room; group->gr_passwd = "x"; group->gr_gid = FIRST + n; group->gr_mem = nobody;
    return NSS_STATUS_SUCCESS;
}
enum nss_status _nss_crowds_getgrnam_r(const char *name, struct group *group, char *room, size_t size, int *error) {
    char end;
    long n;
    note(name);
    if (!access("/run/groups-are-down", F_OK)) { *error = EIO; return NSS_STATUS_UNAVAIL; }
    if (sscanf(name, "crowd %ld%c", &n, &end) == 1) return crowd(n, group, room, size, error);
    if (!strcmp(name, "strangers")) {
        group->gr_name = "strangers"; group->gr_passwd = "x"; group->gr_gid = FIRST - 1; group->gr_mem = nobody;
        return NSS_STATUS_SUCCESS;
    }
    return NSS_STATUS_NOTFOUND;
}
enum nss_status _nss_crowds_getgrgid_r(gid_t gid, struct group *group, char *room, size_t size, int *error) {
    char number[20];
    snprintf(number, sizeof number, "#%u", gid);
    note(number);
    return crowd((long)gid - FIRST, group, room, size, error);
}
enum nss_status _nss_crowds_initgroups_dyn(
    const char *user, gid_t gid, long *at, long *size, gid_t **list, long limit, int *error) {
    if (strcmp(user, "alice") && strcmp(user, "bob")) return NSS_STATUS_NOTFOUND;
    if (*size < *at + N_GROUPS) {
        gid_t *larger = realloc(*list, (*at + N_GROUPS) * sizeof **list);
        if (!larger) return NSS_STATUS_TRYAGAIN;
        *list = larger; *size = *at + N_GROUPS;
    }
    for (long n = 0; n < N_GROUPS; n++) (*list)[(*at)++] = FIRST + n;
    return NSS_STATUS_SUCCESS;
}
"""
PERMIT = """
[[permit]]
name = "crowd"
who = ["group:crowd 450"]
commands = [["/usr/bin/id", "**"]]
"""
STRANGERS = PERMIT.replace("crowd", "strangers", 1).replace("crowd 450", "strangers")
OWED = PERMIT + '\napprovals = [{ need = 1, from = ["group:crowd 7"] }]\n'
WHEN = PERMIT + "\nwhen = '{}'\n"


@pytest.fixture(scope="module", autouse=True)
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    source, before = tmp_path_factory.mktemp("directory") / "nss.c", SWITCH.read_text()
    source.write_text(DIRECTORY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", MODULE, source], check=True)
    SWITCH.write_text(before.replace("group: files", "group: files crowds"))
    yield
    SWITCH.write_text(before)
    MODULE.unlink()


@pytest.fixture(autouse=True)
def is_forgotten() -> Iterator[None]:
    ASKED.write_text("")
    yield
    IS_DOWN.unlink(missing_ok=True)


def asked() -> set[str]:
    """What the directory was asked since the test began: names, and ``#`` before ids."""
    return {one for one in ASKED.read_text().splitlines() if not one.isdigit()}  # su looks for the name of a number


def numbers() -> set[str]:
    return {one for one in asked() if one.startswith("#")}


def test_the_directory_is_asked_for_the_groups_that_rules_and_settings_name(own_house: Callable[..., House]) -> None:
    """THREATS O-10."""
    house = own_house(STRANGERS + PERMIT, 'auditors = ["group:crowd 3"]').start()
    assert house.sudo("alice", "id", "-u").stdout == "0\n"
    assert asked() == {"crowd 450", "strangers", "crowd 3"}
    (submitted,) = [record["detail"] for record in house.records() if record["event"] == "request.submitted"]
    assert submitted["groups"] == ["crowd 3", "crowd 450"]
    assert {*range(FIRST, FIRST + N_GROUPS)} < {*submitted["group_ids"]}
    house.verify()


def test_a_group_that_only_its_entry_makes_alike_is_no_group_of_theirs(own_house: Callable[..., House]) -> None:
    """The twin: 900 groups, and not the one that the rule names."""
    house = own_house(STRANGERS).start()
    denied = house.sudo("alice", "id", "-u")
    assert denied.returncode == 121 and "no rule permits" in denied.stderr
    assert asked() == {"strangers"}


@pytest.mark.parametrize(
    ("when", "passes", "needs_all"),
    [
        ('"crowd 8" in subject.groups', True, False),
        ('!("crowd 8" in subject.groups)', False, False),
        ('"strangers" in subject.groups || "crowd 9" in subject.groups', True, False),
        ('subject.groups.exists(name, name == "crowd 899")', True, True),
        ("size(subject.groups) > 900", True, True),
    ],
)
def test_an_expression_that_only_looks_for_names_needs_only_these(
    own_house: Callable[..., House], when: str, passes: bool, needs_all: bool
) -> None:
    """THREATS O-10. Whoever writes another expression is told what it costs."""
    house = own_house(WHEN.format(when)).start()
    assert house.sudo("alice", "id", "-u").returncode == (0 if passes else 121)
    assert len(numbers()) == (N_GROUPS if needs_all else 0)
    said = house.jitd("check", str(house.root / "policy.d/50-test.toml")).stdout
    assert ("warning all-groups" in said) is needs_all, said


def test_a_connection_that_is_older_than_a_rule_knows_the_groups_of_the_rule(own_house: Callable[..., House]) -> None:
    house = own_house(STRANGERS).start()
    with connected(house, "alice") as raw:
        assert isinstance(raw.ask(submission("id", waits=False))[-1], messages.Refused)
        house.set_policy(PERMIT + '\n[[deny]]\nname = "not-these"\nwho = ["group:crowd 5"]\ncommands = [["/usr/bin/id", "-u"]]\n')
        house.reload()
        assert isinstance(raw.ask(submission("id", waits=False))[-1], messages.Done)
        denied = raw.ask(submission("id", "-u", waits=False))[-1]
    assert isinstance(denied, messages.Refused) and "not-these" in denied.text


def test_whoever_may_review_still_may_when_no_rule_names_their_group_any_more(own_house: Callable[..., House]) -> None:
    """Also after a restart."""
    house = own_house(OWED).start()
    owed = [house.ask("alice", "id", "-u") for _ in range(2)]
    ids = [one.id for one in owed]
    house.set_policy(PERMIT)
    house.reload()
    with connected(house, "bob") as raw:
        (row,) = raw.rows(messages.Show(id=ids[0]))
        assert isinstance(raw.ask(review(row))[-1], messages.Done)
    assert owed[0].end() == 0
    house.kill()
    house.start()
    with connected(house, "bob") as raw:
        assert {row["id"] for row in raw.rows(messages.List(what="requests", ended=True))} == {*ids}
    house.verify()


def test_a_permit_by_a_group_that_cannot_be_looked_up_permits_nobody(own_house: Callable[..., House]) -> None:
    """THREATS S-02: and an expression that compares with such a group is not evaluated."""
    house = own_house(PERMIT).start()
    IS_DOWN.touch()
    assert "no rule permits" in house.sudo("alice", "id", "-u").stderr
    house.set_policy(
        WHEN.format('!("strangers" in subject.groups)').replace('who = ["group:crowd 450"]\n', 'who = ["user:alice"]\n')
    )
    house.reload()
    denied = house.sudo("alice", "id", "-u")
    assert denied.returncode == 121 and "these groups cannot be looked up now: strangers" in denied.stderr
    IS_DOWN.unlink()
    assert house.sudo("alice", "id", "-u").returncode == 0
