# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that show something and give nothing beyond what their words say.

Law: pure. A program stands here only if none of its options starts a program, writes a or reads a file that the words name.
If a program reads the files in its operands, it stands in ``files``, which looks at what they are.
"""

from __future__ import annotations

import re

from jitd.core.judging import Call, Row
from jitd.core.shell_text import Word


def _nothing(call: Call) -> None:
    return


def _lsof(call: Call) -> None:
    if call.may_add_options or call.has("k", "D"):
        call.discloses("can read memory of the kernel")


def _getent(call: Call) -> None:
    if any(word.text in ("shadow", "gshadow") or word.is_any for word in call.operands):
        call.discloses("reads the hashes of passwords")


def _ps(call: Call) -> None:
    if (
        any(not word.text.startswith("-") and "e" in word.text for word in call.words[:3] if word.text.isalpha())
        or call.may_add_options
    ):
        call.discloses("shows the variables of processes, which may be secrets")


def _klist(call: Call) -> None:
    if call.has("K"):
        call.discloses("shows keys of Kerberos")


def _accounts(call: Call) -> None:
    shows = ("domain-list", "domain-status", "user-checks", "user-show", "group-show", "config-check")
    if call.name == "sss_cache" or call.verb is None or call.verb.is_free or call.verb.text not in shows:
        call.changes("changes what is known of accounts")


def _server(call: Call) -> None:
    """A server that is started by hand. With other settings than the host's own, it starts what these name."""
    is_test = call.has("t", "T", "v", "V", "S", "configtest") or (
        call.verb is not None and call.verb.text in ("configtest", "status")
    )
    for word, value in zip(call.words, [*call.words[1:], Word("")], strict=False):
        if (
            word.is_free
            or (call.name == "dnsmasq" and call.words and not call.has("test"))
            or word.text in ("-g", "-o", "-C", "-p", "-D")
        ):
            return call.gives("starts a server with other settings")
        if call.name == "haproxy" and word.text == "-c":
            continue
        if word.text in ("-c", "-f") and (path := call.absolute(value)) is not None and not path.startswith("/etc/"):
            return call.gives("starts a server with other settings")
    if not is_test and not (call.name == "haproxy" and call.has("c")):
        call.changes("starts or stops a server")


def _service(call: Call) -> None:
    if call.name == "certbot" and (
        call.may_add_options
        or any(
            re.match(r"--[a-z-]*(hook|-c$|config)|--(config|work|logs)-dir|--server|-c$|--manual|--webroot-path", word.text)
            for word in call.words
        )
    ):
        return call.gives("starts programs that its options name")
    if call.verb is None or call.verb.text not in ("status", "certificates", "showacl"):
        call.changes("changes a service of the host")


def _ldconfig(call: Call) -> None:
    if call.operands or call.has("f", "C", "r") or call.may_add_options:
        call.gives("loads libraries of other directories")
    elif not call.has("p", "print-cache", "V", "version"):
        call.changes("renews the list of libraries")


def _ldd(call: Call) -> None:
    for word in call.operands:
        call.runs_file(word)


ROWS = (
    Row(
        "true false : test [ echo printf pwd id whoami who w users groups logname tty uname arch nproc uptime"
        " free df du lsblk lscpu lsmem lspci lsusb lsmod lsipc lslocks lsns lslogins lshw hwinfo findmnt"
        " mountpoint stat realpath readlink basename dirname which whereis type locate mlocate plocate pgrep"
        " pidof pstree vmstat iostat mpstat sar pidstat dstat iotop slabtop numastat tload last lastb lastlog"
        " getconf getfattr lsattr getcap getenforce sestatus aa-status apparmor_status ausearch aureport seq"
        " sleep yes factor expr bc cal ncal tput clear reset stty hostid locale lsb_release blkid pvs vgs lvs"
        " pvdisplay vgdisplay lvdisplay pvscan vgscan lvscan sensors modinfo runlevel sync namei ipcs jobs"
        " quota repquota systemd-detect-virt systemd-id128 systemd-path systemd-escape needs-restarting pmap"
        " prtstat nfsstat mountstats nfsiostat powertop inxi dpkg-architecture nvidia-smi rocm-smi lsscsi"
        " lsinitramfs lsinitrd uuidgen mcookie cpuid tzselect zdump pathchk hash lsfd lsirq irqtop ipcalc"
        " sipcalc cpupower turbostat fc-list fc-match xdpyinfo figlet fortune banner toilet lolcat sl units",
        _nothing,
    ),
    Row("getent", _getent, "s: service: i"),
    Row("ps", _ps, "o: format: u: user: U: p: pid: C: G: g: t: tty: sort: s: q: N"),
    Row("klist", _klist, "c: k K e f s a n A l i t"),
    Row("dmidecode lsdevinfo biosdecode vpddecode", _nothing),
    Row("lsof", _lsof, "k: D: p: i: u: c: a n P t"),
    Row("sss_cache sssctl", _accounts),
    Row("php-fpm php-fpm8.2 php-fpm8.3 php-fpm8.4", _server, "c: y: p: g: d: t T v i m"),
    Row(
        "nginx apachectl apache2ctl httpd haproxy sshd postgres mysqld unbound dnsmasq slapd krb5kdc kadmind",
        _server,
        "f: t T v V S c",
    ),
    Row("named-checkconf named-checkzone unbound-checkconf testparm", _nothing),
    Row(
        "a2ensite a2dissite a2enmod a2dismod a2enconf a2disconf rndc unbound-control varnishadm lpadmin cupsenable"
        " cupsdisable cancel lprm lpr lp certbot acme.sh mandb updatedb makewhatis texhash",
        _service,
    ),
    Row("ldconfig", _ldconfig, "f: C: r: p print-cache V version"),
    Row("ldd", _ldd),
)
