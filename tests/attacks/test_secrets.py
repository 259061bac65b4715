# SPDX-License-Identifier: Apache-2.0
"""What one may not know, and what one says of oneself: answers that do not differ, claims that stay claims.

Law: two questions that differ in a secret alone have the same answer, byte for byte; how long it took is told and not judged.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.core.command import fingerprint
from jitpam.wire import messages
from jitpam.wire.coding import encode
from tests.attacks.raw import REALM, Raw, asked, connected, review, shown_to, submission, uid_of
from tests.system.conftest import OF_THE_LAB
from tests.times import times

SECRET = Path("/root/secret")
OPEN = Path("/srv/open")
TIMES = times(1)
OF_EACH = ("id", "fingerprint", "submitted_at", "expires_at", "authentication", "gone")
"""What differs from request to request; and a member that is called as what is not there in these tests."""
"""How often each question is timed."""
POLICY = OF_THE_LAB + '[[permit]]\nname = "one"\nwho = ["user:eve"]\ncommands = [["/usr/bin/id", "**"], ["/root/secret/tool"]]\n'


@pytest.fixture(scope="module")
def keeper():
    """A daemon that lets eve run two commands, one of which is in a directory that she may not look into."""
    from tests.system.conftest import House

    shutil.rmtree(SECRET, ignore_errors=True)
    SECRET.mkdir(mode=0o700)
    (SECRET / "file").write_bytes(Path("/usr/bin/true").read_bytes())
    (SECRET / "script").write_text("#!/nowhere/interpreter\n")
    (SECRET / "plain").write_text("no program")
    (SECRET / "directory").mkdir()
    (SECRET / "directory/below").write_bytes(b"#!/bin/sh\n")
    (SECRET / "link").symlink_to("/usr/bin/true")
    (SECRET / "elsewhere").symlink_to("/usr/bin")
    (SECRET / "loop").symlink_to("loop")
    os.mkfifo(SECRET / "fifo")
    (SECRET / "through-to-none").symlink_to("/nowhere/at/all")
    (SECRET / "to-none").symlink_to("/etc/shadow")
    (SECRET / "carols").write_text("hers")
    os.chown(SECRET / "carols", uid_of("carol"), -1)
    for name in ("file", "script", "link", "directory/below"):
        (SECRET / name).chmod(0o755)
    OPEN.mkdir(exist_ok=True)
    for name, target in (("through", SECRET), ("to-file", SECRET / "file"), ("to-gone", SECRET / "gone")):
        (OPEN / name).unlink(missing_ok=True)
        (OPEN / name).symlink_to(target)
    (OPEN / "usr").unlink(missing_ok=True)
    (OPEN / "usr").symlink_to("/usr/bin")
    for name, mode in (("unread", 0o711), ("read", 0o755)):
        (OPEN / name).write_bytes(Path("/usr/bin/true").read_bytes())
        (OPEN / name).chmod(mode)
        (OPEN / f"{name}-by-argument").write_text(name)
        os.chown(OPEN / f"{name}-by-argument", uid_of("carol"), -1)
        (OPEN / f"{name}-by-argument").chmod(mode & 0o666)
    with House(POLICY) as made:
        yield made
    shutil.rmtree(OPEN)
    shutil.rmtree(SECRET)


def answers(raw: Raw, message: messages.Message, *secret: str) -> list[bytes]:
    """All that is said to ``message``, with what differs in the question put out of it."""
    heard = []
    for answer in raw.ask(message):
        body = b"hung up" if answer is None else encode(answer)
        for word in secret:
            body = re.sub(rb"(?<![a-z])%b(?![a-z])" % re.escape(word.encode()), b"*", body)  # a word, as in a path
        heard.append(body)
    return heard


THERE = [
    "file",
    "script",
    "plain",
    "directory",
    "link",
    "loop",
    "fifo",
    "directory/below",
    "elsewhere/true",
    "elsewhere/gone",
    "file/below",
]
FORMS = {
    "the path": lambda name: {"argv": [f"{SECRET}/{name}".encode()]},
    "with arguments": lambda name: {"argv": [f"{SECRET}/{name}".encode(), b"x"]},
    "from the directory": lambda name: {"argv": [f"./{name}".encode()], "cwd": str(SECRET).encode()},
    "by two dots": lambda name: {"argv": [f"/root/other/../secret/{name}".encode()]},
    "through a link": lambda name: {"argv": [f"{OPEN}/through/{name}".encode()]},
    "as somebody": lambda name: {"argv": [f"{SECRET}/{name}".encode()], "user": "bob"},
}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_in_a_directory_one_may_not_look_into_changes_no_answer(keeper, form):
    """THREATS S-11: what is there, of whatever kind, is answered as what is not there; asked, explained, and shown afterwards."""
    took = {}
    for kind in ("explain", "submit", "if not owed", "show"):
        said = {}
        for name in (*THERE, "gone", "gone/below"):
            with connected(keeper, "eve") as raw:
                question = asked(**FORMS[form](name))
                began_at = time.monotonic()
                for _ in range(TIMES if kind == "explain" else 1):
                    if kind == "explain":
                        said[name] = answers(raw, messages.Explain(**question), name)
                    elif kind == "show":
                        raw.ask(messages.Submit(**question, waits=False, if_owed=True))
                        mine = raw.rows(messages.List(what="requests", ended=True))[-1]
                        differing = {key: value for key, value in mine.items() if key not in OF_EACH}
                        said[name] = [repr(differing).replace(name, "*").encode()]
                    else:
                        said[name] = answers(raw, messages.Submit(**question, waits=True, if_owed=kind == "submit"), name)
                took[kind, name] = (time.monotonic() - began_at) / TIMES
        assert said["gone"], kind
        for name in THERE:
            assert said[name] == said["gone"], (kind, name)
    print({f"{kind} {name}": f"{seconds * 1000:.1f} ms" for (kind, name), seconds in took.items()})


@pytest.mark.parametrize("name", ["to-file", "to-gone"])
def test_a_link_in_the_open_tells_nothing_of_where_it_leads(keeper, name):
    """THREATS S-11: the link may be seen, its end may not."""
    with connected(keeper, "eve") as raw:
        said = answers(raw, submission(f"{OPEN}/{name}"), name)
    with connected(keeper, "eve") as raw:
        assert said == answers(raw, submission(f"{OPEN}/to-file"), "to-file")


def test_whether_a_home_is_there_where_one_may_not_look_is_told_to_nobody(keeper):
    """THREATS S-11: a login begins in it, or where it was asked for."""
    said = {}
    for name, home in (("there", SECRET / "directory"), ("gone", SECRET / "no-home"), ("open", OPEN)):
        subprocess.run(["useradd", "-M", "-d", home, "lodger"], check=True, capture_output=True)
        try:
            with connected(keeper, "eve") as raw:
                question = asked("true") | {"login": True, "user": "lodger"}
                raw.ask(messages.Submit(**question, waits=False, if_owed=True))
                (mine,) = raw.rows(messages.List(what="requests", ended=True))[-1:]
            said[name] = mine["cwd"].replace(str(home), "HOME"), mine["chdir"], mine["state"]
        finally:
            subprocess.run(["userdel", "lodger"], check=True, capture_output=True)
    assert said["there"] == said["gone"] == said["open"] == ("HOME", True, "denied")


def test_a_command_that_one_may_run_is_missing_without_a_word_where_one_may_not_look(keeper):
    """THREATS S-11, CONTRACT section 2: 127 is for what the requester could see the absence of, everything else is 121."""
    assert keeper.sudo("eve", "/root/secret/tool").returncode == 121
    assert keeper.sudo("eve", "/srv/open/tool").returncode == 127
    same = {keeper.sudo("eve", "-l", f"/root/secret/{name}").stdout.replace(name, "*") for name in ("file", "gone")}
    assert len(same) == 1


def test_a_link_that_one_may_not_see_leads_to_no_command_that_one_may_run(keeper):
    """THREATS S-11: whether it is permitted would say that the link is there."""
    for word in ("id", "gone"):
        assert keeper.sudo("eve", f"{SECRET}/elsewhere/{word}").returncode == 121
    with connected(keeper, "eve") as raw:
        said = {word: answers(raw, messages.Explain(**asked(f"{SECRET}/elsewhere/{word}")), word) for word in ("id", "gone")}
    assert said["id"] == said["gone"]
    assert keeper.sudo("eve", "/usr/bin/id", "-u").stdout == "0\n", "the honest use"
    assert keeper.sudo("eve", f"{OPEN}/usr/id", "-u").stdout == "0\n", "and that of a link that one can see"


@pytest.mark.parametrize("name", ["plain", "directory", "fifo", "loop", "script", "through-to-none"])
def test_of_what_kind_a_hidden_file_is_is_told_to_nobody_whom_a_rule_would_let_run_it(keeper, name):
    """THREATS S-11: alice may run anything, and learns of what cannot be run no more than that it does not."""
    with connected(keeper, "alice") as raw:
        said = {word: answers(raw, messages.Explain(**asked(f"{SECRET}/{word}")), word) for word in (name, "gone")}
        assert said[name] == said["gone"] and b"no rule permits this" in said["gone"][0]
        assert b'"decision":"permit"' in answers(raw, messages.Explain(**asked(f"{SECRET}/file")))[0], "the honest use"


@pytest.mark.parametrize("form", ["{}", "--file={}", "of={}"])
def test_what_an_argument_names_where_one_may_not_look_changes_no_answer_and_is_shown_to_who_approves(keeper, form):
    """THREATS S-11, S-12: root does not look for them; carol's file could be changed by her, the other is not there."""
    rows = {}
    for name in ("carols", "gone"):
        with connected(keeper, "alice") as raw:
            id = raw.submit("cat", form.format(f"{SECRET}/{name}"), waits=False)
            (mine,) = raw.rows(messages.Show(id=id))
            rows[name] = repr({key: mine[key] for key in mine if key not in OF_EACH})
            assert mine["operands"] == []
        theirs = shown_to(keeper, "bob", id)["operands"]
        assert {row["digest"] for row in theirs} == {""} and f"{SECRET}/{name}" in {row["path"] for row in theirs}
    assert rows["carols"].replace("carols", "gone") == rows["gone"]


GRADED = {
    "is written": ("tee", "{}"),
    "is overwritten by a copy": ("cp", "/etc/hostname", "{}"),
    "is run": ("bash", "{}"),
    "is run by a text": ("sh", "-c", "exec {} x"),
    "is written by a text": ("sh", "-c", "echo x >> {}"),
    "is removed": ("rm", "-rf", "{}"),
    "is read": ("cat", "{}"),
    "is given away": ("chown", "alice", "{}"),
}


@pytest.mark.parametrize("way", ["{}", f"{OPEN}/through/{{}}"])
@pytest.mark.parametrize("argv", GRADED.values(), ids=list(GRADED))
def test_what_a_command_gives_tells_nothing_of_what_its_requester_cannot_see(keeper, argv, way):
    """THREATS S-20: carol's file, a directory, a link, and nothing at all; whoever reads the grade."""
    told = {}
    for name in ("carols", "directory", "to-none", "gone"):
        path = f"{SECRET}/{name}" if way == "{}" else way.format(name)
        with connected(keeper, "alice") as raw:
            id = raw.submit(*(word.format(path) for word in argv), waits=False)
            rows = [raw.rows(messages.Show(id=id))[0], shown_to(keeper, "bob", id)]
            raw.ask(messages.Withdraw(id=id))
        told[name] = [repr((row["grade"], row["findings"])).replace(name, "*") for row in rows]
        assert rows[0]["grade"] != "harmless" or argv[0] == "cat"
    assert len({repr(one) for one in told.values()}) == 1, told


def test_a_link_that_is_pointed_elsewhere_while_the_request_waits_is_seen_by_who_opens_it(keeper):
    """THREATS R-20: and a look that is better now does not hide what was there when it was asked."""
    link = OPEN / "pointed"
    plain, matters = Path("/var/cache/plain"), Path("/etc/sudoers.d/evil")
    seen = {}
    for first, then in ((plain, matters), (matters, plain), (plain, plain)):
        link.unlink(missing_ok=True)
        link.symlink_to(first)
        with connected(keeper, "alice") as raw:
            id = raw.submit("tee", str(link), waits=False)
        link.unlink()
        link.symlink_to(then)
        row = shown_to(keeper, "bob", id)
        seen[first, then] = (row["grade"], {one["path"] for one in row["findings"]})
        with connected(keeper, "alice") as raw:
            hers = raw.rows(messages.Show(id=id))[0]
            raw.ask(messages.Withdraw(id=id))
        assert (hers["grade"] == "gives") is (first == matters), "who asks reads what was seen when it was asked"
    link.unlink()
    for ways in ((plain, matters), (matters, plain)):
        assert seen[ways][0] == "gives" and str(matters) in seen[ways][1], seen
    assert seen[plain, plain][0] != "gives" and str(matters) not in seen[plain, plain][1]


def test_a_digest_is_told_to_who_asks_if_they_can_read_the_file_and_to_who_approves(keeper):
    """THREATS S-11: what can be executed and not read, and what another has in a directory that is open."""
    seen = {}
    for word in ("unread", "read"):
        with connected(keeper, "alice") as raw:
            id = raw.submit(f"{OPEN}/{word}", f"{OPEN}/{word}-by-argument", waits=False)
            (row,) = raw.rows(messages.Show(id=id))
            listed = next(one for one in raw.rows(messages.List(what="requests", ended=False)) if one["id"] == id)
            assert (row["digest"], row["operands"]) == (listed["digest"], listed["operands"])
        theirs = shown_to(keeper, "bob", id)
        assert len(theirs["digest"]) == 64 and [len(one["digest"]) for one in theirs["operands"]] == [64]
        seen[word] = [
            (mine["digest"], other["digest"])
            for mine, other in zip((row, *row["operands"]), (theirs, *theirs["operands"]), strict=True)
        ]
        with connected(keeper, "bob") as bob:
            bob.ask(review(theirs))
        with connected(keeper, "alice") as raw:
            grants = [one for one in raw.rows(messages.List(what="grants", ended=False)) if one["id"] == id]
            assert [one["digest"] for one in grants] == [row["digest"]]
    assert [mine for mine, _ in seen["unread"]] == ["", ""]
    assert all(mine == other for mine, other in seen["read"])


def test_no_fingerprint_can_be_made_from_what_its_requester_knows(keeper):
    """THREATS S-11: else a digest could be tried: there is something in it that nobody is told."""
    with connected(keeper, "alice") as raw:
        ids = [raw.submit("true", waits=False) for _ in range(2)]
        rows = [raw.rows(messages.Show(id=id))[0] for id in ids]
    found = [keeper.request_of(id) for id in ids]
    for request, row in zip(found, rows, strict=True):
        known = replace(request.command, salt=b"")
        of = (request.id, request.requester.principal, request.host, request.service)
        assert fingerprint(*of, request.command, request.terms.fingerprinted).hex() == row["fingerprint"]
        assert fingerprint(*of, known, request.terms.fingerprinted).hex() != row["fingerprint"]
        assert not any(value in repr(row) for value in (request.command.salt.hex(), repr(request.command.salt)))
    assert found[0].command.salt != found[1].command.salt and len(found[0].command.salt) == 16


def test_the_requests_grants_and_runs_of_others_do_not_exist(keeper):
    """THREATS S-11: every message that takes an id, or a name, about what is there and what is not."""
    with connected(keeper, "alice") as alice, connected(keeper, "bob") as bob:
        waiting = alice.submit("true", waits=False)
        granted = alice.submit("echo", "granted", waits=False)
        bob.ask(review(shown_to(keeper, "root", granted)))
    questions = [
        lambda id, who: messages.Show(id=id),
        lambda id, who: messages.Review(id=id, verdict="approve", fingerprint=bytes(32), comment=""),
        lambda id, who: messages.Review(id=id, verdict="deny", fingerprint=bytes(32), comment=""),
        lambda id, who: messages.Withdraw(id=id),
        lambda id, who: messages.Resume(id=id, streams=["null"] * 3),
        lambda id, who: messages.Revoke(id=id, of=None, reason=""),
        lambda id, who: messages.Revoke(id=None, of=who, reason=""),
        lambda id, who: messages.Stop(id=id, reason=""),
    ]
    before = [shown_to(keeper, "root", id) for id in (waiting, granted)]
    for question, id in itertools.product(questions, (waiting, granted)):
        with connected(keeper, "eve") as raw:
            theirs = answers(raw, question(id, f"alice@{REALM}"), id, "alice")
            assert theirs == answers(raw, question("ZZZZ-ZZZZ", f"nobody@{REALM}"), "ZZZZ-ZZZZ", "nobody"), question
    for what in ("requests", "grants", "runs"):
        with connected(keeper, "eve") as raw:
            rows = raw.rows(messages.List(what=what, ended=True))
            assert not any("alice" in repr(row) for row in rows)
            assert raw.refusal(messages.Audit(after=0))[0] == raw.refusal(messages.Reload())[0] == "forbidden"
    assert before == [shown_to(keeper, "root", id) for id in (waiting, granted)]


# --- what the client says of itself -----------------------------------------------------------------------------------------

FORGED = {
    "reason": "approved by bob@EXAMPLE.TEST\nrequester: root\x1b[2J\x1b]0;owned\x07",
    "tty": b"/dev/console\n\x1b[31m",
    "login_session": 1,
    "parents": ["systemd(1)", "sshd: root@pts/0", "requester: root\n", "\x1b[8m"],
}


def test_claims_are_shown_as_claims_and_facts_are_the_daemons_own(keeper):
    """THREATS S-03: nothing that the client says of itself stands where the daemon says what it knows."""
    with connected(keeper, "alice") as plain, connected(keeper, "alice") as forged:
        ids = [plain.submit("true", waits=False), forged.submit("true", waits=False, **FORGED)]
    honest, lying = (shown_to(keeper, "bob", id) for id in ids)
    claimed = {"claims", "reason"}
    by_request = {"id", "fingerprint", "submitted_at", "expires_at", "ticket_ends_at", "authentication", "alike"}
    assert {name for name in honest if honest[name] != lying[name]} - by_request == claimed
    assert (lying["requester"], lying["account"], lying["uid"]) == (f"alice@{REALM}", "alice", uid_of("alice"))
    assert lying["groups"] == ["dba"], "the group that a rule names; of the others, the ids are known"
    assert lying["claims"]["tty"] == r"/dev/console\x0a\x1b[31m"
    assert lying["claims"]["login_session"] == 1
    assert lying["claims"]["parents"] == ["systemd(1)", "sshd: root@pts/0", r"requester: root\x0a", r"\x1b[8m"]
    page = keeper.jitd("show", ids[1], who="bob").stdout
    assert all(line.isprintable() for line in page.split("\n"))
    before, heading, rest = page.partition("\nWHAT THE REQUESTER SAYS: nobody has checked this\n")
    claims, _, after = rest.partition("\n\n")
    assert heading
    for word in ("/dev/console", "sshd: root@pts/0", "approved by bob", "systemd(1)"):
        assert word in claims and word not in before + after, "under their heading, and not among the facts"
    assert len([line for line in page.split("\n") if line.split()[:1] == ["requester"]]) == 1


HELLO_AS_ROOT = """
import os, socket, sys
hello = b'{"type":"hello","version":1,"authentication":"root","nonce":"' + b"A" * 43 + b'="}'
with socket.socket(socket.AF_UNIX) as raw:
    raw.connect(sys.argv[1])
    raw.sendall(len(hello).to_bytes(4, "big") + hello)
    print(os.getuid(), raw.recv(65536)[4:].decode())
"""


def test_root_of_a_user_namespace_is_who_it_is_outside(keeper):
    """Part of S-04: uid 0 in there is bob out here, and the daemon asks the kernel out here."""
    before = shown_all(keeper)
    inside = ("unshare", "--user", "--map-root-user")
    done = keeper.run("bob", *inside, "/usr/bin/python3", "-c", HELLO_AS_ROOT, str(keeper.socket), ticket=False)
    assert done.stdout.startswith('0 {"type":"refused","code":"unauthenticated"'), done.stdout + done.stderr
    for words in (("jitd", "requests"), ("jitsudo", "id")):
        assert keeper.run("bob", *inside, *words, ticket=False).returncode in (119, 125)
    assert shown_all(keeper) == before


def shown_all(keeper):
    with connected(keeper, "root") as raw:
        return raw.rows(messages.List(what="requests", ended=True))
