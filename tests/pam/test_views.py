# SPDX-License-Identifier: Apache-2.0
"""What sudo, su and doas run is what jitd has judged, however the path is worded and whatever they see of the host.

Who plays may run three files: carol at once, alice if one of ops approves. Beside each attack stands its honest twin. Law: in an
attack a script of the person's own leaves a mark if it runs as root; nothing else leaves one.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
from collections.abc import Iterator

import pytest

from tests.marks import full
from tests.pam.homes import Home
from tests.pam.programs import SUDOERS, Gated, write

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")

RULE = """
[[permit]]
name = "NAME"
who = ["user:WHO"]
services = ["sudo", "sudo-i", "su", "su-l", "doas"]
run_as = ["*"]
commands = [["/usr/bin/id", "**"], ["/usr/bin/bash", "**"]]
run = { options = "allow" }
MORE
[[permit]]
name = "NAME-deploys"
who = ["user:WHO"]
services = ["sudo", "su", "doas"]
commands = [["/home/WHO/deploy.sh", "**"], ["/home/WHO/lib/deploy.sh", "**"]]
run = { options = "allow", writable = "allow" }
MORE
"""
OPS = 'approvals = [{ need = 1, from = ["group:ops"] }]'
POLICY = RULE.replace("NAME", "at-once").replace("WHO", "carol").replace("MORE", "") + RULE.replace("NAME", "asked").replace(
    "WHO", "alice"
).replace("MORE", OPS)


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    """A host behind the stacks that we ship, whose daemon is in the root directory, as a service is."""
    made = Gated(POLICY)
    before = os.getcwd()
    os.chdir("/")
    try:
        write("/etc/sudoers", SUDOERS.replace("NOPASSWD", "CWD=* NOPASSWD"), 0o440)
        made.start()
        yield made
        made.verify()
    finally:
        os.chdir(before)
        made.close()


@pytest.fixture
def carol(gated: Gated) -> Iterator[Home]:
    made = Home(gated, "carol")
    yield made
    made.close()


@pytest.fixture
def alice(gated: Gated) -> Iterator[Home]:
    made = Home(gated, "alice")
    yield made
    made.close()


PROC = "/proc/self/cwd/usr/bin"
THROUGH_A_PROCESS = (
    "mkfifo up go; unshare -Urm sh -c 'mount --bind usr/bin /usr/bin && echo >up; read x <go' & read x <up; "
    "{} /proc/$!/root/usr/bin/id; echo >go; wait"
)
"""A process in a mount namespace of the person's own, where /usr/bin is theirs."""
REMOVED = "cd gone && rmdir ../gone && {} ../usr/bin/id"
ANOTHER_FILE = "mount --bind /home/carol/place/usr/bin/id /usr/bin/id"
IN_A_NAMESPACE = f"unshare -m -- sh -c '{ANOTHER_FILE} && exec \"$@\"' sh"
IN_A_JAIL = "unshare -m -- sh -c 'mount --rbind / /srv && exec chroot /srv \"$@\"' sh"
IN_ANOTHER_JAIL = IN_A_JAIL.replace("exec", ANOTHER_FILE.replace(" /usr", " /srv/usr") + " && exec")
OTHER_ACCOUNTS = (
    "unshare -m -- sh -c 'cd /home/carol/place && sed s/^dave:x:[0-9]*:/dave:x:0:/ /etc/passwd >other && "
    'mount --bind other /etc/passwd && exec "$@"\' sh'
)
IN_A_ROOT_OF_ITS_OWN = (
    "unshare -m -- sh -c 'mount -t tmpfs -o mode=755 none /mnt && cd /mnt && mkdir dev etc home proc root run srv tmp usr var && "
    "for d in *; do mount --rbind /$d $d; done; for l in bin sbin lib lib64; do ln -s usr/$l $l; done; "
    'exec chroot /mnt "$@"\' sh'
)
ON_A_FILE_SYSTEM_OF_HIS = (
    "test -e /dev/fuse || mknod /dev/fuse c 10 229; chmod 666 /dev/fuse; "
    'as carol bindfs --no-allow-other /home/carol/place /home/carol/place/gone; exec "$@"'
)
"""As with an NFS that does not know root: nobody but carol may look."""
PRIVATE = "unshare -m -- sh -c 'mount -t tmpfs none /tmp && mkdir -m 777 /tmp/here && exec \"$@\"' sh"

ATTACKS = {
    "sudo, a directory of procfs": (f"sudo {PROC}/id", ""),
    "doas, a directory of procfs": (f"doas {PROC}/id", ""),
    "su, a directory of procfs": (f"su -s {PROC}/bash -c true", ""),
    "sudo, a link that leads there": ("sudo {own}/link/usr/bin/id", ""),
    "doas, a link that leads there": ("doas {own}/link/usr/bin/id", ""),
    "su, a link that leads there": ("su -s {own}/link/usr/bin/bash -c true", ""),
    "sudo -s": (f"SHELL={PROC}/bash sudo -s true", ""),
    "doas -s": (f"SHELL={PROC}/bash doas -s", ""),
    "su -p": ("SHELL={own}/link/usr/bin/bash su -p -c true", ""),
    "sudo, another process's root": (THROUGH_A_PROCESS.format("sudo"), ""),
    "doas, another process's root": (THROUGH_A_PROCESS.format("doas"), ""),
    "sudo, up from a removed directory": (REMOVED.format("sudo"), ""),
    "doas, up from a removed directory": (REMOVED.format("doas"), ""),
    "sudo, another mount": ("sudo /usr/bin/id", IN_A_NAMESPACE),
    "sudo, another mount, by its name": ("sudo id", IN_A_NAMESPACE),
    "doas, another mount": ("doas /usr/bin/id", IN_A_NAMESPACE),
    "su, another mount": ("su -c true", IN_A_NAMESPACE.replace("usr/bin/id", "usr/bin/bash")),
    "sudo, another root": ("sudo /usr/bin/id", IN_ANOTHER_JAIL),
    "su, another root": ("su -c true", IN_ANOTHER_JAIL.replace("usr/bin/id", "usr/bin/bash")),
}
"""What is typed, and where."""

TWINS = {
    "sudo": ("sudo /usr/bin/id -u; sudo id -u; sudo /bin/id -u; sudo -s id -u; sudo -i id -u; sudo -D /usr ./bin/id -u", 5, ""),
    "doas": ("doas /usr/bin/id -u; doas id -u; doas /bin/id -u; doas -u root id -u", 4, ""),
    "su": ("su -c 'id -u'", 1, ""),
    "from root's directories": ("cd /usr/lib && sudo ../bin/id -u; cd /usr && doas bin/id -u; sudo -D /usr bin/id -u", 3, ""),
    "with a directory for /tmp alone": ("cd /tmp/here && sudo id -u; doas /usr/bin/id -u; sudo -i id -u", 3, PRIVATE),
    "su with a directory for /tmp alone": ("cd /tmp/here && su -c 'id -u'", 1, PRIVATE),
    "in a mount namespace": ("sudo id -u; doas id -u", 2, "unshare -m --"),
    "in another root with the same file": ("sudo id -u; doas id -u", 2, IN_A_JAIL),
    "su in another root with the same file": ("su -c 'id -u'", 1, IN_A_JAIL),
    "in a root directory of its own": ("sudo id -u; sudo /bin/id -u; doas /usr/bin/id -u", 3, IN_A_ROOT_OF_ITS_OWN),
    "su in a root directory of its own": ("su -c 'id -u'", 1, IN_A_ROOT_OF_ITS_OWN),
    "where root may not look": (
        "cd gone && sudo id -u; doas /usr/bin/id -u",
        2,
        f"unshare -m -- sh -c '{ON_A_FILE_SYSTEM_OF_HIS}' sh",
    ),
    "su where root may not look": ("cd gone && su -c 'id -u'", 1, f"unshare -m -- sh -c '{ON_A_FILE_SYSTEM_OF_HIS}' sh"),
}
"""What is typed, how often it is root, and where."""


@pytest.mark.parametrize("name", ATTACKS)
def test_a_path_that_means_another_file_to_the_program_is_not_run(carol: Home, name: str) -> None:
    """THREATS P-14: carol may run what jitd finds by this path, and the program would find a file of hers."""
    line, around = ATTACKS[name]
    typed = carol.types(line, *shlex.split(around))
    typed.ends()
    assert not typed.has_run, typed.text
    assert "jitd: denied: no rule permits this" in typed.text


SU_ELSEWHERE = tuple(name for name in TWINS if name.startswith("su "))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=full("every day, sudo and doas run there, and su where nothing is moved"))
        if name in SU_ELSEWHERE
        else name
        for name in TWINS
    ],
)
def test_a_path_that_means_the_same_file_to_the_program_is_run(carol: Home, name: str) -> None:
    line, n_times, around = TWINS[name]
    typed = carol.types(line, *shlex.split(around))
    typed.ends()
    assert typed.text.split().count("0") == n_times, typed.text


@pytest.mark.parametrize("program", ["sudo", "doas", "su"])
def test_a_file_of_ones_own_that_a_rule_names_is_run_by_its_path(carol: Home, program: str) -> None:
    """With ``writable = "allow"``; relative to a directory that only root can move as well."""
    carol.script(carol.own / "deploy.sh")
    whole = f"{carol.own}/deploy.sh"
    lines = {"sudo": ("sudo {}", whole, "./deploy.sh"), "doas": ("doas {}", whole, "./deploy.sh"), "su": ("su -s {} -c x", whole)}
    form, *paths = lines[program]
    for path in paths:
        carol.mark.unlink(missing_ok=True)
        typed = carol.types(f"cd {carol.own}; {form.format(path)}")
        typed.ends()
        assert typed.has_run, typed.text


@pytest.mark.parametrize(
    ("typed_in", "path", "program"),
    [
        *((*typed, "sudo") for typed in (("lib", "./deploy.sh"), ("lib/x", "../deploy.sh"), ("", "{own}/lib/x/../deploy.sh"))),
        ("lib", "./deploy.sh", "doas"),
        *(
            pytest.param(*typed, "doas", marks=full("every day, sudo begins at each of these places, and doas at one of them"))
            for typed in (("lib/x", "../deploy.sh"), ("", "{own}/lib/x/../deploy.sh"))
        ),
    ],
)
def test_a_directory_that_others_can_move_is_no_place_to_begin_at(carol: Home, program: str, typed_in: str, path: str) -> None:
    """THREATS P-14: until it is run, another one may be where this one was."""
    script = carol.script(carol.own / "lib/deploy.sh")
    carol.script(carol.own / "lib/x/id")
    typed = carol.types(f"cd {carol.own}/{typed_in}; {program} {path}")
    typed.ends()
    assert not typed.has_run, typed.text
    twin = carol.types(f"{program} {script}")
    twin.ends()
    assert twin.has_run, twin.text


@pytest.mark.parametrize("program", ["sudo", "doas"])
def test_a_link_that_is_turned_while_the_request_waits_leads_nowhere(gated: Gated, alice: Home, program: str) -> None:
    """THREATS P-14: no race, since who asks has all the time there is."""
    alice.link("turn", "/usr/bin")
    typed = alice.types(f"{program} {{own}}/turn/id")
    typed.terminal.expect([", within ", "denied"])
    alice.link("turn", f"{alice.place}/usr/bin")
    for row in gated.rows("requests"):
        gated.approve(row["id"])
    typed.ends()
    assert not typed.has_run, typed.text


@pytest.mark.parametrize("program", ["sudo", "doas"])
def test_nothing_runs_once_the_directory_was_moved_where_it_was_typed(gated: Gated, alice: Home, program: str) -> None:
    """THREATS P-14: a path like ../x would lead to what the approvers have not seen."""
    script, stands = alice.script(alice.own / "deploy.sh"), alice.own / "stands"
    stands.mkdir()
    typed = alice.types(f"cd {stands}; {program} {script}")
    id = typed.id
    stands.rename(alice.own / "moved")
    gated.approved(id)
    typed.is_kept_out("the working directory was moved since this was asked for: ask again")


@pytest.mark.parametrize("program", ["sudo", "doas", "su"])
def test_what_was_judged_is_looked_at_once_more_after_the_verdict(gated: Gated, alice: Home, program: str) -> None:
    """THREATS P-14: another file with the same content is another file; one that stays is run."""
    script = alice.script(alice.own / "deploy.sh")
    form = "su -s {own}/deploy.sh -c x" if program == "su" else f"{program} {{own}}/deploy.sh"
    typed = alice.types(form)
    id = typed.id
    shown = gated.jitd("show", id).stdout
    assert f"{program} opens this by name: its content is not bound" in shown, shown
    shutil.copy(script, script.with_suffix(".new"))
    script.with_suffix(".new").rename(script)
    gated.approved(id)
    typed.is_kept_out("the file that would run is not the one that jitd has checked: ask again")
    again = alice.types(form)
    gated.approved(again.id)
    again.ends()
    assert again.has_run, again.text


def test_a_program_that_sees_other_accounts_is_in_doubt(carol: Home) -> None:
    """THREATS P-14: whom it becomes would be another than the one who is named."""
    typed = carol.types("sudo -u dave id -u", *shlex.split(OTHER_ACCOUNTS))
    typed.ends()
    assert "jitd: denied: no rule permits this" in typed.text
    twin = carol.types("sudo -u dave id -u")
    twin.ends()
    assert twin.text.split() == [str(pwd.getpwnam("dave").pw_uid)]
