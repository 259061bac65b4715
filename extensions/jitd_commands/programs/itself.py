# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: jitd itself, with the programs that are beside it."""

from __future__ import annotations

from jitd_commands.judging import THIS_HOST, Call, Row
from jitd_commands.programs.decision_table import DecisionTable

_JITD = DecisionTable("""
    lock --all                stops     locks everybody but root out of jitd, and ends all that they have  until root unlocks it
    lock --user|--principal   changes   locks {--user|--principal} out of jitd, and ends what they have
    lock                      changes   locks somebody out of jitd
    unlock                    changes   lifts the locks on {--user|--principal:those whom it names}
    approve|review|board      changes   reviews requests in the name of the account
    deny                      changes   denies {:requests}
    withdraw                  changes   takes back {:a request}
    revoke                    changes   ends what jitd permits, and kills what runs under it
    stop                      changes   ends the run {:that it names}
    mute                      harmless
    reload                    changes   lets jitd read its policy again
    audit key --rotate        changes   makes a new key, by which jitd signs its record from now on
    audit key --acknowledge   changes   says that the new key of jitd's record is right
    audit key                 harmless
    audit show|export|pack|report  reads  shows what people asked for, ran and gave as reasons
    audit countersigned       changes   stores what a witness has signed of jitd's record
    audit witness             changes   signs the records of other hosts
    audit verify|digests      harmless
    replay|watch              reads     shows what somebody typed and saw in a run
    show|explain|requests|grants|runs|locks|reviews|status|metrics|doctor|check|pam-lint|complete  harmless
    setup --dry-run|--help|-h       harmless
    pam-install --dry-run|--help|-h  harmless
    setup                     gives     changes who may act as root by jitd, and how jitd runs
    pam-install --remove      gives     takes jitd's gate out of {:a service}: nobody is asked there any more
    pam-install               stops     puts jitd's gate into {:a service}, where nobody gets in whom jitd does not permit  \
        until it is taken out
    kdc setup                 changes   makes accounts in the KDC, by which jitd tests it
    kdc gate                  stops     lets the KDC refuse tickets for {:a service} that nobody has granted  until kdc ungate
    kdc ungate                changes   lets the KDC issue tickets for {:a service} to anybody
    kdc check                 harmless
    serve                     gives     runs another jitd, with the settings that it is given
""")


def _jitd(call: Call) -> None:
    """The verbs for other hosts act there, by the key of the account. A door's command may be any program."""
    for text in call.values("via"):
        call.runs_text(text)
    hosts = (call.values("host") or call.values("hosts"))[-1:]
    is_far = hosts and not THIS_HOST.fullmatch(hosts[0].text)
    there = call.on("" if hosts[0].is_free else hosts[0].text, variable=hosts[0].variable) if is_far else call
    if call.operands or not call.has("h", "help", "version", "v"):
        _JITD(there)
    for word in call.values("out", "html", "csv", "kept", "monthly", "to", "textfile"):
        call.writes(word)
    for word in call.values("config", "key", "checkpoints", "keytab"):
        call.reads(word)
    verb = call.verb
    if verb is not None and verb.text in ("check", "pam-lint", "audit"):
        for word in call.operands[1 if verb.text != "audit" else 2 :]:
            call.reads(word)


ROWS = (
    Row(
        "jitd",
        _jitd,
        "host: via: hosts: version v verbose h help comment: reason: yes watch json all for: off user: principal: until-done"
        " rotate acknowledge allowed-signers since: until: who: rule: event: id: after: follow config: out: no-recordings html:"
        " csv: explain kept: monthly: checkpoints: key: list strict as: run-as: at: fact: groups: service: break-glass keytab:"
        " granted-by: maxlife: log to: kdc: textfile: remove dry-run speed: idle-limit: raw export: admin: no-admin requester:"
        " approver: tell: kind: new-key wait no-wait of: exchange plugin",
        chosen="can start any command",
    ),
)
