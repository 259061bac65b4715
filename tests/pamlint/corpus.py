# SPDX-License-Identifier: Apache-2.0
"""The corpus: stacks that are shipped, that people write, that somebody found in the field; and what is to be said of each."""

from __future__ import annotations

from tests.pamlint.host import BY_USER, DENY, GATE, LOGIN_SHAPE, OF_0_1, SCRIPT, SHAPE, SSHD, SSHD_SHAPE, SUDO, Row

ROOT = "account [success=2 default=ignore] pam_rootok.so\n"


def sudo(
    before: str, gate: str = f"account [success=1 default=ignore] {GATE}\n{DENY}", after: str = SUDO
) -> dict[str, str | bytes]:
    """A stack of sudo's, which has no twin on this host."""
    text = before + gate + after
    return {"sudo": text, "sudo-i": SHAPE + SUDO}


def only(text: str, service: str = "su") -> dict[str, str | bytes]:
    return {service: text}


def line(control: str, more: str = "") -> dict[str, str | bytes]:
    """The gate in one line, root's own way before it, in su."""
    return {
        "su": f"account [success={1 + more.count(chr(10))} default=ignore] pam_rootok.so\naccount {control} {GATE}\n{more}{SUDO}"
    }


SHIPPED = [
    Row("Debian's own stacks have no gate, and nothing else is wrong", "~no-gate", {"sudo": SUDO, "sudo-i": SUDO, "sshd": SSHD}),
    Row("the shape holds in sudo and sudo -i", "", {"sudo": SHAPE + SUDO, "sudo-i": SHAPE + SUDO}),
    Row("the shape holds in su, and in su - by the include", "", {"su": SHAPE + "auth sufficient pam_rootok.so\n" + SUDO}),
    Row("the shape holds in doas", "", only(SHAPE + SUDO, "doas")),
    Row("the shape holds in the session of login", "", only(SSHD_SHAPE + SUDO, "login")),
    Row("a gate in both is asked twice", "~asks-twice", only(LOGIN_SHAPE + SSHD_SHAPE + SUDO, "login")),
    Row("in account of login it holds, and nothing ends whom it lets in", "~login-account", only(LOGIN_SHAPE + SUDO, "login")),
    Row("the shape holds in the session of sshd", "", only(SSHD_SHAPE + SSHD, "sshd")),
    Row("the shape holds in cron's account", "", only(LOGIN_SHAPE + SUDO, "cron")),
    Row(
        "all of them at once hold",
        "",
        {
            "sudo": SHAPE + SUDO,
            "sudo-i": SHAPE + SUDO,
            "su": SHAPE + SUDO,
            "doas": SHAPE + SUDO,
            "login": SSHD_SHAPE + SUDO,
            "sshd": SSHD_SHAPE + SSHD,
            "cron": LOGIN_SHAPE + SUDO,
            "runuser": "session required pam_unix.so\n",
        },
    ),
    Row(
        "all arguments of the gate are known",
        "",
        only(SHAPE.replace(GATE, f"{GATE} socket=/run/x wait=30 stage=account quiet debug") + SUDO),
    ),
    Row(
        "a module before it that can only deny opens nothing",
        "",
        only(ROOT.replace("2", "3") + "account requisite pam_nologin.so\n" + SHAPE.split("\n", 1)[1] + SUDO),
    ),
    Row("what denies each value by its name holds", "", line("[success=1 new_authtok_reqd=ignore default=die]", DENY)),
    Row(
        "case, tabs and carried lines change nothing",
        "",
        only(
            SHAPE.replace("account", "ACCOUNT")
            .replace(" ", "\t")
            .replace("requisite", "\\\n \t REQUISITE")
            .replace("[success=2\tdefault=ignore]", "[success=2 default=ignore]")
            + SUDO
        ),
    ),
    Row("a gate in each of three stacks holds", "", {"sudo": SHAPE + SUDO, "sudo-i": SHAPE + SUDO, "su": SHAPE + SUDO}),
    Row("a gate takes these words", "", only(SHAPE.replace("jit.so", "jit.so wait=30 quiet debug socket=/x") + SUDO)),
    Row("su authenticates all but root, so a gate there holds", "", only(SHAPE.replace("account", "auth") + SUDO)),
    Row("arguments in brackets are arguments", "", only(SHAPE.replace(GATE, "pam_jit.so [wait=30]") + SUDO)),
    Row(
        "a gate in a substack of its own holds",
        "",
        {
            "su": ROOT.replace("2", "1") + "account substack gate\n" + SUDO,
            "gate": SHAPE.split("\n", 1)[1] + "account required pam_permit.so\n",
        },
    ),
    Row("an absolute path of the module is one", "", only(SHAPE.replace(GATE, "/lib/security/pam_jit.so") + SUDO)),
]

OPEN = [
    Row(
        "behind common-account an expired password never reaches the gate",
        "ends-before-gate root-locked-out",
        sudo("@include common-account\n"),
    ),
    Row(
        "behind an included common-account it does not either",
        "ends-before-gate root-locked-out",
        sudo("account include common-account\n"),
    ),
    Row("in a substack done ends the substack alone", "root-locked-out", sudo("account substack common-account\n")),
    Row("behind sufficient pam_permit nobody is asked", "ends-before-gate", sudo("account sufficient pam_permit.so\n")),
    Row(
        "behind sufficient pam_localuser no local account is asked",
        "ends-before-gate",
        sudo("account sufficient pam_localuser.so\n" + ROOT),
    ),
    Row(
        "behind a module that may say done",
        "ends-before-gate",
        sudo("account [success=done default=ignore] pam_ldap.so\n" + ROOT),
    ),
    Row(
        "behind a module whose absence ends a stack that has a yes",
        "",
        sudo("account required pam_permit.so\naccount [module_unknown=done default=ignore] pam_sss.so\n" + ROOT),
    ),
    Row("sshd is uid 0 for pam_rootok in account", "root-for-all ~sshd-account", only(SHAPE + SSHD, "sshd")),
    Row("sshd is uid 0 for use_uid too", "root-for-all", only(SSHD_SHAPE.replace("quiet", "quiet use_uid") + SSHD, "sshd")),
    Row("login is uid 0 for pam_rootok", "root-for-all ~login-account", only(SHAPE + SUDO, "login")),
    Row("cron is uid 0 for pam_rootok", "root-for-all", only(SHAPE + SUDO, "cron")),
    Row(
        "in su PAM_USER is the target: becoming root is not asked", "root-locked-out target-for-caller", only(LOGIN_SHAPE + SUDO)
    ),
    Row(
        "in doas' session PAM_USER is the target",
        "root-locked-out target-for-caller",
        only(SSHD_SHAPE + SUDO, "doas"),
    ),
    Row(
        "sudo goes on where its session is refused",
        "gate-unheard",
        {"sudo": SSHD_SHAPE.replace("quiet", "quiet use_uid") + SUDO, "sudo-i": SHAPE + SUDO},
    ),
    Row(
        "sudo passes over a password that has expired for good, and libpam tells that denial first",
        "denial-unheeded",
        sudo(ROOT.replace("2", "3") + "account required pam_unix.so\n"),
    ),
    Row(
        "the same where that ends the stack before the gate",
        "denial-unheeded",
        sudo(ROOT.replace("2", "3") + "account requisite pam_unix.so\n"),
    ),
    Row(
        "su heeds that denial",
        "",
        only(ROOT.replace("2", "3") + "account required pam_unix.so\n" + SHAPE.split("\n", 1)[1] + SUDO),
    ),
    Row(
        "a module that knows nothing of passwords does not say so",
        "",
        sudo(ROOT.replace("2", "3") + "account required pam_nologin.so\n"),
    ),
    Row(
        "a condition that holds for all but one",
        "jumps-over-gate",
        sudo(ROOT.replace("2", "3") + "account [success=2 default=ignore] pam_succeed_if.so user != backup\n"),
    ),
    Row(
        "all but the members of a group",
        "jumps-over-gate",
        sudo(ROOT.replace("2", "3") + "account [success=2 default=ignore] pam_succeed_if.so user notingroup wheel\n"),
    ),
    Row(
        "all who have a usual shell",
        "jumps-over-gate",
        sudo(ROOT.replace("2", "3") + "account [success=2 default=ignore] pam_succeed_if.so shell = /bin/bash\n"),
    ),
    Row(
        "all below a high uid",
        "jumps-over-gate",
        sudo(ROOT.replace("2", "3") + "account [success=2 default=ignore] pam_succeed_if.so uid < 60000\n"),
    ),
    Row(
        "one account alone",
        "~exempts-some",
        sudo(ROOT.replace("2", "3") + "account [success=2 default=ignore] pam_succeed_if.so uid = 1000\n"),
    ),
    Row(
        "with rootpw in sudoers PAM_USER is root for everybody",
        "target-for-caller",
        {"sudo": LOGIN_SHAPE + SUDO, "sudo-i": SHAPE + SUDO, "/etc/sudoers": 'Defaults rootpw, secure_path="/bin"\n'},
    ),
    Row("without rootpw the same stack holds", "", {"sudo": LOGIN_SHAPE + SUDO, "sudo-i": SHAPE + SUDO}),
    Row("optional lets go on", "denial-unheeded", line("optional")),
    Row("sufficient lets go on when it denies", "denial-unheeded", line("sufficient")),
    Row("default=ignore lets go on", "denial-unheeded", line("[success=ok default=ignore]")),
    Row("default=ok keeps the number, and 12 is one that gets in", "others-than-success-admit", line("[default=ok]")),
    Row("success=ok default=die keeps it too, though as a denial", "others-than-success-admit", line("[success=ok default=die]")),
    Row("so does default=bad", "others-than-success-admit", line("[success=ok default=bad]")),
    Row(
        "so does the shape that done makes of it",
        "others-than-success-admit",
        line("[success=done new_authtok_reqd=done default=die]"),
    ),
    Row(
        "cron takes 12 for a denial",
        "",
        only(f"account [success=1 default=ignore] {BY_USER}\naccount [success=ok default=die] {GATE}\n" + SUDO, "cron"),
    ),
    Row(
        "a jump without pam_deny behind it jumps over something else",
        "no-deny-behind-gate nobody-gets-in",
        line("[success=1 default=ignore]"),
    ),
    Row(
        "a jump over something else before pam_deny comes",
        "no-deny-behind-gate",
        line("[success=1 default=ignore]", "account optional pam_permit.so\n"),
    ),
    Row("required lets 12 and 25 through", "others-than-success-admit", line("required")),
    Row("requisite lets 12 and 25 through", "others-than-success-admit", line("requisite")),
    Row(
        "user_unknown=ignore lets that through", "others-than-success-admit", line("[success=ok user_unknown=ignore default=die]")
    ),
    Row(
        "service_err=ignore lets a crash through",
        "others-than-success-admit",
        line("[success=ok service_err=ignore default=die]"),
    ),
    Row(
        "module_unknown=ignore admits where the module is missing",
        "missing-gate-admits others-than-success-admit",
        line("[success=ok module_unknown=ignore default=die]"),
    ),
    Row(
        "a reset behind the gate forgets what it said",
        "denial-unheeded",
        line("required", "account [success=reset] pam_permit.so\n"),
    ),
    Row(
        "a jump too far before the gate",
        "jumps-over-gate",
        sudo(ROOT.replace("2", "3") + "account [success=2 default=ignore] pam_access.so\n"),
    ),
    Row("root's jump with the wrong default", "jumps-over-gate", sudo("account [success=2 default=2] pam_rootok.so\n")),
    Row("pam_permit that jumps for everybody", "jumps-over-gate", sudo("account [default=2] pam_permit.so\n")),
    Row(
        "a condition that holds for everybody",
        "jumps-over-gate",
        only("account [success=3 default=ignore] pam_succeed_if.so uid >= 1000\n" + LOGIN_SHAPE + SUDO, "cron"),
    ),
    Row(
        "no condition at all is always met",
        "jumps-over-gate ~login-account",
        only(LOGIN_SHAPE.replace(BY_USER, "pam_succeed_if.so quiet") + SUDO, "login"),
    ),
    Row(
        "a condition about the service is known",
        "jumps-over-gate ~login-account",
        only(LOGIN_SHAPE.replace(BY_USER, "pam_succeed_if.so service in sshd:login") + SUDO, "login"),
    ),
    Row(
        "a jump that lands within the three lines",
        "denial-unheeded",
        only(ROOT + f"account [success=1 default=1] {GATE}\n" + DENY + SUDO),
    ),
    Row(
        "a gate in auth alone of sudo is not asked",
        "gate-unheard",
        {"sudo": SHAPE.replace("account", "auth") + SUDO, "sudo-i": SHAPE + SUDO},
    ),
    Row("a gate in auth alone of sshd is not asked", "gate-unheard", only(LOGIN_SHAPE.replace("account", "auth") + SSHD, "sshd")),
    Row("a gate in password is never asked", "gate-unheard", only(SHAPE.replace("account", "password") + SUDO)),
    Row("runuser has nothing but sessions", "gate-unheard", only(SHAPE + SUDO, "runuser")),
    Row("a gate in cron's session comes too late", "gate-unheard", only(SSHD_SHAPE + SUDO, "cron")),
    Row(
        "a second gate in auth beside one that holds is only weak",
        "~gate-unheard",
        {"sudo": SHAPE + SHAPE.replace("account", "auth") + SUDO, "sudo-i": SHAPE + SUDO},
    ),
    Row("sudo -i goes around a gate in sudo", "twin-without-gate", {"sudo": SHAPE + SUDO, "sudo-i": SUDO}),
    Row("sudo goes around a gate in sudo -i", "twin-without-gate", {"sudo": SUDO, "sudo-i": SHAPE + SUDO}),
    Row("where sudo-i has no file, other is asked, and lets in", "twin-without-gate", {"sudo": SHAPE + SUDO}),
    Row("where sudo-i has no file and other denies, nothing is open", "", {"sudo": SHAPE + SUDO, "other": DENY}),
    Row("su - goes around a gate in su", "twin-without-gate", {"su": SHAPE + SUDO, "su-l": SUDO}),
    Row(
        "what is read for the user before the gate forges its tickets",
        "gate-after-pam-env",
        only("session required pam_env.so user_readenv=1\n" + SSHD_SHAPE + SSHD, "sshd"),
    ),
    Row(
        "pam_env before the gate is one line of configuration from that",
        "~gate-after-pam-env",
        only("session required pam_env.so\n" + SSHD_SHAPE + SSHD, "sshd"),
    ),
    Row(
        "an open account in sshd is weak where the session holds",
        "~asks-twice ~others-than-success-admit",
        only(f"account [success=1 default=ignore] {BY_USER}\naccount required {GATE}\n" + SSHD_SHAPE + SSHD, "sshd"),
    ),
    Row(
        "a group that is let by is told",
        "~exempts-some ~login-account",
        only("account [success=3 default=ignore] pam_succeed_if.so user ingroup wheel\n" + LOGIN_SHAPE + SUDO, "login"),
    ),
    Row(
        "system accounts are let by without a word",
        "",
        only("session [success=3 default=ignore] pam_succeed_if.so uid < 1000\n" + SSHD_SHAPE + SSHD, "sshd"),
    ),
    Row("a service that nobody knows is closed as a daemon and as a set-uid program", "root-for-all", {"other": SHAPE + SUDO}),
]

LOCKED = [
    Row(
        "another module that is called like pam_deny",
        "no-deny-behind-gate",
        only(SHAPE.replace("pam_deny.so", "/opt/pam_deny.so") + SUDO),
    ),
    Row(
        "another module that is called like pam_rootok",
        "jumps-over-gate",
        only(SHAPE.replace("pam_rootok.so", "/opt/pam_rootok.so") + SUDO),
    ),
    Row(
        "one by a way up from libpam's directory",
        "jumps-over-gate",
        only(SHAPE.replace("pam_rootok.so", "../../../opt/pam_rootok.so") + SUDO),
    ),
    Row(
        "libpam's own modules by their whole paths",
        "",
        only(SHAPE.replace(" pam_", " /usr/lib/x86_64-linux-gnu/security/pam_") + SUDO),
    ),
    Row("nothing behind the gate makes it a success", "nobody-gets-in", only(SHAPE)),
    Row(
        "a control that is misspelt takes success for a denial",
        "nobody-gets-in others-than-success-admit senseless-control",
        line("requird"),
    ),
    Row(
        "brackets that are misspelt do too",
        "nobody-gets-in others-than-success-admit senseless-control",
        line("[sucess=ok default=die]"),
    ),
    *(
        Row(
            f"a jump over {number} lines, which libpam 1.5 takes for another number",
            "denial-unheeded jump-too-far nobody-gets-in",
            only(f"account [success={number} default=ignore] pam_localuser.so\n{SHAPE}{SUDO}"),
        )
        for number in (2**31, 2**32 - 1, 2**32 + 3, 10**20)
    ),
    Row("a jump beyond the end denies", "nobody-gets-in", only(SHAPE.replace("success=1", "success=9") + SUDO)),
    Row(
        "a gate that jumps one line too few falls onto pam_deny",
        "nobody-gets-in",
        only(
            ROOT.replace("2", "3") + f"account [success=1 default=ignore] {GATE}\naccount optional pam_permit.so\n" + DENY + SUDO
        ),
    ),
    Row(
        "pam_deny that is required denies root too, who jumps too short",
        "root-locked-out",
        only(SHAPE.replace("=2", "=1") + SUDO),
    ),
    Row("login without a way for root locks the console", "root-locked-out", only(SSHD_SHAPE.split("\n", 1)[1] + SUDO, "login")),
    Row("su without a way for root locks root's own su", "root-locked-out", only(SHAPE.split("\n", 1)[1] + SUDO)),
    Row("sudo without a way for root locks root's own sudo", "root-locked-out", sudo("")),
    Row("cron without a way for root stops root's jobs", "root-locked-out", only(SHAPE.split("\n", 1)[1] + SUDO, "cron")),
    Row("doas without a way for root", "root-locked-out", only(SHAPE.split("\n", 1)[1] + SUDO, "doas")),
    Row(
        "runuser is for root alone, and a gate there stops services",
        "root-locked-out",
        only(f"session [success=ok default=die] {GATE}\nsession required pam_unix.so\n", "runuser"),
    ),
    Row("sshd without a way for root is a choice", "~root-locked-out", only(SSHD_SHAPE.split("\n", 1)[1] + SSHD, "sshd")),
    Row(
        "pam_rootok has no function for sessions",
        "root-locked-out",
        only(SHAPE.replace("account", "session") + SUDO, "doas"),
    ),
    Row(
        "a gate in common-account kills cron's jobs",
        "gate-in-shared-file root-locked-out",
        {"common-account": f"account [success=1 default=ignore] {GATE}\n{DENY}account required pam_unix.so\n", "cron": SUDO},
    ),
    Row(
        "a gate in common-account is told though nobody includes it",
        "gate-in-shared-file",
        {"common-account": f"account [success=ok default=die] {GATE}\n", "other": DENY},
    ),
    Row(
        "waiting in sshd's account keeps others out",
        "cannot-wait ~sshd-account",
        only(LOGIN_SHAPE.replace(GATE, GATE + " wait=60") + SSHD, "sshd"),
    ),
    Row(
        "waiting in sshd's session is seen by nobody",
        "~cannot-wait",
        only(SSHD_SHAPE.replace(GATE, GATE + " wait=60") + SSHD, "sshd"),
    ),
    Row("not waiting in sshd is as it comes", "", only(SSHD_SHAPE.replace(GATE, GATE + " wait=0") + SSHD, "sshd")),
    Row("waiting in cron is done by nobody", "~cannot-wait", only(LOGIN_SHAPE.replace(GATE, GATE + " wait=60") + SUDO, "cron")),
    Row("sshd's account does not know whose ticket came", "~sshd-account", only(LOGIN_SHAPE + SSHD, "sshd")),
    Row(
        "an argument that the gate does not know denies everybody",
        "unknown-argument",
        only(SHAPE.replace(GATE, GATE + " wiat=60") + SUDO),
    ),
    Row("a time that is none", "unknown-argument", only(SHAPE.replace(GATE, GATE + " wait=1m") + SUDO)),
    Row("a socket that is no path", "unknown-argument", only(SHAPE.replace(GATE, GATE + " socket=run/x") + SUDO)),
    Row("a stage that is none", "unknown-argument", only(SHAPE.replace(GATE, GATE + " stage=open") + SUDO)),
    Row("a stage that is another denies everybody", "other-stage", only(SHAPE.replace(GATE, GATE + " stage=session") + SUDO)),
    Row(
        "a gate that jitd would have to pass itself",
        "gate-in-own-stack",
        {"su": ROOT + "account include jitd\n" + SUDO, "jitd": f"account [success=1 default=ignore] {GATE}\n{DENY}"},
    ),
    Row(
        "a gate with CR LF is a module that is not there",
        "return-in-line ~no-gate",
        only("".join(f"{line}\r\n" for line in (SHAPE + SUDO).splitlines() if line and not line.startswith(("@", "#")))),
    ),
    Row("a module behind the gate is not installed", "module-missing", only(SHAPE + SUDO), {"pam_deny.so": "missing"}),
    Row("the module is not installed", "loader-missing", only(SHAPE + SUDO), {"pam_jit.so": "missing"}),
    Row(
        "others may write the module",
        "file-open",
        only(SHAPE + SUDO),
        {"/lib/security/pam_jit.so": "/lib/security/pam_jit.so belongs to uid 7"},
    ),
    Row(
        "another module that is called like the gate",
        "?other-module ~no-gate",
        only(SHAPE.replace(GATE, "/opt/pam_jit.so") + SUDO, "doas"),
    ),
    Row("the lines of 0.1 ask nobody", "gate-gone ~no-gate", only(OF_0_1 + SUDO)),
    Row("the guard of 0.1 that was left denies everybody", "gate-gone", only(OF_0_1.replace(SCRIPT, GATE) + SUDO)),
    Row("a module of 0.1 that was left beside the gate", "gate-gone", only(f"{SHAPE}account required {SCRIPT}\n{SUDO}")),
    Row(
        "a copy of the module of 0.1 in a session",
        "gate-gone",
        only(f"{SHAPE}session optional pam_python.so /x/pam_jit.py\n{SUDO}"),
    ),
    Row("a file of a longer name is another", "", only(f"{SHAPE}session optional pam_exec.so /x/no_pam_jit.py\n{SUDO}")),
    Row("the initiator is not installed", "gate-missing", only(SHAPE + SUDO), {"/usr/lib/jitd/prove": "missing"}),
    Row(
        "others may write the initiator",
        "file-open",
        only(SHAPE + SUDO),
        {"/usr/lib/jitd/prove": "/usr/lib/jitd/prove belongs to uid 4005"},
    ),
    Row(
        "a missing @include refuses the service",
        "include-missing",
        {"sudo": "@include absent\n" + SHAPE + SUDO, "sudo-i": SHAPE + SUDO},
    ),
    Row(
        "a missing @include within an include has the control of the line before it",
        "include-missing include-takes-control",
        {"su": "account include a\n" + SHAPE + SUDO, "a": "account optional pam_permit.so\n@include absent\n"},
    ),
    Row(
        "a refused @include within an include has the control of the line before it",
        "ends-in-backslash include-takes-control",
        {
            "su": "account include a\n" + SHAPE + SUDO,
            "a": "account optional pam_permit.so\n@include b\naccount optional pam_permit.so\n",
            "b": "account optional pam_permit.so\naccount required \\",
        },
    ),
    Row(
        "a missing @include that is the first line of an include may do anything",
        "include-missing include-without-control nobody-gets-in",
        {"su": "account include a\n" + SHAPE + SUDO, "a": "@include absent\n"},
    ),
    Row("a missing include fails its line", "include-missing nobody-gets-in", only("account include absent\n" + SHAPE + SUDO)),
    Row(
        "a kind that is misspelt fails authenticate",
        "senseless-line",
        only(SHAPE + "acount required pam_unix.so\n" + SUDO, "doas"),
    ),
    Row(
        "below an include it fails whatever includes it",
        "nobody-gets-in senseless-line",
        only(SHAPE + "acount required pam_unix.so\n" + SUDO),
    ),
    Row("a line without a module fails", "nobody-gets-in senseless-line", only(SHAPE + "account required\n" + SUDO)),
    Row("a line without a control fails", "nobody-gets-in senseless-line", only(SHAPE + "account\n" + SUDO)),
]


def sudoers(says: str, found: str, text: str, **more: str) -> Row:
    """A row of sudo and sudo-i with the shape that is shipped, and these sudoers."""
    stacks: dict[str, str | bytes] = {"sudo": SHAPE + SUDO, "sudo-i": SHAPE + SUDO}
    below = {f"/etc/{name}": other for name, other in more.items()}
    return Row(says, found, stacks | {"/etc/sudoers": f'Defaults secure_path="/bin"\n{text}'} | below)


IN_SUDOERS = [
    sudoers(
        "sudoers that say nothing of PAM are fine",
        "",
        "Defaults env_reset, !lecture\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL) NOPASSWD: ALL\n",
    ),
    sudoers("account switched off for all", "no-account", "Defaults !pam_acct_mgmt\n"),
    sudoers(
        "account switched off among others",
        "no-account",
        'Defaults env_reset, badpass_message="a, b # c", ! pam_acct_mgmt # really\n',
    ),
    sudoers("account switched off for a user", "no-account", "Defaults:alice !pam_acct_mgmt\n"),
    sudoers("account switched off for users and a uid", "no-account", "Defaults:alice, #1001 ,%ops !pam_acct_mgmt\n"),
    sudoers("account switched off on a host", "no-account", "Defaults@db1 !pam_acct_mgmt\n"),
    sudoers("account switched off for a command", "no-account", "Defaults!/usr/bin/id !pam_acct_mgmt\n"),
    sudoers("account switched off for a target", "no-account", "Defaults>postgres !pam_acct_mgmt\n"),
    sudoers("account switched off on a carried line", "no-account", "Defaults env_reset, \\\n   !pam_acct_mgmt\n"),
    sudoers("account switched on again at the end", "", "Defaults !pam_acct_mgmt\nDefaults pam_acct_mgmt\n"),
    sudoers("account switched off twice is on", "", "Defaults !!pam_acct_mgmt\n"),
    sudoers("a comment is none of it", "", "# Defaults !pam_acct_mgmt\nDefaults env_reset # , !pam_acct_mgmt\n"),
    sudoers("a text in quotes is none of it", "", 'Defaults passprompt="x, !pam_acct_mgmt"\n'),
    sudoers("sessions are nothing to a gate in account", "", "Defaults !pam_session\n"),
    sudoers("another service without a gate", "other-service", "Defaults pam_service=other\n"),
    sudoers("another service for logins", "other-service", 'Defaults pam_login_service = "login"\n', **{"pam.d/login": SUDO}),
    sudoers("another service for askpass", "other-service", "Defaults:alice pam_askpass_service=x\n"),
    sudoers(
        "another service with the lines of 0.1", "other-service", "Defaults pam_service=mine\n", **{"pam.d/mine": OF_0_1 + SUDO}
    ),
    sudoers("another service whose gate holds", "~sudo-in-doubt", "Defaults pam_service=mine\n", **{"pam.d/mine": SHAPE + SUDO}),
    sudoers("a comment ends where its line does", "no-account", "# remark \\\nDefaults !pam_acct_mgmt\n"),
    sudoers("two backslashes carry nothing on", "no-account", "Defaults badpass_message=no\\\\\nDefaults !pam_acct_mgmt\n"),
    sudoers("an include without a blank", "no-account", '@include"/etc/more"\n', more="Defaults !pam_acct_mgmt\n"),
    sudoers("an argument that looks like a tag", "", "bob ALL=/usr/bin/make CWD=/srv install\n"),
    sudoers(
        "a service named by a path is its last part", "other-service", "Defaults pam_service=/x/Mine\n", **{"pam.d/mine": SUDO}
    ),
    sudoers("an include is read", "no-account", "@include sudoers.more\n", **{"sudoers.more": "Defaults !pam_acct_mgmt\n"}),
    sudoers(
        "an include of the old kind is read",
        "no-account",
        "#include /etc/sudoers.more\n",
        **{"sudoers.more": "Defaults !pam_acct_mgmt\n"},
    ),
    sudoers("a directory is read", "no-account", "#includedir /etc/sudoers.d\n", **{"sudoers.d/x": "Defaults !pam_acct_mgmt\n"}),
    sudoers(
        "names with dots and tildes are not read",
        "",
        "@includedir /etc/sudoers.d\n",
        **{"sudoers.d/x.bak": "Defaults !pam_acct_mgmt\n", "sudoers.d/y~": "Defaults !pam_acct_mgmt\n"},
    ),
    sudoers(
        "a directory in the directory is not read",
        "",
        "@includedir /etc/sudoers.d\n",
        **{"sudoers.d/x/y": "Defaults !pam_acct_mgmt\n"},
    ),
    sudoers("a directory that is not there is empty", "", "@includedir /etc/nowhere\n"),
    sudoers("an include that is not there is told", "include-missing", "@include /etc/absent\n"),
    sudoers("sudoers that include themselves", "include-loop", "@include /etc/sudoers\n"),
    sudoers("a default account that is not root's", "~sudo-in-doubt", "Defaults runas_default=bob\n"),
    sudoers("a directory that sudoers say", "~sudo-in-doubt", "Defaults:alice runcwd=/srv\n"),
    sudoers("a directory that a rule says", "~sudo-in-doubt", "alice ALL=(ALL) CWD=/srv NOPASSWD: ALL\n"),
    sudoers("a root directory that a rule says", "~sudo-in-doubt", 'alice ALL=(ALL) NOPASSWD: CHROOT="/srv x" /bin/ls\n'),
    sudoers("a directory that a rule leaves to its people", "", "alice ALL=(ALL) CWD=* ALL # CWD=/srv\n"),
    sudoers("sudoers in a directory service", "?sudoers-elsewhere", "", **{"nsswitch.conf": "sudoers: files sss\n"}),
    sudoers(
        "sudoers in a file of another name",
        "?sudoers-elsewhere",
        "",
        **{"sudo.conf": "Plugin sudoers_policy sudoers.so sudoers_file=/etc/other\n"},
    ),
    sudoers("another policy than sudoers", "?other-plugin", "", **{"sudo.conf": "Plugin my_policy /opt/my.so\n"}),
    sudoers(
        "the plugins of Debian's own",
        "",
        "",
        **{"sudo.conf": "#Plugin x_policy y.so\nPlugin sudoers_policy sudoers.so\nPlugin sudoers_io sudoers.so\n"},
    ),
    sudoers("sudoers in files alone", "", "", **{"nsswitch.conf": "passwd: sss\nsudoers: files [SUCCESS=return] # ldap\n"}),
    sudoers("what cannot be read is told", "?senseless-setting", "Defaults env_reset, =\n"),
    Row(
        "without secure_path the caller says which file runs",
        "no-secure-path",
        {"sudo": SHAPE + SUDO, "sudo-i": SHAPE + SUDO, "/etc/sudoers": "Defaults env_reset\n"},
    ),
    sudoers("a group for which secure_path does not hold", "exempt-group", "Defaults exempt_group=wheel\n"),
    Row(
        "secure_path for one user is none",
        "no-secure-path",
        {"sudo": SHAPE + SUDO, "sudo-i": SHAPE + SUDO, "/etc/sudoers": "Defaults:alice secure_path=/bin\n"},
    ),
    Row(
        "sudoers are nobody's business where sudo has no gate",
        "",
        {"su": SHAPE + SUDO, "/etc/sudoers": "Defaults !pam_acct_mgmt\n"},
    ),
    Row(
        "account switched off, where a gate in session keeps nobody out",
        "no-account ~gate-unheard",
        {
            "sudo": SHAPE + SSHD_SHAPE.replace("quiet", "quiet use_uid") + SUDO,
            "sudo-i": SHAPE + SUDO,
            "/etc/sudoers": "Defaults !pam_acct_mgmt, secure_path=/bin\n",
        },
    ),
]


def sshd(says: str, found: str, text: str, **more: str) -> Row:
    """A row of sshd with the shape that is shipped, and this sshd_config."""
    below = {f"/etc/{name}": other for name, other in more.items()}
    return Row(says, found, {"sshd": SSHD_SHAPE + SSHD, "/etc/ssh/sshd_config": text} | below)


IN_SSHD_CONFIG = [
    sshd(
        "Debian's sshd_config is fine",
        "",
        "Include /etc/ssh/sshd_config.d/*.conf\nUsePAM yes\nSubsystem sftp /usr/lib/openssh/sftp-server\n",
    ),
    sshd("without PAM nobody is asked", "no-pam", "UsePAM no\n"),
    sshd("without a word of PAM nobody is asked", "no-pam", "# UsePAM yes\n"),
    sshd("the first value counts", "no-pam", 'usepam = "no"\nUsePAM yes\n'),
    sshd("a keyword in quotes is one", "no-pam", '"UsePAM" no\nUsePAM yes\n'),
    sshd("so is one before a carriage return", "no-pam", "UsePAM\rno\nUsePAM yes\n"),
    sshd("what is no keyword is told", "?senseless-setting", "=UsePAM no\nUsePAM yes\n"),
    sshd("what comes later does not", "", "UsePAM yes # always\nUsePAM no\n"),
    sshd(
        "an included file comes where it is included",
        "no-pam",
        "Include sshd_config.d/*.conf\nUsePAM yes\n",
        **{"ssh/sshd_config.d/a.conf": "UsePAM no\n"},
    ),
    sshd(
        "an included file that does not match is not read",
        "",
        "Include sshd_config.d/*.conf\nUsePAM yes\n",
        **{"ssh/sshd_config.d/a.cnf": "UsePAM no\n"},
    ),
    sshd("within a Match it is no general value", "no-pam", "Match User alice\nUsePAM yes\n"),
    sshd("Match all is for all", "", "Match User alice\n X11Forwarding no\nMatch all\nUsePAM yes\n"),
    sshd(
        "a Match of an included file ends with it",
        "",
        "Include sshd_config.d/*\nUsePAM yes\n",
        **{"ssh/sshd_config.d/a": "Match User x\nMaxSessions 1\n"},
    ),
    sshd("a file that includes itself", "include-loop", "UsePAM yes\nInclude sshd_config\n"),
    sshd(
        "an included file that cannot be read",
        "?unreadable",
        "UsePAM yes\nInclude sshd_config.d/*\n",
        **{"ssh/sshd_config.d/a": "\0unreadable"},
    ),
    sshd("a user's own environment", "~user-environment", "UsePAM yes\nPermitUserEnvironment yes\n"),
    sshd("tickets that stay", "~tickets-stay", "UsePAM yes\nGSSAPICleanupCredentials no\n"),
    sshd("no grace time", "~no-grace-time", "UsePAM yes\nLoginGraceTime 0\n"),
    sshd("a grace time of minutes", "", "UsePAM yes\nLoginGraceTime 2m\n"),
    sshd("many sessions through one gate", "~sessions-share-a-gate", "UsePAM yes\nMaxSessions 10\n"),
    sshd("one session, one gate", "", "UsePAM yes\nMaxSessions 1\n"),
    sshd("another service (OpenSSH 9.8)", "other-service", "UsePAM yes\nPAMServiceName logins\n"),
    Row(
        "sshd_config is nobody's business where sshd has no gate", "", {"su": SHAPE + SUDO, "/etc/ssh/sshd_config": "UsePAM no\n"}
    ),
]

ROWS = [*SHIPPED, *OPEN, *LOCKED, *IN_SUDOERS, *IN_SSHD_CONFIG]
