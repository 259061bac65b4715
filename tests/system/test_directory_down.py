# SPDX-License-Identifier: Apache-2.0
"""A directory of accounts that is down, behind the real NSS: what a rule denies to a group of it stays denied, and all else goes
on (THREATS S-02).

Law: NSS says of a list of somebody's groups only that it is short; and of a group by its name whether that could be looked up.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jitd.deciding import groups
from tests.marks import full
from tests.system.conftest import House

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people")
SWITCH, IS_DOWN = Path("/etc/nsswitch.conf"), Path("/run/directory-is-down")
MODULE = Path("/usr/lib/x86_64-linux-gnu/libnss_ghosts.so.2")
DIRECTORY = r"""
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char *members[] = {"alice", 0};
static enum nss_status ghosts(int is_meant, struct group *group, int *error) {
    int down = open("/run/directory-is-down", O_RDONLY);
    if (down >= 0) {
        char code[9] = {0};
        if (read(down, code, 8) > 0) *error = atoi(code);
        close(down);
        return NSS_STATUS_UNAVAIL;
    }
    if (!is_meant) return NSS_STATUS_NOTFOUND;
    group->gr_name = "ghosts"; group->gr_passwd = "x"; group->gr_gid = 7777; group->gr_mem = members;
    return NSS_STATUS_SUCCESS;
}
enum nss_status _nss_ghosts_getgrnam_r(const char *name, struct group *group, char *room, size_t size, int *error) {
    return ghosts(!strcmp(name, "ghosts"), group, error);
}
enum nss_status _nss_ghosts_getgrgid_r(gid_t gid, struct group *group, char *room, size_t size, int *error) {
    return ghosts(gid == 7777, group, error);
}
enum nss_status _nss_ghosts_initgroups_dyn(
    const char *user, gid_t gid, long *at, long *size, gid_t **list, long limit, int *error) {
    struct group group;
    enum nss_status status = ghosts(!strcmp(user, "alice"), &group, error);
    if (status == NSS_STATUS_SUCCESS && *at < *size) (*list)[(*at)++] = 7777;
    return status;
}
"""
POLICY = """
[[deny]]
name = "no-ghosts"
who = ["group:ghosts"]
commands = [["/usr/bin/id", "**"]]

[[deny]]
name = "nobody"
who = ["group:not-there"]
commands = [["/usr/bin/whoami"]]

[[permit]]
name = "all"
who = ["user:alice", "user:bob"]
commands = [["**"]]
"""


FREE = """
[[deny]]
name = "no-ghosts"
when = 'subject.groups.exists(name, %s)'

[[permit]]
name = "all"
who = ["user:alice", "user:bob"]
commands = [["**"]]
"""

ERRORS = (errno.EIO, errno.ENOENT, errno.ECONNREFUSED, errno.EAGAIN)
WITH_DAEMON = [
    ERRORS[0],
    *(
        pytest.param(error, marks=full("every day, the test uses one error; another test gives each to the code that reads it"))
        for error in ERRORS[1:]
    ),
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One in which alice is in the group ghosts; while IS_DOWN is there it fails with the error that is in it."""
    source, before = tmp_path_factory.mktemp("directory") / "nss.c", SWITCH.read_text()
    source.write_text(DIRECTORY)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", MODULE, source], check=True)
    SWITCH.write_text(before.replace("group: files", "group: files ghosts"))
    yield
    SWITCH.write_text(before)
    MODULE.unlink()


@pytest.fixture(autouse=True)
def is_up_again() -> Iterator[None]:
    yield
    IS_DOWN.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def house(directory: None) -> Iterator[House]:
    with House(POLICY) as made:
        yield made


@pytest.mark.parametrize("error", WITH_DAEMON, ids=errno.errorcode.get)
def test_a_deny_by_a_group_holds_while_nobody_can_look_the_group_up(house: House, error: int) -> None:
    """THREATS S-02. Its twins: who is in no such group, what that rule is not about, a group that does not exist, and root."""
    denied = house.sudo("alice", "id")
    assert denied.returncode == 121 and "rule no-ghosts denies it" in denied.stderr
    assert house.sudo("bob", "id", "-u").stdout == "0\n"
    assert house.sudo("alice", "whoami").stdout == "root\n"
    IS_DOWN.write_text(str(error))
    for who in ("alice", "bob"):
        down = house.sudo(who, "id", "-u")
        assert (down.returncode, down.stdout) == (121, ""), down
        assert "rule no-ghosts: group ghosts cannot be looked up now" in down.stderr
        assert house.sudo(who, "true").returncode == 0, "the rule is not about that"
    assert house.sudo("root", "id", "-u").stdout == "0\n"
    told = house.jitd("check", str(house.root / "policy.d/50-test.toml"))
    assert told.returncode == 0 and "group:ghosts: it cannot be looked up" in told.stdout
    IS_DOWN.unlink()
    assert house.sudo("bob", "id", "-u").stdout == "0\n"
    told = house.jitd("check", str(house.root / "policy.d/50-test.toml"))
    assert told.returncode == 0 and "group:not-there: there is no such group here" in told.stdout
    assert "ghosts" not in told.stdout


@pytest.mark.parametrize("compared", ['name == "ghosts"', 'name.startsWith("ghost")'])
def test_a_deny_by_an_expression_about_all_groups_holds_while_the_directory_is_down(
    directory: None, own_house: Callable[..., House], compared: str
) -> None:
    """THREATS S-02: then the list of somebody's groups is too short, and nothing else tells."""
    house = own_house(FREE % compared).start()
    denied = house.sudo("alice", "id", "-u")
    assert denied.returncode == 121 and "rule no-ghosts denies it" in denied.stderr
    assert house.sudo("bob", "id", "-u").stdout == "0\n"
    IS_DOWN.write_text(str(errno.ECONNREFUSED))
    for who in ("alice", "bob"):
        down = house.sudo(who, "id", "-u")
        assert (down.returncode, down.stdout) == (121, ""), down
        assert "a directory of accounts that does not answer" in down.stderr
    assert house.sudo("root", "id", "-u").stdout == "0\n"
    IS_DOWN.unlink()
    assert house.sudo("bob", "id", "-u").stdout == "0\n"


@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
def test_an_error_is_not_taken_for_an_absence(directory: None, error: int) -> None:
    """THREATS S-02: in a process of its own each time, as NSS keeps what it has read of its settings."""
    assert groups.named("not-there") is None and groups.numbered(54321) is None
    found = groups.named("ghosts")
    assert found == groups.Group("ghosts", 7777, ("alice",)) == groups.numbered(7777)
    IS_DOWN.write_text(str(error))
    for name in ("ghosts", "not-there"):
        with pytest.raises(groups.CannotLookUp):
            groups.named(name)
    with pytest.raises(groups.CannotLookUp):
        groups.numbered(7777)
    known = groups.named("ops")
    assert known is not None and known.name == "ops"
