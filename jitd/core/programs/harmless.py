# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that show something and give nothing beyond what their words say.

Law: a program stands here only if none of its options starts a program, writes a or reads a file that the words name. If a
program reads the files in its operands, it stands in ``files``, which looks at what they are.
"""

from __future__ import annotations

import re

from jitd.core.judging import Call, Row
from jitd.core.programs.shared import looks, trusts
from jitd.core.shell_text import Word


def _nothing(call: Call) -> None:
    return


def _lsof(call: Call) -> None:
    if call.may_add_options or call.has("k", "D"):
        call.discloses("can read memory of the kernel")


def _getent(call: Call) -> None:
    if any(word.text in ("shadow", "gshadow") or word.is_any for word in call.operands):
        call.discloses("reads password hashes")


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
    is_apache = call.name in ("apachectl", "apache2ctl", "httpd")
    is_test = call.has("t", "T", "v", "V", "S", "configtest", *(("M", "L", "l") if is_apache else ())) or (
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


_PRINTS = "changes printers, or what they print"
_SERVES = {
    "rndc": "changes what the name server does",
    "unbound-control": "changes what the name server does",
    "varnishadm": "changes what the web cache does",
    "certbot": "gets or changes certificates of this host",
    "acme.sh": "gets or changes certificates of this host",
    **dict.fromkeys(("lpadmin", "cupsenable", "cupsdisable", "cancel", "lprm", "lpr", "lp"), _PRINTS),
}


def _service(call: Call) -> None:
    if call.name == "certbot" and (
        call.may_add_options
        or any(
            re.match(r"--[a-z-]*(hook|-c$|config)|--(config|work|logs)-dir|--server|-c$|--manual|--webroot-path", word.text)
            for word in call.words
        )
    ):
        return call.gives("starts programs that its options name")
    shows = ("backend.list", "ban.list", "vcl.list", "storage.list", "panic.show", "param.show", "ping", "banner", "pid")
    if call.name == "varnishadm" and call.verb is not None and not call.verb.is_free and call.verb.text in shows:
        return None
    if call.verb is None or call.verb.text not in ("status", "certificates", "showacl"):
        call.changes(
            _SERVES.get(call.name) or ("changes what the web server serves" if call.name[:2] == "a2" else "renews an index")
        )


_CHECKS = {
    "caddy": r"version|help|list-modules|build-info|(validate|adapt) --config \S+",
    "dovecot": r"--version|--help|-n|-a|--build-options|--hostdomain",
    "elasticsearch": r"--version|-V",
    "etcd": r"--version|-h|--help",
    "grafana-server": r"-v|--version",
    "alertmanager": r"--version|--help",
    "keepalived": r"-v|--version|-h|--help|(-t|--config-test)( -f \S+)?",
    "lighttpd": r"-v|-V|-h|-tt?( -f \S+)?",
    "memcached": r"-V|--version|-h|--help",
    "mongod": r"--version|-h|--help",
    "mongos": r"--version|-h|--help",
    "named": r"-v|-V",
    "nmbd": r"-V|--version",
    "node_exporter": r"--version|--help",
    "prometheus": r"--version|--help",
    "proftpd": r"-vv?|-l|-h|-t( -c \S+)?",
    "redis-server": r"-v|--version|-h|--help",
    "smbd": r"-V|--version|-b",
    "squid": r"-v|-h|-k (parse|check)",
    "traefik": r"version",
    "valkey-server": r"-v|--version|-h|--help",
    "varnishd": r"-V|-C -f \S+",
}
"""The words of servers that only tell something, or check their settings."""


def _daemon(call: Call) -> None:
    """A server that is known, which may be started, told something or asked for its version."""
    if any(word.is_free for word in call.words):
        return call.gives("starts a server with other settings")
    trusts(call, [word for word in call.words if "/" in word.text])
    words = [word.text for word in call.words]
    if re.fullmatch(_CHECKS[call.name], " ".join(words)):
        for word in call.words:
            call.reads(word)
    elif all(re.fullmatch(r"/etc/\S+|reload|stop|start|-[ck]|--config|reconfigure|rotate|shutdown", word) for word in words):
        call.changes("starts or stops a server")
    else:
        call.gives("starts a server with other settings")


def _doveconf(call: Call) -> None:
    for word in call.values("c"):
        call.reads(word)
    if call.may_add_options or call.has("P", "h"):
        call.discloses("shows passwords of the mail server")


def _squidclient(call: Call) -> None:
    for word in call.values("P", "file", "k", "cert", "key"):
        call.reads(word)
    if any(word.is_free or "shutdown" in word.text for word in call.operands):
        call.changes("stops a server")


def _cloud_init(call: Call) -> None:
    verb = call.verb.text if call.verb is not None and not call.verb.is_free else ""
    if verb == "query":
        return call.discloses("shows what a cloud tells the host, which may be secrets")
    for word in call.values("o", "outfile"):
        call.writes(word)
    for word in call.values("i", "infile"):
        call.reads(word)
    if verb not in ("status", "analyze", "features") and not call.has("version", "v", "help", "h"):
        call.gives("configures the host as files or a cloud say")


def _subscription(call: Call) -> None:
    verb = call.verb.text if call.verb is not None and not call.verb.is_free else ""
    if verb not in ("status", "identity", "version", "list", "facts", "orgs", "repos") or call.has(
        "enable", "disable", "regenerate", "update"
    ):
        call.changes("changes where the host takes packages from")


def _ipactl(call: Call) -> None:
    if call.verb is not None and (call.verb.is_free or call.verb.text == "stop"):
        call.stops("stops the directory: people cannot log in", back="until it is started again", is_whole=True)
    elif call.verb is None or call.verb.text != "status":
        call.changes("starts or stops the directory: people may be unable to log in")


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
    Row(" ".join(_CHECKS), _daemon),
    Row("doveconf", _doveconf, "c: f: m: P h n a d S s x"),
    Row("squidclient", _squidclient, "h: p: P: file: k: key: cert: l: T: u: w: U: W: H: m:"),
    Row("cloud-init", _cloud_init, "o: outfile: i: infile: version v help h"),
    Row("subscription-manager", _subscription, "enable: disable:"),
    Row("ipactl", _ipactl),
    Row("getsebool varnishstat sss_ssh_authorizedkeys", _nothing),
    Row("tuned-adm", looks("active list profile_info recommend verify", "changes how the host is tuned")),
    Row("ldconfig", _ldconfig, "f: C: r: p print-cache V version"),
    Row("ldd", _ldd),
)
