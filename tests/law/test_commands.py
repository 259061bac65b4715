# SPDX-License-Identifier: Apache-2.0
"""Every command that a message gives to root has a row, and a test that types it and sees what it does.

A command is found by its first word and the shape of the second (BEGINNINGS), so that prose about a program is not one. In
texts with values, a value is ``{}``. The row of a command is the longest text of COMMANDS with which it begins.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.law.tree import MODULES, TREE

BEGINNINGS = {
    "adcli": r"[a-z]+",
    "addprinc": "-",
    "apt": "install",
    "chmod": r"[0-7]{3}|[ugo]+[-+=]",
    "chown": r"\S+:|\{",
    "echo": r".*>",
    "getprinc": r"\{",
    "getent": r"[a-z{]",
    "gpasswd": "-",
    "groupdel": r"\{",
    "hostnamectl": "set-",
    "journalctl": "-",
    "kadmin": r"-q|ktadd",
    "kadmin.local": r"-q|addprinc",
    "kill": r"\{",
    "ktadd": "-k",
    "ktremove": "-k",
    "modprinc": r"[-+]",
    "mount": "-o",
    "mv": "-",
    "rm": r"\{",
    "make": "install",
    "setsid": "-f",
    "ssh-keygen": "-k",
    "sshd": "-T",
    "sysctl": "-w",
    "systemctl": r"[a-z]",
    "timedatectl": "set-",
    "umount": "-",
    "userdel": r"\{",
    "usermod": "-",
    "visudo": "-c",
    "jitd": "audit|check|doctor|kdc|pam-(?:install|lint)|policy test|reload",
}
"""First words of commands → what follows."""
COMMAND = re.compile("|".join(rf"(?<![\w/.'-]){re.escape(word)} (?={rest})" for word, rest in BEGINNINGS.items()))
TABLES = "extensions/jitd_commands/programs/"
"""The modules of this directory are tables about the commands that people ask for."""
HELP = ("jitd/cli/help.py", "jitpam/usage.py")
"""Modules with examples. tests/client/test_help.py types each of them as far as its parser."""

PLUGIN_IN = "tests/pam/test_plugin_installed.py::"
BREAKAGES = "tests/system/test_doctor.py::test_what_is_broken_is_found_with_its_mend"
SHARED = "tests/system/test_doctor.py::test_a_repair_leaves_the_keys_of_other_services_in_the_keytab"
BOOTED = "tests/booted/test_doctor.py::test_what_is_broken_is_found_and_mended_by_the_command"
BOOTED_SERVICE = "tests/booted/test_doctor.py::test_a_service_that_systemd_starts_again_and_again_or_gives_up_is_told"
TYPED = "tests/system/test_typed.py::"
TYPED_BOOTED = "tests/booted/test_typed.py::"
HELPER = "tests/booted/test_silent_helper.py::test_what_reload_doctor_and_setup_tell_lets_the_helper_listen_that_a_sink_needs"
LINT = TYPED + "test_what_pam_lint_tells_root_to_type_takes_the_finding_away"
LOOKS = TYPED_BOOTED + "test_what_only_looks_can_be_typed"
DOOR = "tests/booted/test_door_unit.py::test_an_approver_comes_by_tcp_and_the_record_says_so"
UNITS = TYPED_BOOTED + "test_a_unit_that_is_not_there_is_started_by_its_command"
ON_KDC = "tests/gates/test_gates.py::test_the_service_that_is_missing_is_made_by_the_command_that_is_told"
RENAMED = "tests/givers/test_accounts.py::test_an_account_that_was_renamed_is_never_called_taken_and_what_to_do_is_said"
OF_CA = "tests/givers/test_ssh_certificates.py::test_a_ca_that_others_may_read_signs_nothing_until_the_command_is_typed"
IN_AD = "tests/ad/test_people_of_a_domain.py::test_the_commands_of_the_doctor_leave_the_member_in_its_domain"
SSSD_IN_AD = "tests/ad/test_disabled_requester.py::test_the_lines_that_doctor_and_setup_tell_let_the_rights_to_log_on_decide"

COMMANDS: dict[str, str] = {
    # the key
    "addprinc -randkey {}": BREAKAGES,
    "kadmin -q {}": BREAKAGES,
    "getprinc {}": LOOKS,
    "kadmin.local addprinc -randkey {}": ON_KDC,
    "ktadd -k {} -e aes256-cts-hmac-sha1-96:normal {}": SHARED,
    "ktadd -k {} {}": SHARED,
    "ktremove -k {} {} all": SHARED,
    "modprinc +allow_tix {}": BREAKAGES,
    "modprinc -expire never {}": BREAKAGES,
    "mv -f {} {}": BREAKAGES,
    "adcli testjoin": IN_AD,
    "adcli update --add-service-principal={}": IN_AD,
    # files
    "chmod 600 {}": BREAKAGES,
    "chmod 644 {}": LINT,
    "chmod 666 {}": BREAKAGES,
    "chmod 755 {}": LINT,
    "chmod g+w {}": "tests/doctor/test_looks.py::test_a_terminal_that_takes_no_messages_takes_them_after_the_command",
    "chmod go-w {}": BREAKAGES,
    "chmod go= {}": OF_CA,
    "chmod u-s {}": LINT,
    "chown jitd-kdc: {}": TYPED_BOOTED + "test_the_key_of_the_writer_is_closed_by_the_command",
    "chown root:root {}": BREAKAGES,
    "chown {} {}": "tests/system/test_doctor.py::test_what_sssd_owns_is_no_fault_of_krb5_conf",
    "echo fs.{} = 1 >> /etc/sysctl.d/60-links.conf": LINT,
    "sysctl -w fs.{}=1": LINT,
    "rm {}": BREAKAGES,
    "mount -o remount,rw {}": BREAKAGES,
    "umount -l {}": TYPED + "test_a_mount_that_does_not_answer_is_gone_after_its_command",
    # accounts
    "gpasswd -a NAME {}": TYPED + "test_a_group_without_members_is_filled_by_the_command",
    "userdel {}": RENAMED,
    "groupdel {}": RENAMED,
    "ssh-keygen -k -f {}": "tests/givers/test_ssh_certificates.py::test_a_list_that_is_missing_is_made_by_the_command",
    "usermod -l {} {}": RENAMED,
    # the host
    "apt install jitsudo-board": "tests/hosts/test_deb.py::test_nothing_is_lost_over_upgrades_and_ways_back_until_the_purge",
    "apt install pamtester": TYPED + "test_pamtester_is_installed_by_the_command",
    "hostnamectl set-hostname {}": TYPED_BOOTED + "test_the_hosts_name_is_set_by_the_command",
    "timedatectl set-ntp true": TYPED_BOOTED + "test_the_clock_is_kept_by_the_command_or_it_says_what_is_missing",
    # the daemon and its units
    "make install": "tests/system/test_install.py::test_what_an_administrator_has_changed_is_left_alone",
    "kill {}": TYPED + "test_another_daemon_is_ended_by_the_command",
    "jitd audit key": "tests/system/test_signed_head.py::test_a_lost_key_is_told_and_the_command_acknowledges_it",
    "jitd audit key --acknowledge": "tests/system/test_signed_head.py::test_a_lost_key_is_told_and_the_command_acknowledges_it",
    "jitd reload": BREAKAGES,
    "setsid -f jitd serve{}": BREAKAGES,
    "systemctl daemon-reload": UNITS,
    "systemctl enable --now jitd-helper@kdc.socket": UNITS,
    "systemctl enable --now {}.socket": HELPER,
    "systemctl enable --now jitd-door-tcp.socket": DOOR,
    "systemctl enable --now jitd.service": BOOTED,
    "systemctl enable --now {}": BOOTED,
    "systemctl enable {}": BOOTED,
    "systemctl reload ssh": TYPED_BOOTED + "test_an_sshd_with_old_settings_is_reloaded_by_the_command",
    "systemctl reset-failed {}": UNITS,
    "systemctl restart {}": BOOTED_SERVICE,
    "systemctl restart jitd": "tests/booted/test_service.py::test_broken_settings_stop_the_start_once_and_each_caller_is_told",
    "systemctl restart jitd-launcher.socket {}": UNITS,
    "systemctl restart jitd.service": BOOTED,
    "systemctl restart jitd.socket jitd.service": BOOTED,
    "systemctl restart sssd": SSSD_IN_AD,
    "systemctl start {}.socket": UNITS,
    "systemctl status {}": BOOTED,
    "systemctl stop {}": BOOTED,
    "systemctl unmask --runtime {}": BOOTED,
    "systemctl unmask {}": BOOTED,
    # the KDC's gate
    "jitd kdc gate {}": ON_KDC,
    "jitd kdc setup": ON_KDC,
    # stacks
    "jitd pam-install {}": "tests/pam/test_pam_install.py::test_each_gate_that_is_shipped_can_be_put_in_and_taken_out",
    "jitd pam-install --remove {}": "tests/pam/test_pam_install.py::test_each_gate_that_is_shipped_can_be_put_in_and_taken_out",
    "jitd pam-install sudo": PLUGIN_IN + "test_the_way_back_to_the_gate_leaves_no_moment_without_either",
    "jitd pam-install sudo --plugin": PLUGIN_IN
    + "test_an_upgrade_of_sudo_that_takes_the_line_away_is_found_and_the_command_puts_it_back",
    "jitd pam-install --remove sudo --plugin": PLUGIN_IN
    + "test_a_plugin_that_is_damaged_in_an_upgrade_is_named_with_the_way_back",
    # what only looks
    "jitd audit export": "tests/system/test_verified_alive.py::test_who_is_not_root_hears_how_to_verify_an_export",
    "jitd audit pack": "tests/system/test_auditor.py::test_who_approved_is_told_by_the_host_and_proved_without_it",
    "jitd audit report --csv": "tests/system/test_report_read.py::test_an_auditor_gets_sheets_too_and_nobody_else",
    "jitd audit show": LOOKS,
    "jitd audit verify": LOOKS,
    "jitd check": LOOKS,
    "jitd doctor": LOOKS,
    "jitd kdc check": LOOKS,
    "jitd pam-lint /etc/pam.d/{}": LOOKS,
    "jitd pam-lint": LOOKS,
    "jitd policy test": LOOKS,
    "getent passwd {}": LOOKS,
    "getent {} {}": LOOKS,
    "journalctl -p err -b": LOOKS,
    "journalctl -t jitd": LOOKS,
    "journalctl -u jitd": LOOKS,
    "journalctl -u {}": LOOKS,
    "sshd -T": LOOKS,
    "visudo -c": LOOKS,
}
"""Commands → the test that types them."""


def texts(syntax: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and the text of each literal that is no docstring, with ``{}`` for its values."""
    left_out: set[int] = set()
    for node in ast.walk(syntax):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            left_out |= {id(value) for value in node.values}
            yield node.lineno, "".join(one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)  # type: ignore[misc]
    for node in ast.walk(syntax):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.lineno, node.value


def commands() -> Iterator[tuple[str, str]]:
    """Where each command of a message stands, and the message from the command on."""
    for module in MODULES:
        if not module.place.startswith(TABLES) and module.place not in HELP:
            for line, text in texts(module.syntax):
                for found in COMMAND.finditer(text):
                    yield f"{module.place}:{line}", text[found.start() :]


def row_of(text: str) -> str | None:
    return max((row for row in COMMANDS if text.startswith(row)), key=len, default=None)


def test_every_command_that_a_message_gives_to_root_has_a_row() -> None:
    assert [(place, text) for place, text in commands() if row_of(text) is None] == []


def test_every_row_is_in_a_message() -> None:
    used = {row_of(text) for _, text in commands()}
    assert sorted(COMMANDS.keys() - used) == []


def test_every_row_names_a_test_that_is_there() -> None:
    missing = []
    for row, test in COMMANDS.items():
        file, _, name = test.partition("::")
        place = TREE / file
        if not place.exists() or not re.search(rf"^def {name}\(", place.read_text("utf-8"), re.M):
            missing.append((row, test))
    assert missing == []
