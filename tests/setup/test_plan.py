# SPDX-License-Identifier: Apache-2.0
"""The steps of ``jitd setup`` as a table: what a host has, what a person answers, and what is then done."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from jitd.cli import main
from jitd.settings import config, policyfile
from jitd_inspection.doctor.kerberos import HOSTS, OWN
from jitd_inspection.setup.host import CannotRead, faults
from jitd_inspection.setup.plan import (
    AD,
    FREEIPA,
    LOOK,
    MAIL,
    POLICY,
    SETTINGS,
    TICKET,
    Answers,
    Await,
    Facts,
    Run,
    Step,
    Write,
    cannot,
    is_right,
    plan,
    questions,
    rule_name,
    rule_text,
)
from tests.law.tree import TREE

SHIPPED = (TREE / "contrib/etc/jitd.toml").read_text("utf-8")
ANSWERS = Answers(
    admin="root/admin@EXAMPLE.ORG",
    requester="group:dba",
    approver="group:ops",
    command=("/usr/bin/systemctl", "restart", "cron"),
    tell="terminals",
)
NO_ADMIN = Answers(admin="", requester=ANSWERS.requester, approver=ANSWERS.approver, command=ANSWERS.command, tell=ANSWERS.tell)
HELPER = "systemctl enable --now jitd-helper@outside.socket"
RULE_FILE = f"{POLICY}/systemctl-restart-cron.toml"
PRINCIPAL = "jitd/db1.example.org@EXAMPLE.ORG"
JOINED = ("DB1$@EXAMPLE.ORG", "host/db1.example.org@EXAMPLE.ORG")


def host(**found: Any) -> Facts:
    """A host on which jitd was installed a moment ago, with what differs."""
    fresh = {
        "host": "db1.example.org",
        "realm": "EXAMPLE.ORG",
        "settings": SHIPPED,
        "shipped": SHIPPED,
    }
    return Facts(**(fresh | found))


def member(**found: Any) -> Facts:
    """A member of an Active Directory, likewise."""
    keytabs = {str(HOSTS): JOINED}
    return host(**({"kind": AD, "domain": "example.org", "has_joined": True, "keytabs": keytabs} | found))


def after(facts: Facts, answers: Answers = ANSWERS) -> Facts:
    """The host after all steps."""
    files, settings = dict(facts.files), facts.settings
    keytab = facts.keytab
    for step in plan(facts, answers):
        for action in step.actions:
            if isinstance(action, Write) and action.path == SETTINGS:
                settings = action.text
            elif isinstance(action, Write):
                files[action.path] = action.text
    values = tomllib.loads(settings or "")
    keytab = str(values.get("keytab", keytab))
    return host(
        kind=facts.kind,
        domain=facts.domain,
        has_joined=facts.has_joined,
        settings=settings,
        files=files,
        keytab=keytab,
        keytabs={keytab: (*facts.keytabs.get(keytab, ()), PRINCIPAL)},
        forms=frozenset(values.get("accounts", {})),
        mailed=tuple(values.get("notify", {}).get(MAIL, {}).get("to", ())),
        rules=(*facts.rules, rule_name(answers)),
        is_enabled=True,
        is_active=True,
    )


def steps(facts: Facts, answers: Answers = ANSWERS) -> dict[str, Step]:
    return {step.title: step for step in plan(facts, answers)}


def typed(step: Step) -> list[str]:
    return [text for action in step.actions if (text := str(action))]


# --- the key ---------------------------------------------------------------------------------------------------------------

KINIT = "KRB5CCNAME=FILE:/run/jitd-setup/ticket kinit -l 10m"
KADMIN = "kadmin -c FILE:/run/jitd-setup/ticket"
KEYS: list[tuple[str, Facts, Answers, list[str]]] = [
    ("mit", host(), ANSWERS, [
        f"{KINIT} -S kadmin/admin@EXAMPLE.ORG root/admin@EXAMPLE.ORG",
        f"{KADMIN} addprinc -randkey {PRINCIPAL}",
        f"{KADMIN} ktadd -k {OWN} {PRINCIPAL}",
    ]),
    ("mit, by somebody else", host(), NO_ADMIN, [
        f"kadmin -q 'addprinc -randkey {PRINCIPAL}'\nkadmin -q 'ktadd -k {OWN} {PRINCIPAL}'"
    ]),
    ("mit, already", host(keytabs={OWN: (PRINCIPAL,)}), ANSWERS, []),
    ("mit, a keytab of others", host(keytabs={OWN: ("host/db1.example.org@EXAMPLE.ORG",)}), ANSWERS, [
        f"{KINIT} -S kadmin/admin@EXAMPLE.ORG root/admin@EXAMPLE.ORG",
        f"{KADMIN} addprinc -randkey {PRINCIPAL}",
        f"{KADMIN} ktadd -k {OWN} {PRINCIPAL}",
    ]),
    ("mit, another realm's", host(keytabs={OWN: ("jitd/db1.example.org@OTHER.ORG",)}), NO_ADMIN, [
        f"kadmin -q 'addprinc -randkey {PRINCIPAL}'\nkadmin -q 'ktadd -k {OWN} {PRINCIPAL}'"
    ]),
    ("freeipa", host(kind=FREEIPA, server="ipa.example.org"), ANSWERS, [
        f"{KINIT} root/admin@EXAMPLE.ORG",
        "KRB5CCNAME=FILE:/run/jitd-setup/ticket ipa service-add jitd/db1.example.org",
        f"KRB5CCNAME={TICKET} ipa-getkeytab -s ipa.example.org -p jitd/db1.example.org -k /etc/jitd/jitd.keytab",
    ]),
    ("freeipa, by somebody else", host(kind=FREEIPA, server="ipa.example.org"), NO_ADMIN, [
        "ipa service-add jitd/db1.example.org\n"
        "ipa-getkeytab -s ipa.example.org -p jitd/db1.example.org -k /etc/jitd/jitd.keytab"
    ]),
    ("ad, the host's account", member(), NO_ADMIN, [
        "adcli update --add-service-principal=jitd/db1.example.org --computer-password-lifetime=3650"
    ]),
    ("ad, an account of its own", member(), ANSWERS, [
        f"{KINIT} root/admin@EXAMPLE.ORG",
        "KRB5CCNAME=FILE:/run/jitd-setup/ticket msktutil create --use-service-account --account-name svc-jitd-db1"
        " --service jitd/db1.example.org --enctypes 24 --dont-expire-password --no-reverse-lookups"
        " --keytab /etc/jitd/jitd.keytab",
    ]),
    ("ad, already", member(keytabs={str(HOSTS): (*JOINED, PRINCIPAL)}), ANSWERS, []),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "answers", "lines"), [row[1:] for row in KEYS], ids=[row[0] for row in KEYS])
def test_the_key_is_made_by_the_means_of_the_realm(facts: Facts, answers: Answers, lines: list[str]) -> None:
    assert typed(steps(facts, answers)["Key"]) == lines


def test_a_key_that_is_there_is_never_made_again() -> None:
    for facts in (host(keytabs={OWN: (PRINCIPAL,)}), member(keytabs={str(HOSTS): (*JOINED, PRINCIPAL)})):
        assert steps(facts)["Key"].is_right
        assert "admin" not in [question.name for question in questions(facts, Answers())]


@pytest.mark.parametrize("facts", [row[1] for row in KEYS])
def test_no_step_removes_a_key_or_a_file(facts: Facts) -> None:
    """THREATS O-18: the other keys of the host keep it in its domain."""
    for answers in (ANSWERS, NO_ADMIN):
        for action in (action for step in plan(facts, answers) for action in step.actions):
            words = action.line if isinstance(action, Run) else ()
            assert not {"rm", "mv", "ktremove", "ktrem", "--remove-service-principal", "reset", "delete"} & {*words}
            assert not isinstance(action, Write) or action.before in (None, facts.shipped)


def test_no_two_hosts_have_one_account_whose_password_the_second_would_change() -> None:
    """THREATS O-18: msktutil gives an account that is there a new password, and the key of the first host ends."""
    names = ["db1.example.org", "db1.lab.example.org", *(f"database-server-{n}.example.org" for n in (1, 2))]
    made = [typed(steps(member(host=name))["Key"])[1].partition("--account-name ")[2].split()[0] for name in names]
    assert len({*made}) == len(names) and made[0] == "svc-jitd-db1", made
    assert all(re.fullmatch(r"svc-jitd-[a-z0-9-]{1,11}", name) for name in made), "a domain takes 20 characters"
    assert typed(steps(member(host=names[2]))["Key"])[1].count(made[2]) == 1, "the same name each time"


# --- the settings and the rule -----------------------------------------------------------------------------------------------


def settings_of(text: str, tmp_path: Path) -> config.Config:
    file, krb5 = tmp_path / "jitd.toml", tmp_path / "krb5.conf"
    file.write_text(text)
    krb5.write_text("[libdefaults]\n default_realm = EXAMPLE.ORG\n")
    return config.read(file, krb5_conf=krb5)


def test_what_was_installed_serves_a_realm_of_mit() -> None:
    assert steps(host())["Settings"].is_right


def test_a_member_of_a_domain_gets_the_names_of_sssd_and_the_keytab_of_the_host(tmp_path: Path) -> None:
    (write,) = steps(member(), NO_ADMIN)["Settings"].actions
    assert isinstance(write, Write) and write.before == SHIPPED
    assert str(write) == 'keytab = "/etc/krb5.keytab"\n\n[accounts."EXAMPLE.ORG"]\nname = "{name}@example.org"\nfold = true'
    made = settings_of(write.text, tmp_path)
    assert made.naming.account_of(b"JSmith@EXAMPLE.ORG") == "jsmith@example.org"
    assert str(made.keytab) == str(HOSTS)


@pytest.mark.parametrize(
    "shipped", ["", "# a\n", '# a\nroot = "deny"\n\n[limits]\npending = 7\n\n# b\n', "[limits]\npending = 7\n"]
)
def test_keys_come_before_the_tables_of_the_shipped_file(shipped: str, tmp_path: Path) -> None:
    (write,) = steps(member(settings=shipped, shipped=shipped), NO_ADMIN)["Settings"].actions
    assert isinstance(write, Write)
    made = settings_of(write.text, tmp_path)
    assert (str(made.keytab), [*made.accounts]) == (str(HOSTS), ["EXAMPLE.ORG"])
    assert all(line in write.text.splitlines() for line in shipped.splitlines())


def test_accounts_without_a_domain_are_folded_all_the_same(tmp_path: Path) -> None:
    (write,) = steps(member(domain=""), NO_ADMIN)["Settings"].actions
    assert isinstance(write, Write)
    assert settings_of(write.text, tmp_path).naming.account_of(b"JSmith@EXAMPLE.ORG") == "jsmith"


def test_a_member_of_a_domain_is_told_what_lets_its_rules_about_who_may_use_the_host_decide() -> None:
    told = "to have jitd ask: first this; second, that"
    note = f"jitsudo does not ask the domain who may use this host, as sudo does; {told}"
    right = {"settings": "# mine\n", "keytab": str(HOSTS), "forms": frozenset({"EXAMPLE.ORG"})}
    for found in ({}, {"settings": SHIPPED + "# mine\n"}, right):
        assert steps(member(**found, access=told), NO_ADMIN)["Settings"].note == note
        assert steps(member(**found), NO_ADMIN)["Settings"].note == "", "and not where it is asked already"


@pytest.mark.parametrize("settings", [SHIPPED + "# mine\n", 'operators = ["group:ops"]\n', ""])
def test_settings_that_somebody_has_changed_are_never_written(settings: str) -> None:
    """THREATS O-18: it says what to add, and does nothing after that."""
    step = steps(member(settings=settings), NO_ADMIN)["Settings"]
    assert step.actions == () and not step.is_right
    assert step.by_hand.splitlines()[0] == 'keytab = "/etc/krb5.keytab"'


def test_settings_that_have_all_of_it_are_right_whoever_wrote_them() -> None:
    found = {"settings": "# mine\n", "keytab": str(HOSTS), "forms": frozenset({"EXAMPLE.ORG"})}
    assert steps(member(**found), NO_ADMIN)["Settings"].is_right


@pytest.mark.parametrize("tell", ["terminals", "nobody"])
@pytest.mark.parametrize("who", ["group:dba", "group:database admins@example.org", "user:alice", "principal:alice@EXAMPLE.ORG"])
@pytest.mark.parametrize("command", [("/usr/bin/systemctl", "restart", "cron"), ("/bin/echo", 'a "b"', "\\", "\x7f", "ü", "")])
def test_the_rule_is_what_was_answered(tell: str, who: str, command: tuple[str, ...], tmp_path: Path) -> None:
    (write,) = steps(host(), Answers("", who, "group:ops", command, tell))["Rule"].actions
    assert isinstance(write, Write) and write.before is None
    file = tmp_path / "rule.toml"
    file.write_text(write.text)
    rules, faults = policyfile.read([file], channels=None)
    assert faults == [] and len(rules) == 1
    rule = tomllib.loads(write.text)["permit"][0]
    assert (rule["who"], rule["commands"], rule["reason"]) == ([who], [list(command)], "required")
    assert rule["approvals"] == [{"need": 1, "from": ["group:ops"]}]


def test_who_is_told_is_in_the_rule_only_where_the_settings_say_otherwise() -> None:
    on, silent = '[notify]\ndefault = ["terminals"]\n', "# nothing\n"
    told = {}
    for name, text in (("on", on), ("silent", silent)):
        for tell in ("terminals", "nobody", "ops@example.org"):
            facts = host(settings=text, shipped=text)
            (write,) = steps(facts, Answers("", "group:dba", "group:ops", ("/bin/true",), tell))["Rule"].actions
            assert isinstance(write, Write)
            told[name, tell] = tomllib.loads(write.text)["permit"][0].get("notify")
    assert told == {
        ("on", "terminals"): None,
        ("on", "nobody"): [],
        ("on", "ops@example.org"): ["terminals", MAIL],
        ("silent", "terminals"): ["terminals"],
        ("silent", "nobody"): None,
        ("silent", "ops@example.org"): ["terminals", MAIL],
    }


def test_an_address_gets_a_table_in_the_settings() -> None:
    (write,) = steps(host(), Answers("", "group:dba", "group:ops", ("/bin/true",), "ops@example.org"))["Settings"].actions
    assert isinstance(write, Write)
    made = tomllib.loads(write.text)["notify"]
    assert {name: made[name] for name in made if name != "default"} == {
        MAIL: {"kind": "mail", "from": "jitd@db1.example.org", "to": ["ops@example.org"]}
    }


def test_an_address_that_the_settings_do_not_have_is_never_passed_over() -> None:
    """The channel is there since an earlier set-up, and tells somebody else."""
    answers = replace(ANSWERS, tell="security@example.org", rule="second")
    facts = host(settings=SHIPPED + "# mine\n", mailed=("ops@example.org",))
    step = steps(facts, answers)["Settings"]
    assert step.actions == () and 'to   = ["ops@example.org", "security@example.org"]' in step.by_hand
    assert steps(facts, replace(answers, tell="ops@example.org"))["Settings"].is_right


def test_a_rule_is_written_where_the_settings_look_for_rules() -> None:
    (write,) = steps(host(policy="/srv/rules"))["Rule"].actions
    assert isinstance(write, Write) and write.path == "/srv/rules/systemctl-restart-cron.toml"


def test_a_command_that_a_rule_takes_for_a_pattern_is_said_to_permit_more() -> None:
    noted = steps(host(), replace(ANSWERS, command=("/usr/bin/find", "/srv", "-name", "*.log")))["Rule"].note
    assert "permits more than *.log" in noted
    assert steps(host())["Rule"].note == ""


def test_the_name_of_any_rule_that_is_there_is_a_fault_before_anything_is_written(tmp_path: Path) -> None:
    """THREATS O-18: two rules of one name would leave the host with a policy that is broken."""
    there = tmp_path / "z.toml"
    there.write_text('[[deny]]\nname = "systemctl-restart-cron"\nwho = ["group:dba"]\nbecause = "no"\n')
    facts = host(policy=str(tmp_path), files={str(there): there.read_text()})
    assert any("stands in" in fault for fault in faults(facts, plan(facts, ANSWERS)))
    there.write_text(there.read_text().replace("systemctl-restart-cron", "another"))
    assert faults(facts, plan(facts, ANSWERS)) == []


def test_a_rule_of_that_name_is_never_changed() -> None:
    """THREATS O-18."""
    for found in ({"files": {RULE_FILE: "# mine\n"}}, {"rules": ("systemctl-restart-cron",)}):
        step = steps(host(**found))["Rule"]
        assert step.actions == () and "[[permit]]" in step.by_hand


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", "/etc/passwd", "..", ".hidden", "A b", "\0", "ü" * 300])
def test_a_rule_is_written_where_rules_are_whatever_its_name_is(name: str) -> None:
    (write,) = steps(host(), replace(ANSWERS, rule=name))["Rule"].actions
    assert isinstance(write, Write) and re.fullmatch(r"/etc/jitd/policy\.d/[a-z0-9][a-z0-9-]*\.toml", write.path)
    assert tomllib.loads(write.text)["permit"][0]["name"] == name


def test_a_host_with_rules_is_asked_about_none() -> None:
    facts = host(rules=("deploy",), keytabs={OWN: (PRINCIPAL,)})
    assert questions(facts, Answers()) == []
    assert steps(facts, Answers())["Rule"].is_right
    assert [q.name for q in questions(facts, Answers(requester="group:dba"))] == ["approver", "command", "tell"]


# --- the whole ---------------------------------------------------------------------------------------------------------------


def test_a_fresh_host_is_asked_five_questions() -> None:
    assert [q.name for q in questions(host(), Answers())] == ["admin", "requester", "approver", "command", "tell"]
    assert questions(host(), ANSWERS) == []


@pytest.mark.parametrize("facts", [row[1] for row in KEYS], ids=[row[0] for row in KEYS])
@pytest.mark.parametrize("answers", [ANSWERS, NO_ADMIN], ids=["admin", "no admin"])
def test_a_second_run_finds_everything_right(facts: Facts, answers: Answers) -> None:
    again = after(facts, answers)
    assert [step for step in plan(again, answers) if not step.is_right] == [LOOK]
    assert is_right(plan(again, answers)) and is_right(plan(again, Answers()))
    assert questions(again, Answers()) == []


def test_the_text_of_a_step_is_what_it_does() -> None:
    key, rule = steps(host())["Key"], steps(host())["Rule"]
    assert key.sentence == f"make {PRINCIPAL}, and write its key into {OWN}, as root/admin@EXAMPLE.ORG"
    assert key.shown() == typed(key)
    (write,) = rule.actions
    assert isinstance(write, Write)
    assert rule.shown() == write.text.splitlines()


@pytest.mark.parametrize("found", [{}, {"kind": AD}])
def test_a_question_leaves_room_for_its_answer_on_a_line_of_80_columns(found: dict[str, Any]) -> None:
    open_ = questions(host(**found), Answers())
    assert len(open_) == 5
    for question in open_:
        default = f" [{question.default}]" if question.default else ""
        assert len(f"{question.text}{default}: ") <= 70, question.text


def test_no_line_of_the_rule_is_longer_than_80_columns() -> None:
    assert max(map(len, rule_text(host(), ANSWERS, "restart-cron").splitlines())) <= 80


@pytest.mark.parametrize(("found", "lines"), [
    ({}, ["jitd check", "systemctl enable --now jitd.service"]),
    ({"is_enabled": True}, ["jitd check", "systemctl enable --now jitd.service"]),
    ({"is_active": True, "is_enabled": True}, ["jitd check", "systemctl restart jitd.service"]),
    ({"is_active": True, "is_enabled": True, "keytabs": {OWN: (PRINCIPAL,)}}, ["jitd check", "jitd reload"]),
    ({"helpers": (HELPER,), "is_enabled": True}, ["jitd check", HELPER, "systemctl enable --now jitd.service"]),
    ({"mailer": HELPER, "is_enabled": True}, ["jitd check", "systemctl enable --now jitd.service"]),
])  # fmt: skip
def test_it_is_checked_before_it_starts(found: dict[str, Any], lines: list[str]) -> None:
    assert typed(steps(host(**found))["Start"]) == lines


def test_an_address_has_the_helper_listen_that_sends_mail() -> None:
    answers = replace(ANSWERS, tell="ops@example.org")
    assert HELPER in typed(steps(host(mailer=HELPER), answers)["Start"])
    assert HELPER not in typed(steps(host(), answers)["Start"]), "it listens already"


@pytest.mark.parametrize(("facts", "answers", "words"), [
    (host(host="db1"), ANSWERS, "not a full name"),
    (host(realm=""), ANSWERS, "names no default_realm"),
    (host(missing=frozenset({"kadmin"})), ANSWERS, "kadmin is not installed; it is in the Debian package krb5-user"),
    (member(has_joined=False), NO_ADMIN, "has not joined the domain"),
    (member(missing=frozenset({"adcli"})), NO_ADMIN, "adcli is not installed"),
])  # fmt: skip
def test_what_the_host_lacks_is_said_before_the_first_step(facts: Facts, answers: Answers, words: str) -> None:
    (sentence,) = cannot(facts, plan(facts, answers))
    assert words in sentence


def test_what_no_step_runs_need_not_be_installed() -> None:
    facts = host(missing=frozenset({"kadmin", "adcli", "msktutil"}))
    assert cannot(facts, plan(facts, NO_ADMIN)) == []
    assert any(isinstance(action, Await) for action in steps(host(), NO_ADMIN)["Key"].actions)


def test_each_fault_that_stops_it_is_a_sentence_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line end within a sentence would be printed as an escape."""

    def look(kind: str | None) -> NoReturn:
        raise CannotRead("a.toml:1: one\nb.toml:2: two")

    monkeypatch.setattr("jitd_inspection.setup.host.look", look)
    monkeypatch.setattr("sys.argv", ["jitd", "setup", "--dry-run"])
    assert main() == 1
    said = capsys.readouterr().err.splitlines()
    assert said == ["jitd: a.toml:1: one", "jitd: b.toml:2: two", "jitd: mend this first: jitd check tells every fault"]


def test_accounts_that_use_sudo_and_could_not_ask_stand_below_the_steps_before_anybody_agrees(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = host(robots=("backup (uid 34) may run by sudo: any command", "backup (uid 34) is a system account. Lower min_uid"))
    monkeypatch.setattr("jitd_inspection.setup.host.look", lambda kind: facts)
    words = ("--admin=root/admin", "--requester=user:a", "--approver=user:b", "--tell=nobody", "--dry-run", "/usr/bin/id")
    monkeypatch.setattr("sys.argv", ["jitd", "setup", *words])
    assert main() == 0
    said = capsys.readouterr().out
    assert said.endswith(
        "Once sudo asks jitd, it refuses accounts that use it now:\n"
        "       backup (uid 34) may run by sudo: any command\n"
        "       backup (uid 34) is a system account. Lower min_uid\n"
    ), said
