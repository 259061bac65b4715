# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that install and remove software.

Law: the scripts of a package run as root. Whoever chooses a package, or can change its file, has root. Packages of the host's own
archives are a change: an administrator installs them daily, and the archives sign them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jitd_commands.judging import Call, Row
from jitd_commands.programs.shared import words
from jitd_commands.shell_text import Word

_INSTALLS = words(
    "install reinstall upgrade dist-upgrade full-upgrade localinstall build-dep source download update groupinstall add in"
    " up dup refresh safe-upgrade upgrade-minimal satisfy distro-sync system-upgrade swap module patch group groups"
)
_REMOVES = words(
    "remove purge autoremove autopurge erase rm del delete autoclean clean downgrade mark groupremove uninstall hold unhold"
)
_LOOKS = words(
    "list search show info policy depends rdepends madison showsrc provides whatprovides repolist check-update history"
    " changelog version help check moo pkgnames stats dump unmet repoquery se lr lu lp patches list-updates files deplist"
    " updateinfo is-installed outdated audit"
)
_FILE = re.compile(r".*\.(deb|rpm|apk|ipk|pkg\.tar\.\w+|snap|flatpak|dsc|changes|whl|tar\.gz|tgz|zip|gem)|[.~]?/.*", re.DOTALL)


def _package_file(call: Call, word: Word) -> None:
    path = call.absolute(word)
    if path is None:
        return call.gives("installs any package, whose scripts run as root")
    name = path.rpartition("/")[2]
    if who := call.judge.changed_by(path):
        belongs = "can be changed by anybody" if who == "anybody" else f"belongs to {who}"
        return call.gives(f"{name} {belongs}: its scripts run as root", path, is_whole=True)
    call.leads(f"installs {name}, whose scripts run as root", path, is_whole=True)


_SAFE_SETTING = re.compile(
    r"(?i)dpkg::options::=--force-conf(old|def|new|miss)|acquire::(https?::)?(timeout|retries|no-cache|force(ipv4|ipv6)|languages)|debug::"
    r"|dpkg::(use-pty|progress-fancy|lock::timeout)|apt::(install-recommends|install-suggests|get::(assume-yes|show-\w+|simulate))|quiet"
)
"""Settings of apt that start no program, and install nothing from elsewhere."""


_WHOLE = {
    "autoremove": "what no other package needs",
    "autopurge": "what no other package needs",
    **dict.fromkeys(("upgrade", "full-upgrade", "dist-upgrade", "update", "up", "dup", "distro-sync"), "all updates"),
}
_NEEDED = {
    r"openssh-server|dropbear\S*|sssd\S*|libpam-(sss|krb5)|libnss-\S+|winbind|krb5-kdc": "people may be unable to log in",
    r"network-manager|NetworkManager|netplan\S*|ifupdown\d?|systemd-networkd": "this host may be cut off",
    r"jitd|jitsudo|jitpam": "nothing is asked, watched or recorded any more",
    r"systemd|dbus|libc6|login|passwd|util-linux|glibc|grub\S*|linux-image-[a-z\d]+|kernel": "this host may not start",
    r"(postgresql|mysql|mariadb|mongodb|redis|valkey|elasticsearch|opensearch)(-server|-org)?[\d.:-]*": "its databases stop",
    r"docker(\.io|-ce|-engine)?|containerd(\.io)?|kubelet|k3s": "all containers stop",
}
"""What a host loses without a package."""


def _named(packages: Iterable[Word]) -> str:
    """Return the packages as a sentence names them."""
    return ", ".join(word.text for word in packages if word.text)[:60]


def _removes(call: Call, packages: list[Word], *, is_purge: bool) -> None:
    """The program removes ``packages``. If ``is_purge`` is True, their settings and data go, too."""
    named = _named(packages) or _WHOLE.get(call.verb.text if call.verb is not None else "", "packages")
    if call.may_add_options or any(word.is_free and not word.text for word in packages):
        return call.stops("can remove any package, jitd too", back="until it is installed again")
    if any(re.fullmatch(r"libc6|libc-bin|glibc|musl", word.text) for word in packages):
        return call.destroys(
            f"removes {named}: no program of this host starts any more", back="so that nothing can install it again"
        )
    for word in packages:
        loss = next((loss for name, loss in _NEEDED.items() if re.fullmatch(name, word.text)), "")
        if loss and is_purge and "databases" in loss:
            return call.destroys(f"removes {named} with all settings, and its databases may be gone", back="")
        if loss:
            return call.stops(f"removes {named}: {loss}", back="until it is installed again")
    if call.name == "snap" and call.has("purge"):
        return call.destroys(f"removes {named} with all its data")
    if call.has("delete-data"):
        return call.destroys(f"removes {named} with all its data")
    call.changes(f"removes {named}{' with all settings' if is_purge else ''}")


def _apt(call: Call) -> None:
    if call.has("c", "config-file") or any(
        word.is_free or not _SAFE_SETTING.match(word.text) for word in call.values("o", "option")
    ):
        call.gives("starts programs that its settings name")
    verb = call.verb
    name = verb.text if verb is not None else ""
    if verb is not None and verb.is_free:
        return call.gives("can install packages, whose scripts run as root")
    letters = [letter for letter, programs in _DRY.items() if call.name in programs]
    if (
        call.has("simulate", "dry-run", "just-print", "print-uris", "no-act", "assumeno", "download-only", *letters)
        and not call.may_add_options
    ):
        return None
    if call.has(
        "allow-unauthenticated",
        "force-yes",
        "nogpgcheck",
        "no-gpg-check",
        "allow-untrusted",
        "repofrompath",
        "repository-url",
        "X",
        "installroot",
        "no-gpg-checks",
        "nosignature",
    ):
        return call.gives("installs packages that nobody has signed")
    if name in ("edit-sources", "shell", "config-manager") or (name == "changelog" and call.is_shown):
        if name == "changelog":
            return call.leads("starts a pager, which can start a shell")
        return call.gives(
            f"{name} starts an editor, or has a prompt" if name != "config-manager" else "changes which archives are trusted"
        )
    if name in _INSTALLS:
        packages = call.operands[1:]
        if name == "source" and call.has("b", "build", "compile"):
            return call.gives("builds and runs code of a package")
        if name in ("download", "source"):
            return call.changes("writes packages into its directory")
        if name in ("module", "group", "groups") and packages and packages[0].text in ("list", "info", "provides", "summary"):
            return None
        if name == "update" and call.name in ("apt", "apt-get", "nala"):
            return None
        for word in packages:
            if word.is_any or (word.is_free and not word.text):
                return call.gives("can install packages, whose scripts run as root")
            if "/" in word.text and _FILE.fullmatch(word.text) or word.text.endswith((".deb", ".rpm", ".apk")):
                if re.match(r"https?://|ftp://", word.text):
                    call.gives("installs a package of the network, whose scripts run as root")
                else:
                    _package_file(call, word)
        if call.name in ("snap", "flatpak", "brew", "port", "pkg") and call.has("dangerous", "devmode", "classic", "jailmode"):
            call.gives("installs packages that nobody has signed or that have the whole host")
        if call.may_add_options:
            return call.gives("can install packages, whose scripts run as root")
        named = _named(packages) or _WHOLE.get(name, "")
        return call.changes(f"installs {named or 'packages'} from this host's archives")
    if name in _REMOVES:
        if name in ("mark", "hold", "unhold"):
            return call.changes(f"changes which packages are kept back: {_named(call.operands[1:])}")
        return (
            None
            if name in ("clean", "autoclean")
            else _removes(call, call.operands[1:], is_purge="purge" in name or call.has("purge"))
        )
    if name == "history" and len(call.operands) > 1 and re.match(r"undo|redo|rollback|replay", call.operands[1].text):
        told = " ".join(word.text for word in call.operands[1:])[:60]
        return call.changes(f"installs or removes packages as they were before: {told}")
    if call.name == "snap" and name in ("saved", "save", "known", "warnings", "whoami", "connections", "interfaces", "services"):
        return None
    if call.name == "snap" and name == "forget":
        return call.destroys(f"deletes the saved data {_named(call.operands[1:]) or 'of a snap'}")
    if name in _LOOKS or not name:
        return None
    if call.name == "snap" and name in words("run try connect set alias start stop restart enable disable revert"):
        return (
            call.gives("runs or connects programs of a snap")
            if name in ("run", "try", "connect")
            else call.changes(f"runs {name} on {_named(call.operands[1:]) or 'snaps'}")
        )
    if call.name == "flatpak" and name in ("run", "override", "remote-add", "build", "enter"):
        return call.gives("runs programs of a package")
    if call.name in ("apk", "pacman"):
        return _pacman(call)
    call.not_known(f"jitd does not know what {call.name} {name[:40]} does")


def _pacman(call: Call) -> None:
    letters = "".join(word.text for word in call.words if re.fullmatch("-[A-Za-z]+", word.text))
    if "U" in letters or call.has("upgrade"):
        for word in call.operands:
            _package_file(call, word)
        return None
    if call.has("hookdir", "config", "gpgdir", "root", "dbpath") or call.may_add_options:
        return call.gives("can install packages, whose scripts run as root")
    if "p" in letters or call.has("print"):
        return call.knows_all()
    if "S" in letters and not re.search("[silg]", letters.replace("S", "", 1).replace("y", "").replace("u", "")):
        return call.changes(f"installs {_named(call.operands) or 'packages'} from this host's archives")
    if "R" in letters:
        return _removes(call, call.operands, is_purge=False)
    if "D" in letters:
        return call.changes(f"changes which packages are kept back: {_named(call.operands)}")


def _dpkg(call: Call) -> None:
    if call.may_add_options:
        return call.gives("can install packages, whose scripts run as root")
    if any(option.startswith(("pre-invoke", "post-invoke", "status-logger")) for option in call.given) or call.has(
        "admindir", "root", "instdir"
    ):
        call.gives("starts other programs")
    operands = call.operands
    if call.has("i", "install", "unpack", "x", "extract", "X", "vextract", "e", "control", "R", "record-avail"):
        if call.has("x", "X", "extract", "vextract", "e", "control"):
            for word in operands[1:2]:
                call.writes(word, how="extracts files into", is_tree=True)
            return None
        for word in operands:
            _package_file(call, word)
        return None
    if call.has("r", "remove", "P", "purge"):
        if call.has("dry-run", "no-act", "simulate"):
            return None
        return _removes(call, operands, is_purge=call.has("P", "purge"))
    if call.has("configure", "triggers-only"):
        return call.changes(f"runs scripts of {_named(operands) or 'all installed packages'}")
    if call.has(
        "set-selections",
        "clear-selections",
        "update-avail",
        "merge-avail",
        "add-architecture",
        "remove-architecture",
        "forget-old-unavail",
    ):
        return call.changes("changes which packages are installed")
    if call.name == "dpkg-deb" and call.has("b", "build"):
        for word in operands[1:]:
            call.writes(word)
        return None
    if call.name == "dpkg-statoverride" and call.has("add", "remove"):
        return call.gives("changes whose files are, and whether they are set-uid")
    if call.name == "dpkg-divert" and not call.has("list", "listpackage", "truename"):
        return call.gives("moves files of packages away")
    if call.is_shown and call.has("l", "list") and call.name in ("dpkg", "dpkg-query") and not call.has("no-pager"):
        return call.leads("starts a pager, which can start a shell")
    for word in operands:
        if "/" in word.text:
            call.reads(word)


def _rpm(call: Call) -> None:
    if call.may_add_options:
        return call.gives("can install packages, whose scripts run as root")
    if any(
        word.text.startswith(("--eval", "-E", "--define", "-D", "--pipe", "--load", "--rcfile", "--root", "--dbpath"))
        for word in call.words
    ):
        return call.gives("runs any code that it is given")
    if call.has("test"):
        return call.knows_all()
    letters = {word.text[1] for word in call.words if re.match("-[A-Za-z]", word.text)}
    is_query = call.name in ("rpmquery", "rpmverify") or letters & {"q", "V"} or call.has("query", "verify")
    if call.name == "rpmspec" or call.has("specfile"):
        for word in [*call.operands, *call.values("specfile")]:
            call.runs_file(word)
        return None
    if is_query:
        return None
    if letters & {"i", "U", "F"} or call.has("install", "upgrade", "freshen", "reinstall"):
        for word in call.operands:
            if re.match("https?:|ftp:", word.text):
                call.gives("installs a package of the network, whose scripts run as root")
            else:
                _package_file(call, word)
        return None
    if "e" in letters or call.has("erase"):
        return _removes(call, call.operands, is_purge=False)
    if call.has("import"):
        return call.gives("changes which archives are trusted")
    if call.has("setperms", "setugids", "restore", "rebuilddb", "initdb"):
        return call.changes(f"sets the files of {_named(call.operands) or 'packages'} as they were installed")
    if call.has("checksig", "K", "version", "showrc", "querytags", "help"):
        return None
    call.not_known("jitd does not know what rpm does here")


def _reconfigure(call: Call) -> None:
    if any(word.is_free for word in call.operands) or call.may_add_options:
        return call.gives("can run any script of an installed package")
    call.changes(f"runs scripts of {_named(call.operands) or 'installed packages'}")


def _keys(call: Call) -> None:
    if call.verb is not None and call.verb.text in ("list", "finger", "--list") or call.has("list", "l"):
        return
    call.gives("changes which archives are trusted")


def _archives(call: Call) -> None:
    if (call.has("o", "c", "option", "config-file") or call.may_add_options) and call.name.startswith("apt"):
        call.gives("starts programs that its settings name")


_MARKS = {
    **dict.fromkeys(("unattended-upgrade", "unattended-upgrades"), "installs all updates of this host's archives"),
    **dict.fromkeys(("do-release-upgrade", "do-dist-upgrade"), "upgrades the whole host to another release"),
    "debconf-set-selections": "answers questions that packages will ask",
}


def _marks(call: Call) -> None:
    is_shown = call.verb is not None and call.verb.text.startswith("show")
    if (
        not is_shown
        and not call.has("dry-run", "check-dist-upgrade-only", "c", "l")
        and not (call.name == "needrestart" and call.has("b", "p"))
    ):
        told = _MARKS.get(call.name)
        words = " ".join(word.text for word in call.words if word.text)[:60]
        call.changes(told or f"changes how packages are kept: {words}")


def _certificates(call: Call) -> None:
    if call.verb is None or call.verb.text not in ("list", "dump"):
        words = " ".join(word.text for word in call.words if word.text)[:60]
        call.changes(f"changes which certificates this host trusts{f': {words}' if words else ''}")


_OPTIONS = (
    "installed upgradable upgradeable manual-installed all-versions yes assume-yes assumeyes quiet v verbose V"
    " verbose-versions version h help updates available extras obsoletes recent security bugfix enhancement advisory:"
    " enabled disabled all no-install-recommends install-recommends with-new-pkgs fix-broken f n names-only full r"
    " recursive showduplicates enablerepo: disablerepo: repo: repoid: releasever: C cacheonly refresh e exact i"
    " installed-only no-refresh u updates-only l non-interactive no-color color: 6 4 s summary info list disableexcludes:"
    " nobest best latest-limit: qf: queryformat: whatprovides: whatrequires: requires provides o: option: c: config-file:"
    " t: target-release: a: host-architecture: simulate dry-run just-print print-uris no-act assumeno download-only d"
    " allow-unauthenticated force-yes nogpgcheck no-gpg-check allow-untrusted repofrompath: repository-url: X:"
    " installroot: no-gpg-checks nosignature b build compile dangerous devmode classic jailmode q y purge delete-data"
    " only-upgrade reinstall allow-remove-essential allow-downgrades allow-change-held-packages no-upgrade"
    " fix-missing m ignore-missing no-remove no-install-suggests install-suggests auto-remove fix-policy"
    " skip-broken allowerasing exclude: x: disableplugin: noplugins recommends no-recommends force-resolution"
    " no-force-resolution details auto-agree-with-licenses no-confirm show-progress channel: stable candidate beta"
    " edge noninteractive no-cache autoremove noautoremove reverse hold:: unhold time: revision: no-wait no-download"
    " allow-releaseinfo-change category: severity: skip-unavailable offline newpackage clean-deps no-clean-deps"
    " forcearch: oldpackage"
)
"""Options of programs that install packages."""
_DRY = {"s": words("apt apt-get aptitude-curses apk"), "d": words("apt apt-get aptitude-curses zypper")}
"""Letters with which these programs install nothing; those of others mean something else by them."""
ROWS = (
    Row(
        "apt apt-get aptitude-curses nala zypper apk snap flatpak brew port pkg eopkg xbps-install emerge slackpkg",
        _apt,
        _OPTIONS,
    ),
    Row("dnf dnf5 yum microdnf tdnf", _apt, f"{_OPTIONS} d: debuglevel: e: errorlevel: R: randomwait:"),
    Row(
        "apt-cache apt-config apt-file apt-show-versions debsums deborphan",
        _archives,
        "a all s silent q quiet i important n names-only f full g generate: recurse installed no-pre-depends no-depends"
        " no-recommends no-suggests no-conflicts no-breaks no-replaces no-enhances implicit all-versions all-names h help v"
        " version x regexp l list-missing e config changed ignore-permissions u upgradeable b brief allversions p: package:"
        " guess-all libdevel F fixed-string I o: c: option: config-file: r: k:",
        operands="a verb that looks, and packages",
    ),
    Row(
        "apt-mark apt-clone dpkg-split unattended-upgrade unattended-upgrades do-release-upgrade do-dist-upgrade"
        " debconf-set-selections checkrestart",
        _marks,
        "h help version q quiet dry-run check-dist-upgrade-only c l d v debug"
        " a all f: file: mode: m: frontend: p: proposed allow-third-party unattended verbose n",
        telling="--version:apt-mark,dpkg-split --help:apt-mark,dpkg-split,unattended-upgrade",
    ),
    Row(
        "apt-key add-apt-repository apt-add-repository rpmkeys apt-ftparchive",
        _keys,
        "l list",
        telling="--version:rpmkeys --help:rpmkeys",
    ),
    Row(
        "update-ca-certificates update-ca-trust trust",
        _certificates,
        "fresh f verbose v certsdir: localcertsdir: etccertsdir: default",
    ),
    Row("pacman yay paru", _pacman, "hookdir: config: gpgdir: root: dbpath: r: b: upgrade"),
    Row(
        "dpkg dpkg-deb dpkg-query dpkg-statoverride dpkg-divert gdebi alien",
        _dpkg,
        "V verify C audit get-selections print-architecture print-foreign-architectures status listfiles search show p"
        " print-avail c contents I info compare-versions yet-to-unpack predep-package assert-help version help ? status-fd:"
        " listpackage: truename: no-act dry-run simulate load-avail control-list: control-show: validate-pkgname:"
        " validate-version: force-help D: debug: verify-format: assert-multi-arch no-triggers force-confold force-confdef"
        " robot fsys-tarfile ctrl-tarfile f:: field: showformat: W w admindir: root: instdir: i install unpack x extract X"
        " vextract e control r remove P purge R l list L S s b build configure triggers-only pre-invoke: post-invoke:"
        " status-logger: add no-pager"
        " a pending force-all force-confnew force-confmiss force-overwrite force-depends force-downgrade"
        " skip-same-version refuse-downgrade G E O selected-only set-selections clear-selections add-architecture:"
        " remove-architecture: no-debsig quiet q deb-new root-owner-group Z: z:",
        telling="--version:dpkg-divert --help:dpkg-divert",
    ),
    Row(
        "rpm rpmquery rpmdb rpmverify rpmsign rpmspec",
        _rpm,
        "q a all i info l list s state c configfiles d docfiles L licensefiles R requires provides conflicts obsoletes"
        " recommends suggests enhances supplements changelog changes scripts triggers triggerscripts filetriggers last"
        " queryformat: f: file: package: g: group: whatprovides: whatrequires: whatconflicts: whatobsoletes: whatrecommends:"
        " whatsuggests: whatsupplements: whatenhances: filesbypkg fileclass filecaps fileprovide filerequire dump V nofiles"
        " nodeps noscripts nomd5 nofiledigest nosignature nodigest nomtime nomode nouser nogroup nosize nolinkto nordev v"
        " verbose vv quiet querytags help hdrid: tid: pkgid: noconfig noghost noartifact nocaps path: qf: p: query verify"
        " install upgrade freshen reinstall erase import setperms setugids restore rebuilddb initdb checksig K version showrc"
        " e h nopreun nopostun nopre nopost noplugins replacepkgs replacefiles oldpackage force test percent"
        " excludedocs prefix: relocate: allmatches justdb ignorearch ignoreos ignoresize nocontexts U F hash"
        " nofilelinktos includedocs nopretrans noposttrans nosuggest",
    ),
    Row(
        "dpkg-reconfigure", _reconfigure, "p: priority: f: frontend: u force default-priority unseen-only no-reload showold terse"
    ),
)
