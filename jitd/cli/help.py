# SPDX-License-Identifier: Apache-2.0
"""What ``-h`` prints: the verbs by who uses them, with a line about each, and examples of each verb.

Law: no line is wider than the terminal, and none is wider than 80 columns. The list of all verbs imports none of their modules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from jitd.cli.terminal_size import terminal_size
from jitpam.usage import LEAST, MOST, row

SUMMARIES: dict[str, dict[str, str]] = {
    "Everyone": {
        "requests": "list open requests: yours, and those you may review",
        "show": "show all about one request, and how it ended",
        "withdraw": "take back a request of your own",
        "explain": "say what would be decided about a command, and why",
        "grants": "list what is permitted now",
        "revoke": "end a grant, and kill what runs under it",
        "runs": "list what runs now",
        "stop": "end a run; its grant stays",
    },
    "Approvers": {
        "approve": "show what waits for you, and approve or deny it",
        "deny": "deny requests, with a reason",
        "board": "all that waits and runs, live on the whole terminal",
        "watch": "follow a run live, from its beginning",
        "replay": "play the recording of a run",
        "reviews": "list the reviews that are owed after --break-glass",
        "review": "show what somebody did with --break-glass, and review it",
        "mute": "stop notices about waiting requests for some time",
    },
    "Operators": {
        "lock": "lock somebody: end what they have, permit nothing new",
        "unlock": "lift a lock",
        "locks": "list the locks",
        "reload": "read the policy again",
        "status": "say what the daemon does, and what is not well with it",
        "metrics": "print what the daemon counts, in OpenMetrics",
    },
    "Auditors": {
        "audit": "print, export, report and verify the record",
    },
    "Root": {
        "setup": "set up this host, step by step, and try it",
        "check": "find every fault of the settings and the policy",
        "policy": "make rules of sudoers, and try rules with tables",
        "doctor": "find what is wrong with this host, and say how to mend it",
        "pam-install": "put jitd's gate into sudo, su or logins, and take it out",
        "pam-lint": "find ways round jitd in PAM, sudoers and sshd_config",
        "kdc": "let the KDC refuse tickets that nobody has granted",
        "serve": "run the daemon (systemd does)",
    },
    "audit": {
        "show": "print records, oldest first",
        "pack": "write all about one action into a zip that proves itself",
        "report": "print which rights there were, and how they were used",
        "export": "print records with all that proves them",
        "verify": "prove that the record is complete and unchanged",
        "key": "print the public key by which the record is signed",
        "digests": "print digests of the record, for a witness",
        "witness": "countersign the records of other hosts",
        "countersigned": "store the countersignatures of witnesses",
    },
    "policy": {
        "import": "print rules that permit what sudo permits",
        "test": "try each case, and say what no case has tried",
    },
    "kdc": {
        "setup": "make the canaries by which jitd tests the KDC",
        "gate": "refuse tickets for a service that nobody has granted",
        "ungate": "issue tickets for a service to anybody again",
        "check": "ask each KDC for tickets that it must refuse",
    },
}
"""Maps each group of verbs to its verbs, and these to what they do. A group is named after its users, or after the verb above."""
_ABOVE = ("audit", "policy", "kdc")
EXAMPLES: dict[str, dict[str, str]] = {
    "": {
        "jitd": "what waits for you; Enter shows it and asks",
        "jitd approve": "the same, one request after the other",
        "jitd explain -- apt upgrade": "what would be decided",
    },
    "requests": {"jitd requests": "what waits", "jitd requests --watch": "live, until Ctrl-C"},
    "show": {"jitd show K7QM": "four letters of an id are enough"},
    "approve": {
        "jitd approve": "walk through all that waits for you",
        "jitd approve K7QM": "four letters are enough to name one",
        "jitd approve K7QM --watch": "if its rule requires a watcher",
    },
    "deny": {"jitd deny K7QM --reason 'use the staging host'": "the requester reads why"},
    "withdraw": {"jitd withdraw K7QM-2XVD": "as Ctrl-C in the waiting jitsudo"},
    "review": {"jitd review K7QM-2XVD": "shows it, and asks for your comment"},
    "reviews": {"jitd reviews": "what somebody still has to review"},
    "grants": {"jitd grants --all": "also those that have ended"},
    "revoke": {
        "jitd revoke K7QM-2XVD": "one grant",
        "jitd revoke --of alice --reason 'wrong host'": "all of alice's",
    },
    "runs": {"jitd runs": "who runs what, since when"},
    "stop": {"jitd stop K7QM-2XVD": "the id is in jitd runs"},
    "watch": {"jitd watch K7QM-2XVD": "q leaves; the run goes on"},
    "replay": {
        "jitd replay K7QM-2XVD --idle-limit 2": "no long pauses",
        "jitd replay K7QM-2XVD --export sudo --to old": "for sudoreplay -d",
    },
    "lock": {
        "jitd lock --user alice --for 1d --reason 'lost laptop'": "until tomorrow",
        "jitd lock --all": "all but root here",
    },
    "unlock": {"jitd unlock --user alice": "lifts all locks on alice"},
    "setup": {
        "jitd setup": "asks five questions",
        "jitd setup --dry-run": "prints the steps alone",
        "jitd setup --requester dba --approver ops -- id": "with a rule for id",
    },
    "locks": {"jitd locks": "who is locked, by whom and why"},
    "board": {"jitd board": "? explains the keys, q leaves"},
    "mute": {"jitd mute --for 2h": "no notices for two hours", "jitd mute --off": "again"},
    "explain": {
        "jitd explain -- systemctl restart nginx": "by which rule",
        "jitd explain --as alice --run-as postgres -- psql": "for somebody else",
    },
    "check": {
        "jitd check": "what the daemon would read",
        "jitd check --strict policy.d/web.toml": "a file before it is installed",
    },
    "policy": {"jitd policy test": "the rules of this host, with their tables"},
    "policy import": {
        "jitd policy import --approvers group:ops": "what sudo permits here",
        "jitd policy import --approvers group:ops copy": "of a copied file",
    },
    "policy test": {
        "jitd policy test": "before jitd reload, which does so, too",
        "jitd policy test --junit out.xml .": "in CI, in a copy of /etc/jitd",
    },
    "reload": {"jitd reload": "after jitd check has found no fault"},
    "serve": {"jitd serve --config /tmp/jitd.toml": "with other settings"},
    "pam-install": {
        "jitd pam-install --dry-run sudo": "what would change",
        "jitd pam-install sudo": "sudo asks jitd from now on",
        "jitd pam-install --remove sudo": "and no longer",
        "jitd pam-install sudo --plugin": "by its plugin, without a gate",
    },
    "pam-lint": {"jitd pam-lint": "this host", "jitd pam-lint /etc/pam.d/sudo": "one stack"},
    "status": {"jitd status": "ends with 1 if something is not well"},
    "doctor": {"jitd doctor": "as root: the host; else: yourself", "jitd doctor -v": "also what is in order"},
    "audit": {"jitd audit show --since 1d": "since yesterday", "jitd audit verify": "is all of it there"},
    "audit show": {
        "jitd audit show --who alice --since 2h": "alice's last two hours",
        "jitd audit show --id K7QM-2XVD": "the life of one request",
        "jitd audit show --event request.screened --follow": "each decision",
    },
    "audit export": {"jitd audit export --since 2026-11-01": "to standard output"},
    "audit verify": {"jitd audit verify": "this host's", "jitd audit verify export.json": "a copy, anywhere"},
    "audit pack": {"jitd audit pack K7QM-2XVD --out change.zip": "for an auditor"},
    "audit key": {"jitd audit key --allowed-signers": "for ssh-keygen -Y verify"},
    "audit report": {
        "jitd audit report --html rights.html": "90 days, as a page",
        "jitd audit report --who alice --since 2026-10-01": "about one person",
    },
    "audit digests": {"jitd audit digests": "into jitd audit witness, over ssh"},
    "audit witness": {"jitd audit witness /srv/witness": "reads digests, signs them"},
    "audit countersigned": {"jitd audit countersigned -": "what a witness has printed"},
    "metrics": {"jitd metrics --textfile jitd.prom": "for node_exporter"},
    "kdc": {"jitd kdc check": "is the gate on", "jitd kdc gate nfs/db1.example.org": "put one service behind it"},
    "kdc setup": {"jitd kdc setup web1.example.org": "on the KDC, for one host"},
    "kdc gate": {"jitd kdc gate nfs/db1.example.org --log": "refuse nothing yet, and log"},
    "kdc ungate": {"jitd kdc ungate nfs/db1.example.org": "as before jitd kdc gate"},
    "kdc check": {"jitd kdc check": "each KDC must refuse"},
}


class Group(click.Group):
    """A verb with verbs below it. They are listed with their summaries, in groups."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs."""
        above = ctx.command_path.partition(" ")[2]
        groups = {"Verbs": SUMMARIES[above]} if above else {who: SUMMARIES[who] for who in SUMMARIES if who not in _ABOVE}
        known = set(self.list_commands(ctx))
        widest = max(map(len, known))
        for who, verbs in groups.items():
            if rows := [(name.ljust(widest), does) for name, does in verbs.items() if name in known]:
                with formatter.section(who):
                    formatter.write_dl(rows)


class Formatter(click.HelpFormatter):
    """click's formatter, for a terminal of any width."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(width=_width())

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write each term with its text. On a narrow terminal, the text stands below the term."""
        if self.width >= LEAST - 2:
            super().write_dl(rows, col_max, col_spacing)
            return
        for term, text in rows:
            self.write("\n".join(row(f"  {term.strip()}", text, 0, self.width)) + "\n")


class Context(click.Context):
    """The context of a verb. The help of the verb ends with its examples."""

    formatter_class = Formatter

    def get_help(self) -> str:
        lines = EXAMPLES.get(self.command_path.partition(" ")[2], {})
        if isinstance(self.command, click.Group):  # some verbs below it may not be here
            known = {self.command_path, *(f"{self.command_path} {name}" for name in self.command.list_commands(self))}
            n_words = len(self.command_path.split()) + 1
            lines = {line: use for line, use in lines.items() if " ".join(line.split()[:n_words]) in known}
        if not lines:
            return super().get_help()
        column = 4 + max(map(len, lines))
        told = [part for line, use in lines.items() for part in row(f"  {line}", use, column, _width())]
        return "\n".join([super().get_help(), "", "Examples:" if len(lines) > 1 else "Example:", *told])


def with_help(verb: click.Command) -> click.Command:
    """Give ``verb`` and all verbs below it a help of this form."""
    verb.context_class = Context
    for below in verb.commands.values() if isinstance(verb, click.Group) else ():
        with_help(below)
    return verb


def _width() -> int:
    return max(1, min(terminal_size().columns, MOST) - 2)
