# SPDX-License-Identifier: Apache-2.0
"""The question about a login, made of the question that a client has asked."""

from dataclasses import fields, replace

from jitd.deciding.command_lookup import NO_COMMAND, Asked
from jitd.deciding.program_commands import login

OF_WHO_ASKS = {"reason", "terms", "anew", "tty", "caller", "breaks_glass", "asks_people"}
"""Who asks, why, and on what terms."""
OF_A_COMMAND = {
    "argv", "login", "user", "group", "cwd", "cwd_device", "cwd_inode", "chdir", "variables", "preserved", "locale", "streams",
    "is_bare", "options", "doubt", "leads_to", "unseen", "gives", "stays", "brought", "lets", "text",
    "base", "undone", "texts", "bases", "undones", "file",
}  # fmt: skip
"""What would run, or be given."""


def test_a_question_about_a_login_has_all_of_who_asks_and_nothing_of_a_command() -> None:
    names = {field.name for field in fields(Asked)}
    assert names == OF_WHO_ASKS | OF_A_COMMAND, "of which of the two is the new one?"
    asked = Asked(**{name: object() for name in names})
    found = login("sshd", "alice", asked)
    assert {name for name in names if getattr(found, name) is getattr(asked, name)} == OF_WHO_ASKS
    kept = {name: getattr(asked, name) for name in OF_WHO_ASKS}
    assert found == replace(NO_COMMAND, argv=(b"sshd",), user="alice", is_bare=True, **kept)
