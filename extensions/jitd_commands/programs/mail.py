# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: mail servers."""

from __future__ import annotations

import re
from dataclasses import replace

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable, told
from jitd_commands.programs.grammar import grammars
from jitd_commands.programs.shared import trusts
from jitd_commands.shell_text import Word


def _setting(call: Call, word: Word) -> None:
    """postconf(1) shows a setting, or sets it."""
    is_number = not word.is_free and not call.has("X", "#", "M", "F", "P") and _NUMBER.fullmatch(word.text)
    if is_number:
        call.changes(f"sets {word.text[:60]} of the mail server", is_whole=True)
    elif call.has("e", "X", "#") or "=" in word.text or word.is_any or call.may_add_options:
        call.gives("changes the settings of the mail server, which names programs")


_NUMBER = re.compile(
    r"(\w+_(limit|lifetime|time|timeout|delay|interval|level|size_limit|concurrency_limit)|maximal_\w+|minimal_\w+|myhostname"
    r"|mydomain|myorigin|inet_protocols)\s*=\s*[\w.$-]*"
)
"""Settings of Postfix that name no program, file or table."""


def _exim(call: Call) -> None:
    trusts(call, call.values("C"))
    for word in call.values("X"):
        call.writes(word)
    if any(word.text == "-Mrm" for word in call.words) and any(word.is_free for word in call.words):
        call.destroys("deletes mails that jitd cannot tell from the queue", is_whole=True)
    if any(word.text.startswith(("-be", "-D", "-bf", "-bF")) for word in call.words) or call.may_add_options:
        return call.gives("runs expressions, which can start programs")
    if any(word.text in ("-bp", "-bpc", "-bpr", "-bpa", "-bt", "-bv", "-bV", "-bP") for word in call.words):
        return None
    if any(re.match("-Mv[bhlc]", word.text) for word in call.words):
        return call.discloses("shows other people's mail")
    deeds = [word for word in call.words if word.text.startswith("-M")][:1]
    words = [*deeds, *(word for word in call.words if not word.text.startswith("-"))] if deeds else call.words
    _EXIM(replace(call, sorted_operands=[replace(word, text=word.text.lstrip("-")) for word in words]))


_EXIM = DecisionTable("""
    Mrm       destroys  deletes the mails {2+:that it names} from the queue
    Mg        changes   gives up the mails {2+:that it names}, and tells their senders
    Mf        changes   holds the mails {2+:that it names}
    M*        changes   sends or changes the mails {2+:that it names}
    R*|S*|q*  changes   tries to send mail that waits
    bd        changes   starts a mail server
    *         changes   sends mail
""")


def _sendmail(call: Call) -> None:
    trusts(call, call.values("C"))
    if call.has("bp"):
        return
    to = told(call.operands) or "whom its input names"
    if call.input is not None and call.input.path is not None:
        call.reads(call.input.path, then=f"sends it to {to}")
    call.changes(f"sends mail to {to}")


_TABLES = DecisionTable("""
    postmap|postalias: -q|-s  harmless
    postmap|postalias: -d     changes   takes {-d:…} out of the table {1}
    postmap|postalias:        changes   makes the table {1:that it names} of the mail server anew
    newaliases:               changes   makes the aliases of the mail server anew
""")
_DOVEADM = DecisionTable("""
    who|version|help          harmless
    service|quota status|get  harmless
    stats|log                 harmless
    user|auth                 reads     {program} shows accounts or passwords of mail
    search                    harmless
    fetch|dump|save           reads     {program} shows mail of others
    mailbox status            harmless
    mailbox list              reads     {program} shows which mail others have
    expunge                   destroys  deletes the mail that it finds
    mailbox delete            destroys  deletes mailboxes with all mail in them: {3+}
    move|copy|import|sync|backup|altmove|dsync  changes   moves or copies the mail that it finds
    purge                     changes   frees the space of mail that is deleted ({-u:whom it names})
    kick                      changes   ends the connections of {2+:everybody}
    reload                    changes   lets the mail server read its settings again
    stop                      changes   stops the mail server: nobody reads mail
    *                         changes   runs {1} {2:} on the mail of others
""")
_RSPAMC = DecisionTable("""
    stat|uptime|counters|errors|ping  harmless
    stat_reset                        changes   sets the counters of the filter for spam to zero
    *                                 changes   teaches the filter for spam, or changes it: {1} {2:}
""")
_RSPAMADM = DecisionTable("""
    control stat|fuzzystat             harmless
    configtest|configgraph|help|confighelp  harmless
    control *                          changes   lets the filter for spam {2}
    configdump|pw|keypair|dkim_keygen  reads     {program} shows keys or settings of the filter for spam
    *                                  gives     {program} runs code in the filter for spam
""")


ROWS = (
    *grammars(
        """
        = postfix  -c=DIR:obeys -v -D
        check|status           harmless
        ()                     harmless
        stop|abort|drain       changes   stops the mail server: no mail comes or goes
        start|start-fg         changes   starts the mail server
        reload                 changes   lets the mail server read its settings again
        flush                  changes   tries to send all mail that waits
        set-permissions|upgrade-configuration ...  changes   repairs the files of the mail server
        * ...                  changes   runs {1} {2+:} on the mail server
        = postconf  -c=DIR:obeys -e -X -# -M -n -d -p -C=TEXT -f -h -H -l -m -o=SETTING -x -v -a -A -b[=TEXT] -F -P -t
        -e|-X|-#|-M|-F|-P SETTING...  harmless
        SETTING...             harmless
        = postqueue mailq  -b -c=DIR:obeys -i=SAID -s=SAID -f -p -j -v
        mailq:  harmless
        postqueue: -p|-j ()  harmless
        postqueue:  changes   {program} tries to send {-i|-s:all mail that waits}
        = qshape  -s -p -m=N -b=N -t=N -n=N -N=N -w=N -l -h -c=DIR:obeys
        ...    harmless
        = exiqgrep  -f=TEXT -r=TEXT -s=TEXT -y=N -o=N -z -x -c -l -i -b -R -a -G=TEXT -h -C=FILE:trusts -E=PROGRAM
        ()     harmless
        = opendkim-testkey  -d=TEXT -s=TEXT -v -V -x=FILE:trusts -k=FILE:reads
        ()     harmless
        = postcat  -q -v -b -e -d -h -c=DIR:obeys -o -f -F -r
        ...    reads     {program} shows other people's mail
        = postsuper  -c=DIR:obeys -d=SAID -h=SAID -H=SAID -r=SAID -f=SAID -e=SAID -p -s -S -v
        -d=ALL ...  destroys  deletes all mail that waits ({1:all queues})
        -d ...  destroys  deletes the mail {-d:…} from the queue
        -r ...  changes   puts {-r:…} into the queue again
        -h ...  changes   holds {-h:…}
        -H ...  changes   lets {-H:…} be sent that is held
        ...     changes   repairs the files of the queue
        """,
        types={"SETTING": _setting},
    ),
    Row(
        "rspamc",
        _RSPAMC,
        "h: P: p: j json v verbose t: timeout: compact raw human"
        " f: fuzzy-flag w: weight: s: symbol: i: ip: u: user: d: deliver: F: from: r: rcpt: H: hostname:"
        " helo: n: max-requests: a all key: header:",
    ),
    Row("rspamadm", _RSPAMADM, "s: q quiet h help c:"),
    Row("postmap postalias newaliases", _TABLES, "q: s d: c: v N r i n o p u w F b h m f"),
    Row(
        "exim exim4",
        _exim,
        "bp bpc bpr bpu bpa bt bV bP Mvh Mvl Mvb V d C: X:"
        " M Mrm Mg Mf Mt Mc Mes MG Mar Mmad bd bs bf q qf qff qi R S ps oi om oMr odi odq odb v bh be bem",
        telling="--version",
    ),
    Row("sendmail msmtp", _sendmail, "C: f: F: r: X: bp t i v oi oem bv"),
    Row("doveadm", _DOVEADM, "u: A h help F: c: o: v D r: s S: f: i: n: N m: a: d P 1"),
)
