# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that install and remove software.

Law: the scripts of a package run as root. Whoever chooses a package, or can change its file, has root. Packages of the host's own
archives are a change: an administrator installs them daily, and the archives sign them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from jitd_commands.judging import Call, Row
from jitd_commands.programs.grammar import grammar, grammars
from jitd_commands.programs.shared import changes
from jitd_commands.shell_text import Word

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
    r"|(\w+\.)?(install_weak_deps|keepcache|timeout|retries|fastestmirror|max_parallel_downloads|deltarpm|skip_if_unavailable|best|strict"
    r"|clean_requirements_on_remove|ip_resolve|assumeyes|obsoletes)=|tsflags=nodocs|dpkg::(use-pty|progress-fancy|lock::timeout)|apt::(install-recommends|install-suggests|get::(assume-yes|show-\w+|simulate))|quiet"
)
"""Settings of apt that start no program, and install nothing from elsewhere."""


_NEEDED = {
    r"openssh-server|dropbear\S*|sssd\S*|libpam-(sss|krb5)|libnss-\S+|winbind|krb5-kdc": "people may be unable to log in",
    r"network-manager|NetworkManager|netplan\S*|ifupdown\d?|systemd-networkd": "this host may be cut off",
    r"jitd|jitsudo|jitpam": "nothing is asked, watched or recorded any more",
    r"systemd|dbus|libc6|login|passwd|util-linux|glibc|grub\S*|linux-image-[a-z\d]+|kernel": "this host may not start",
    r"(postgresql|mysql|mariadb|mongodb|redis|valkey|elasticsearch|opensearch)(-server|-org)?[\d.:-]*": "its databases stop",
    r"docker(\.io|-ce|-engine)?|containerd(\.io)?|kubelet|k3s": "all containers stop",
}
"""What a host loses without a package."""
_BEGINNINGS = {
    "libc",
    "glibc",
    "musl",
    *(found[0] for named in _NEEDED for one in re.split(r"[|(]", named) if (found := re.match("[A-Za-z]+", one))),
}
"""How the names of such packages begin."""


def _named(packages: Iterable[Word]) -> str:
    """Return the packages as a sentence names them."""
    return ", ".join(word.text for word in packages if word.text)[:60]


def _lost(call: Call, package: Word, *, is_purge: bool) -> bool:
    """The program removes ``package``. Return True if this host needs it, which is told."""
    if package.is_free:
        return _lost_by_any(call, package.text)
    if found := re.match(r"\^?([^*?\[~^$|(]*)[*?\[~^$|(]", package.text):  # a pattern of the program's own
        return _lost_by_any(call, found[1])
    name = package.text.partition(":")[0]
    if re.fullmatch(r"libc6|libc-bin|glibc|musl", name):
        call.destroys(f"removes {name}: no program of this host starts any more", back="so that nothing can install it again")
        return True
    loss = next((loss for named, loss in _NEEDED.items() if re.fullmatch(named, name)), "")
    if loss and is_purge and "databases" in loss:
        call.destroys(f"removes {name} with all settings, and its databases may be gone", back="")
    elif loss:
        call.stops(f"removes {name}: {loss}", back="until it is installed again")
    return bool(loss)


def _lost_by_any(call: Call, begins: str) -> bool:
    """The program removes a package whose name ``begins`` so."""
    may_be = {one for one in _BEGINNINGS if one.startswith(begins) or begins.startswith(one)}
    if may_be & {"libc", "glibc", "musl", "postgresql", "mysql", "mariadb", "mongodb", "redis", "valkey"}:
        call.destroys(
            f"can remove {f'{begins}*' if begins else 'any package'}, which this host needs",
            back="and may leave nothing to install it",
        )
    elif may_be:
        call.stops(f"can remove {begins}*, which this host needs", back="until it is installed again")
    return bool(may_be)


def _installed(call: Call, package: Word) -> bool:
    """The program installs ``package``, which may be a file."""
    text = package.text
    if package.is_free and not text:
        call.gives("can install packages, whose scripts run as root")
    is_file = ("/" in text and _FILE.fullmatch(text) is not None) or text.endswith((".deb", ".rpm", ".apk"))
    if is_file and not _from_afar(call, package):
        _package_file(call, package)
    is_removed = call.name.startswith("apt") and (text.endswith("-") or package.is_free)
    return is_removed and _lost(call, replace(package, text=text.removesuffix("-")), is_purge=False)


def _set(call: Call, setting: Word) -> None:
    """The program has another ``setting``."""
    if setting.is_free or not _SAFE_SETTING.match(setting.text):
        call.gives("starts programs that its settings name")


def _configured(call: Call, file: Word) -> None:
    """The program has the settings of ``file``."""
    call.gives("starts programs that its settings name")


def _paged(call: Call, package: Word) -> bool:
    """The program shows a text of ``package``."""
    if call.is_shown:
        call.leads("starts a pager, which can start a shell")
    return True


def _from_afar(call: Call, package: Word) -> bool:
    """True if ``package`` is one of the network, which is told."""
    is_far = re.match(r"https?:|ftp:", package.text) is not None
    if is_far:
        call.gives("installs a package of the network, whose scripts run as root")
    return is_far


def _tapped(call: Call, package: Word) -> None:
    """Homebrew installs ``package``, which may be of an archive of others, as ``alice/tap/tool`` is."""
    if package.is_free or re.fullmatch(r"[\w.-]+/[\w.-]+/[\w.@+-]+", package.text):
        call.leads(f"installs {package.text[:60] or 'packages'} of another archive, where others choose the code")
    else:
        _installed(call, package)


_TYPES = {
    "PKG": _installed,
    "PKG:tapped": _tapped,
    "SCRIPTS": lambda call, word: call.gives("can run any script of an installed package") if word.is_free else None,
    "PKG:removed": lambda call, word: _lost(call, word, is_purge=False),
    "PKG:purged": lambda call, word: _lost(call, word, is_purge=True),
    "PKG:paged": _paged,
    "SETTING": _set,
    "SETTINGS": _configured,
    "PKG:file": lambda call, word: None if _from_afar(call, word) else _package_file(call, word),
    "DIR:filled": lambda call, word: call.writes(word, how="extracts files into", is_tree=True) or True,
    "CODE": lambda call, word: call.gives("runs any code that it is given"),
    "PROMPT": lambda call, word: call.gives("can install packages, whose scripts run as root"),
}


_ZYPPER_CHANGES = (
    "install|in|remove|rm|removeptf|rmptf|update|up|dist-upgrade|dup|patch|verify|ve|install-new-recommends|inr|download"
    "|source-install|si"
)
_ZYPPER_LOOKS = (
    "list-updates|lu|list-patches|lp|patch-check|pchk|search|se|info|if|patch-info|pattern-info|product-info|repos|lr|services|ls"
    "|packages|pa|patches|pch|patterns|pt|products|pd|what-provides|wp|system-architecture"
)
_RPM = """
    -q|--query -a|--all -i|--install|--info -U|--upgrade|--url -F|--freshen -e|--erase -V|--verify|--version -l|--list
    -s|--state -c|--configfiles -d|--docfiles -L|--licensefiles -R|--requires -f|--file -p|--package -g|--group -K|--checksig
    -v|--verbose -h|--hash --reinstall --import --initdb --rebuilddb --setperms --setugids --restore --showrc --querytags
    --help --provides --conflicts --obsoletes --recommends --suggests --enhances --supplements --changelog --changes
    --scripts --triggers --triggerscripts --filetriggers --last --dump --artifactfiles --whatprovides --whatrequires
    --whatconflicts --whatobsoletes --whatrecommends --whatsuggests --whatsupplements --whatenhances --filesbypkg
    --fileclass --filecaps --fileprovide --filerequire --specfile --test --nodeps --noscripts --nopre --nopost --nopreun
    --nopostun --nopretrans --noposttrans --notriggers --nofiles --nomd5 --nofiledigest --nosignature --nodigest --nomtime
    --nomode --nouser --nogroup --nosize --nolinkto --nordev --noconfig --noghost --noartifact --nocaps --noplugins
    --nosuggest --nocontexts --quiet --replacepkgs --replacefiles --oldpackage --force --percent --excludedocs
    --includedocs --allmatches --justdb --ignorearch --ignoreos --ignoresize --allfiles --badreloc --upgrade-test
    --qf|--queryformat=TEXT --hdrid=TEXT --pkgid=TEXT --tid=TEXT --prefix=TEXT --relocate=TEXT --excludepath=TEXT
    --queryinstalled --builtrpms --srpm --target=TEXT --undefine=TEXT
    -E|--eval=CODE -D|--define=CODE --load=CODE --macros=CODE --rcfile=CODE --pipe=CODE --root|-r=CODE --dbpath=CODE
"""
ROWS = (
    *grammars(
        """
        = debsums: abbreviates  -a|--all -e|--config -c|--changed -l|--list-missing -s|--silent -m|--md5sums=FILE:reads
        -r|--root=DIR:reads -d|--admindir=DIR:reads -p|--deb-path=DIR:reads -g|--generate=TEXT --no-locale-purge --no-prelink
        --ignore-permissions --ignore-obsolete --help --version
        --generate ...  changes   writes anew by what its packages are checked: {1+}
        ...           harmless
        = apt-cache apt-config apt-file  -a --all -s --silent -q --quiet -i --important -n --names-only -f --full -g
        --generate=TEXT --recurse --installed --no-pre-depends --no-depends --no-recommends --no-suggests --no-conflicts
        --no-breaks --no-replaces --no-enhances --implicit --all-versions --all-names -h --help -v --version -x --regexp -l
        -u --upgradeable -b --brief --allversions -p=TEXT
        --package=TEXT --guess-all --libdevel -F --fixed-string -I -o=SETTING -c=SETTINGS --option=SETTING
        --config-file=SETTINGS -r=TEXT -k=TEXT
        ...           harmless
        = needs-restarting  -h|--help -c|--config=SETTINGS -u|--useronly -r|--reboothint -s|--services -q|--quiet
        ()            harmless
        = aptitude  -h|--help --version -D|--show-deps -d|--download-only -F|--display-format=TEXT -f --group-by=TEXT
        --log-file=FILE:writes --log-level=TEXT --no-new-installs --no-new-upgrades -O|--sort=TEXT -o=SETTING -P|--prompt
        --purge-unused -q|--quiet[=N] -R|--without-recommends -r|--with-recommends -S=SETTINGS --show-package-names=TEXT
        -s|--simulate --show-summary[=TEXT] -t|--target-release=TEXT -V|--show-versions -v|--verbose --visual-preview
        -w|--width=N -y|--assume-yes -Z --add-user-tag=TEXT --remove-user-tag=TEXT --allow-untrusted --arch-only --disable-columns
        --full-resolver --safe-resolver --schedule-only --show-why -u -i
        --help|--version ...     harmless
        -u|-i|--visual-preview|--prompt ...  gives     {program} can start a shell
        ()                       gives     {program} can start a shell
        search|show|showsrc|versions|why|why-not|help|user-tag|update|clean|autoclean ...  harmless
        changelog PKG:paged...   harmless
        --simulate|--download-only ...  harmless
        install|reinstall|upgrade|safe-upgrade|full-upgrade|dist-upgrade --allow-untrusted PKG...  gives  \
            {program} installs packages that nobody has signed
        purge --assume-yes PKG:purged...  changes   {program} removes {:packages} with all settings
        purge PKG:purged...      gives     {program} has a prompt that can start a shell
        remove --assume-yes PKG:removed...  changes   {program} removes {:packages}
        remove PKG:removed...    gives     {program} has a prompt that can start a shell
        install|reinstall|upgrade|safe-upgrade|full-upgrade|dist-upgrade --assume-yes PKG...  changes  \
            {program} installs {:all updates} from this host's archives
        hold|unhold|markauto|unmarkauto|keep|forbid-version|forget-new|add-user-tag|remove-user-tag ...  changes  \
            {program} changes how {2+:packages} are kept
        * PKG...                 gives     {program} has a prompt that can start a shell
        = apt-mark  -h|--help -v|--version -q|--quiet -f|--file=FILE:reads -o|--option=SETTING -c|--config-file=SETTINGS --color
        --no-color
        --help|--version ()  harmless
        show*|minimize-manual ...  harmless
        auto|manual|hold|unhold|install|remove|deinstall|purge|markauto|unmarkauto ...  changes  \
            {program} changes how {2+:packages} are kept
        = unattended-upgrade unattended-upgrades  -h|--help -d|--debug --apt-debug -v|--verbose --dry-run --download-only
        --minimal-upgrade-steps --no-minimal-upgrade-steps
        --help|--dry-run ()  harmless
        ()            changes   {program} installs all updates of this host's archives
        = do-release-upgrade  -h|--help -V|--version -d|--devel-release --data-dir=SETTINGS -p|--proposed -m|--mode=TEXT
        -f|--frontend=TEXT -c|--check-dist-upgrade-only --allow-third-party -q|--quiet -e|--env=SETTING
        --help|--version|-c ()  harmless
        ()            changes   {program} upgrades the whole host to another release
        = debconf-set-selections  -h|--help -v|--verbose -c|--checkonly -u|--unseen
        --help|-c ...  harmless
        [FILE:trusts]  changes  {program} answers questions that packages will ask
        = apt-key add-apt-repository apt-add-repository rpmkeys  -h|--help --version --keyring=FILE:reads -l|--list -y|--yes
        -r|--remove -u|--update -n|--no-update -s|--enable-source -m --massive-debug -k|--keyserver=TEXT --import -e|--erase
        -d|--delete -K|--checksig -c|--component=TEXT -p|--pocket=TEXT -C|--cloud=TEXT --debug -S|--sourceslist=TEXT
        -P|--ppa=TEXT -U|--uri=TEXT -L|--login --dry-run
        --version|--help|--list|--checksig|--dry-run ...  harmless
        apt-key: list|finger ...  harmless
        ...           gives     {program} changes which archives are trusted
        = dpkg-reconfigure: abbreviates  -f|--frontend=TEXT -p|--priority=TEXT --default-priority -u|--unseen-only --force
        --no-reload -h|--help --showold --terse
        --help ()     harmless
        SCRIPTS...    changes   {program} runs scripts of {1+:installed packages}
        = apt apt-get  -d|--download-only -f|--fix-broken -m|--ignore-missing|--fix-missing --no-download -q|--quiet[=N]
        -u|--show-upgraded -s|--simulate|--just-print|--dry-run|--recon|--no-act -y|--yes|--assume-yes --assume-no
        --no-show-upgraded -V|--verbose-versions -v|--version -h|--help -a|--host-architecture=TEXT -P|--build-profiles=TEXT
        -b|--compile|--build --ignore-hold --with-new-pkgs --no-with-new-pkgs --no-upgrade --only-upgrade --allow-downgrades
        --allow-remove-essential --allow-change-held-packages --force-yes --print-uris --purge --reinstall --list-cleanup
        --no-list-cleanup -t|--target-release|--default-release=TEXT --trivial-only --mark-auto --no-remove
        --auto-remove|--autoremove --no-auto-remove|--no-autoremove --only-source --diff-only --dsc-only --tar-only --arch-only
        --indep-only --allow-unauthenticated --allow-insecure-repositories --no-allow-insecure-repositories
        --allow-releaseinfo-change[=TEXT] --show-progress --with-source=FILE:reads -e|--error-on=TEXT -c|--config-file=SETTINGS
        -o|--option=SETTING --install-recommends --no-install-recommends --install-suggests --no-install-suggests --fix-policy
        list: --installed --upgradable|--upgradeable --manual-installed -a|--all-versions -v|--verbose
        show|search: -a|--all-versions -n|--names-only -f|--full
        changelog|update|download: --print-uris
        --help|--version ...          harmless
        ()                            harmless
        edit-sources PROMPT...        gives     {program} edit-sources starts an editor, or has a prompt
        changelog --print-uris ...    harmless
        changelog PKG:paged...        harmless
        list|search|show|showsrc|policy|depends|rdepends|madison|pkgnames|moo|help|check|indextargets|source-info ...  harmless
        update|clean|autoclean|auto-clean|distclean|dist-clean  harmless
        --simulate|--download-only|--print-uris|--assume-no ...  harmless
        source -b PKG...              gives     {program} builds and runs code of a package
        source|download PKG...        changes   {program} writes packages into its directory
        install|reinstall|upgrade|full-upgrade|dist-upgrade|build-dep|satisfy --allow-unauthenticated|--force-yes PKG...  gives  \
            {program} installs packages that nobody has signed
        upgrade|full-upgrade|dist-upgrade|dselect-upgrade ()  changes   {program} installs all updates from this host's archives
        install|reinstall|upgrade|full-upgrade|dist-upgrade|build-dep|satisfy PKG...  changes   \
            {program} installs {:packages} from this host's archives
        autoremove|autopurge|auto-remove ()  changes   {program} removes what no other package needs
        purge|autopurge PKG:purged...  changes   {program} removes {:packages} with all settings
        remove|autoremove --purge PKG:purged...  changes   {program} removes {:packages} with all settings
        remove|autoremove|auto-remove PKG:removed...  changes   {program} removes {:packages}
        markauto|unmarkauto ...       changes   {program} changes which packages are kept
        = dnf yum: abbreviates  -c|--config=SETTINGS -q|--quiet -v|--verbose --version --installroot=SETTINGS --nodocs
        --noplugins --enableplugin=TEXT --disableplugin=TEXT --releasever=TEXT --setopt=SETTING --skip-broken
        -h|--help|--help-cmd --allowerasing -b|--best --nobest -C|--cacheonly -R|--randomwait=N -d|--debuglevel=N --debugsolver
        --showduplicates -e|--errorlevel=N --obsoletes --rpmverbosity=TEXT -y|--assumeyes --assumeno --enablerepo=TEXT
        --disablerepo=TEXT --repo|--repoid=TEXT --enable --disable -x|--exclude|--excludepkgs=TEXT
        --disableexcludes|--disableexcludepkgs=TEXT --repofrompath=SETTINGS --noautoremove --nogpgcheck --color=TEXT --refresh
        -4 -6 --destdir|--downloaddir=DIR:writes --downloadonly --comment=TEXT --bugfix --enhancement --newpackage --security
        --advisory|--advisories=TEXT --bz|--bzs=TEXT --cve|--cves=TEXT --sec-severity|--secseverity=TEXT --forcearch=TEXT
        -t|--tolerant
        list|info|ls|search|repolist|repoinfo: --all --available --installed --extras --updates --upgrades --autoremove \
            --recent
        repolist|repoinfo|module: --enabled --disabled --all --installed --available --profile
        group|groups|grouplist: --with-optional --hidden --installed --available --ids
        updateinfo: --available --installed --updates --all --summary --list --info --with-cve --with-bz
        check|check-update|list-updates: --changelogs --all --dependencies --duplicates --obsoleted --provides
        history: --reverse -o|--output=FILE:writes --ignore-installed --ignore-extras --skip-unavailable
        download: --source --debuginfo --debugsource --url --resolve --alldeps --arch=TEXT
        repoquery: -a|--all --show-duplicates --arch|--archlist=TEXT -f|--file=TEXT:plain --whatconflicts=TEXT
        repoquery: --whatdepends=TEXT \
            --whatobsoletes=TEXT --whatprovides=TEXT --whatrequires=TEXT --whatrecommends=TEXT --whatenhances=TEXT \
            --whatsuggests=TEXT --whatsupplements=TEXT --alldeps --exactdeps --recursive --deplist --resolve --tree --srpm \
            --latest-limit=N --disable-modular-filtering -i|--info -l|--list -s|--source --changelogs --nevra --nvr --envra \
            --qf|--queryformat=TEXT --querytags --groupmember --duplicates --installonly --unsatisfied --location --conflicts \
            --depends --enhances --provides --recommends --requires --requires-pre --suggests --supplements --available \
            --installed --extras --upgrades --unneeded --userinstalled --recent
        --help|--version ...          harmless
        ()                            harmless
        list|ls|info|search|provides|whatprovides|repolist|repoinfo|repoquery|check-update|check-upgrade|deplist ...  harmless
        check|makecache|clean|help|updateinfo|list-updates|list-security|grouplist|groupinfo|repository-list ...  harmless
        shell|sh [FILE:trusts]        gives     {program} shell has a prompt that installs packages
        config-manager ...            gives     {program} changes which archives are trusted
        copr ...                      gives     {program} changes which archives are trusted
        alias list ...                harmless
        alias PROMPT...               gives     {program} changes what its verbs do
        --assumeno|--downloadonly ...  harmless
        download PKG...               changes   {program} writes packages into its directory
        history undo|redo|rollback|replay ...  changes   {program} installs or removes packages as they were before: {2+}
        history userinstalled|list|info ...  harmless
        history [N]                   harmless
        history store N               changes   {program} writes what it did before to a file
        module|group|groups list|info|provides|summary ...  harmless
        module|group|groups ()        harmless
        module|group|groups remove|erase|uninstall PKG:removed...  changes   {program} removes {3+:groups}
        module reset|disable PKG...   changes   {program} installs nothing more of {3+}
        mark install|remove|group ...  changes   {program} changes which packages are kept back: {3+}
        autoremove ()                 changes   {program} removes what no other package needs
        remove|erase|rm|autoremove|groupremove PKG:removed...  changes   {program} removes {:packages}
        swap PKG:removed PKG          changes   {program} removes {2} and installs {3} from this host's archives
        downgrade PKG...              changes   {program} takes {:packages} back to what this host's archives had before
        install|reinstall|update|upgrade|up|localinstall|group|groups|module|distro-sync --nogpgcheck PKG...  gives  \
            {program} installs packages that nobody has signed
        module|group|groups install|upgrade|update|enable|switch-to PKG...  changes   \
            {program} installs {3+:groups} from this host's archives
        upgrade|update|up|upgrade-minimal|update-minimal|distro-sync|dsync|dup ()  changes   \
            {program} installs all updates from this host's archives
        install|reinstall|update|upgrade|up|upgrade-minimal|update-minimal|distro-sync|dsync|dup|in|rei PKG...  changes   \
            {program} installs {:packages} from this host's archives
        localinstall|groupinstall|builddep|debuginfo-install|install-n|install-na|install-nevra PKG...  changes   \
            {program} installs {:packages} from this host's archives
        system-upgrade|offline-upgrade download|reboot|clean|log ...  \
            changes   {program} upgrades the whole host to another release
        repository-packages PROMPT...  gives     {program} can install packages, whose scripts run as root
        """,
        types=_TYPES,
    ),
    grammar(
        "zypper",
        f"""
        -h|--help -V|--version --promptids -c|--config=SETTINGS --userdata=TEXT -q|--quiet -v|--verbose --color --no-color
        -A|--no-abbrev -s|--table-style=N -n|--non-interactive --non-interactive-include-reboot-patches -x|--xmlout
        -i|--ignore-unknown -t|--terse -D|--reposd-dir=SETTINGS -C|--cache-dir=SETTINGS --raw-cache-dir=SETTINGS
        --solv-cache-dir=SETTINGS --pkg-cache-dir=SETTINGS --no-gpg-checks --gpg-auto-import-keys -p|--plus-repo=SETTINGS
        --plus-content=TEXT --disable-repositories --no-refresh --no-cd --no-remote --releasever=TEXT -R|--root=SETTINGS
        --installroot=SETTINGS --disable-system-resolvables
        {_ZYPPER_CHANGES}: -t|--type=TEXT -n|--name -C|--capability --details --from=TEXT --oldpackage --allow-unsigned-rpm \
            -f|--force -r|--repo=TEXT -y|--no-confirm -D|--dry-run --replacefiles --download=TEXT -d|--download-only \
            --debug-solver --force-resolution -R|--no-force-resolution --solver-focus=TEXT --recommends --no-recommends \
            --no-allow-downgrade --no-allow-name-change --no-allow-arch-change --allow-downgrade --allow-name-change \
            --allow-arch-change --allow-vendor-change --no-allow-vendor-change -l --auto-agree-with-licenses \
            --auto-agree-with-product-licenses --best-effort --with-interactive --skip-interactive -u|--clean-deps \
            -U|--no-clean-deps --updatestack-only --with-update -g|--category=TEXT --date=TEXT -b|--bugzilla=TEXT \
            --severity=TEXT --cve=TEXT --without-optional --with-optional --all-matches
        {_ZYPPER_LOOKS}: -t|--type=TEXT --best-effort -a|--all -r|--repo=TEXT --match-substrings --match-words \
            -x|--match-exact --provides --requires --recommends --supplements --conflicts --obsoletes --suggests -n|--name \
            -f|--file-list -d|--details|--search-descriptions -C|--case-sensitive -s|--service -v|--verbose -i|--installed-only \
            -u|--uri|--not-installed-only --sort-by-name --sort-by-repo --orphaned --suggested --recommended --unneeded -N -R \
            -E|--show-enabled-only -U|--sort-by-uri -P|--sort-by-priority -A|--sort-by-alias -p|--priority -g|--category=TEXT \
            -b|--bugzilla=TEXT --cve=TEXT --severity=TEXT --issue[=TEXT]
        repos|lr: --alias --refresh -e|--export=FILE:writes
        refresh|ref|clean|cc: -f|--force -b|--force-build -d|--force-download -B|--build-only -D|--download-only \
            -r|--repo=TEXT -s|--services -m|--metadata -M|--raw-metadata -a|--all
        ps: -s|--short --print=TEXT -d|--debugFile=FILE:writes
        addlock|al|removelock|rl|cleanlocks|locks|ll: -t|--type=TEXT -r|--repo=TEXT -m|--matches -s|--solvables
        addrepo|ar|modifyrepo|mr|removerepo|rr: -r|--repo=TEXT -c|--check -C|--no-check -p|--priority=N -k|--keep-packages \
            -K|--no-keep-packages -g|--gpgcheck -G|--no-gpgcheck -n|--name=TEXT -e|--enable -d|--disable -f|--refresh \
            -F|--no-refresh -a|--all -l|--local -t|--remote
        """,
        f"""
        --help|--version ...          harmless
        ()                            harmless
        {_ZYPPER_LOOKS}|help|refresh|ref|clean|cc|ps|locks|ll|licenses|versioncmp|vcmp|targetos|tos|needs-rebooting ...  harmless
        shell|sh                      gives     {{program}} shell has a prompt that installs packages
        addrepo|ar|addservice|as|modifyrepo|mr|modifyservice|ms ...  gives     {{program}} changes which archives are trusted
        removerepo|rr|renamerepo|nr|removeservice|rs|refresh-services|refs ...  \
            changes   {{program}} installs nothing more from {{}}
        addlock|al|removelock|rl|cleanlocks|cl ...  changes   {{program}} changes which packages are kept back: {{}}
        {_ZYPPER_CHANGES} --dry-run|--download-only ...  harmless
        --no-gpg-checks|--gpg-auto-import-keys PROMPT...  gives     {{program}} installs packages that nobody has signed
        {_ZYPPER_CHANGES} --allow-unsigned-rpm PKG...  gives     {{program}} installs packages that nobody has signed
        remove|rm|removeptf|rmptf PKG:removed...  changes   {{program}} removes {{}}
        download PKG...               changes   {{program}} writes packages into its directory
        source-install|si PKG...      changes   {{program}} installs {{}} from this host's archives
        update|up|dist-upgrade|dup|patch|verify|ve|install-new-recommends|inr ()  changes   \
            {{program}} installs all updates from this host's archives
        {_ZYPPER_CHANGES} PKG...      changes   {{program}} installs {{:packages}} from this host's archives
        """,
        dialect="verbs",
        abbreviates=True,
        types=_TYPES,
    ),
    *grammars(
        """
        = nala  -h|--help --version --license --install-completion[=TEXT] --show-completion[=TEXT] --debug -v|--verbose
        -o|--option=SETTING --raw-dpkg -d|--download-only -y|--assume-yes -n|--assume-no --simple --no-simple --fix-broken
        --no-fix-broken --install-recommends --no-install-recommends --install-suggests --no-install-suggests --autoremove
        --auto-remove --no-autoremove --remove-essential --update --no-update --purge --full --no-full --exclude=TEXT
        list|search: -N|--nala-installed -V|--virtual -a|--all-versions -i|--installed -u|--upgradable -A|--all-arches -n|--names
        show: -a|--all-versions
        history: --installed
        fetch: --auto=N --debian=TEXT --devuan=TEXT --ubuntu=TEXT --fetches=N --https-only --non-free --sources -c|--country=TEXT
        clean: --fetch --lists
        --help|--version|--license|--show-completion ...  harmless
        ()                            harmless
        list|search|show|update|clean ...  harmless
        history info|list ...         harmless
        history ()                    harmless
        history undo|redo|clear ...   changes   {program} installs or removes packages as they were before: {2+}
        fetch ...                     changes   {program} changes from which hosts packages come
        install|upgrade|remove|purge|autoremove|autopurge --assume-no|--download-only ...  harmless
        upgrade ()                    changes   {program} installs all updates from this host's archives
        install|upgrade PKG...        changes   {program} installs {:packages} from this host's archives
        autoremove|autopurge ()       changes   {program} removes what no other package needs
        purge|autopurge PKG:purged...  changes   {program} removes {:packages} with all settings
        remove --purge PKG:purged...  changes   {program} removes {:packages} with all settings
        remove|autoremove PKG:removed...  changes   {program} removes {:packages}
        = snap  -h|--help --version --no-wait
        install|try|refresh|revert|switch: --color=TEXT --unicode=TEXT --channel=TEXT --edge --beta --candidate --stable \
            --devmode \
            --jailmode --classic --revision=TEXT --dangerous --unaliased --name=TEXT --cohort=TEXT --leave-cohort \
            --ignore-validation --transaction=TEXT --abs-time --amend --list --time
        remove: --revision=TEXT --purge
        run: --shell --command=TEXT:plain --hook=TEXT:plain -r=TEXT --strace[=TEXT] --gdb --gdbserver[=TEXT] --trace-exec
        logs: -n=N -f|--follow --abs-time
        start|stop|restart|services: --enable --disable --reload -g|--global -u|--user
        list|find|info|changes|tasks|warnings|connections|aliases|services|saved|model|known|interface|recovery: --all \
            --color=TEXT \
            --unicode=TEXT --abs-time --verbose --private --narrow --section=TEXT --attrs --remote --direct --serial --assertion \
            --last=TEXT --id=TEXT --show-keys
        get: -t|-l|-d
        --help|--version ...          harmless
        ()                            harmless
        list|find|info|changes|tasks|services|logs|connections|interface|get|aliases|whoami|saved|model|warnings ...  harmless
        known|version|help|watch|check-snapshot|recovery|refresh-mode|interfaces ...  harmless
        refresh --list|--time ()      harmless
        install|try|refresh|revert --dangerous|--devmode|--classic|--jailmode PKG...  gives  \
            {program} installs packages that nobody has signed or that have the whole host
        try PKG...                    gives     {program} runs or connects programs of a snap
        run|connect|shell|ack ...  gives     {program} runs or connects programs of a snap
        refresh ()                    changes   {program} installs all updates from this host's archives
        install|refresh PKG...        changes   {program} installs {:packages} from this host's archives
        remove --purge PKG...         destroys  {program} removes {} with all its data
        remove PKG:removed...         changes   {program} removes {}
        forget N TEXT...              destroys  {program} deletes the saved data {2}
        restore N TEXT...             destroys  {program} replaces the data of snaps by what was saved as {2}
        save|export-snapshot ...      reads     {program} copies the data of {:all snaps}
        set|unset|alias|unalias|prefer|start|stop|restart|enable|disable|revert|switch|disconnect|abort ...  changes   \
            {program} runs {1} on {:snaps}
        login|logout|okay|import-snapshot|create-cohort|wait ...  changes   {program} runs {1} on {:snaps}
        reboot ...                    stops     {program} starts this host anew  which is away until it has started again
        = flatpak  -h|--help --version --default-arch --supported-arches --gl-drivers --installations --print-updated-env
        -u|--user --system --installation=TEXT --arch=TEXT -v|--verbose --ostree-verbose
        install|update|uninstall|remove: --no-pull --no-deploy --no-related --no-deps --no-auto-pin --no-static-deltas \
            --runtime \
            --app --include-sdk --include-debug --bundle --from --gpg-file=FILE:reads --subpath=TEXT -y|--assumeyes --reinstall \
            --noninteractive --or-update --sideload-repo=SETTINGS --commit=TEXT --force-remove --appstream --keep-ref --all \
            --unused --delete-data
        list|info|remotes|search|history|ps|remote-ls|remote-info: -d|--show-details --runtime --app -a|--all \
            --app-runtime=TEXT \
            --columns=TEXT -r|--show-ref -c|--show-commit -o|--show-origin -s|--show-size -m|--show-metadata --show-runtime \
            --show-sdk -M|--show-permissions --file-access=TEXT -e|--show-extensions -l|--show-location --show-disabled \
            --since=TEXT --until=TEXT --reverse --updates --cached --log
        run: --command=TEXT:plain
        --help|--version|--default-arch|--supported-arches|--gl-drivers|--installations|--print-updated-env ...  harmless
        ()                            harmless
        list|info|remotes|search|history|ps|remote-ls|remote-info|documents|permissions ...  harmless
        document-info|permission-show ...  harmless
        run|override|remote-add|remote-modify|build|enter ...  gives     {program} runs programs of a package
        uninstall|remove --delete-data PKG...  destroys  {program} removes {} with all its data
        uninstall|remove PKG:removed...  changes   {program} removes {:packages}
        install --from|--bundle PKG...  gives     {program} runs programs of a package
        install|update PKG...         changes   {program} installs {:all updates} from this host's archives
        mask|pin|repair|make-current|kill|remote-delete ...  changes   {program} runs {1} on {:packages}
        = apk  -h|--help -V|--version -p|--root=SETTINGS -X|--repository=SETTINGS -q|--quiet -v|--verbose -i|--interactive
        -f|--force -U --update-cache --no-cache --cache-max-age=N --allow-untrusted --arch=TEXT --cache-dir=SETTINGS
        --keys-dir=SETTINGS --no-network --no-progress --progress --purge -s|--simulate --timeout=N --wait=N -t|--virtual=TEXT
        -u|--upgrade -l|--latest -a|--all|--available -r|--rdepends|--reinstall -d|--description|--depends -L|--contents -R
        -P|--provides -I|--installed -e|--exact -w|--who-owns|--webpage -o|--output=DIR:writes -O|--orphaned
        --help|--version ...          harmless
        ()                            harmless
        info|search|list|policy|version|stats|dot|manifest|verify|audit|update|fetch ...  harmless
        add|del|fix|upgrade --simulate ...  harmless
        add|fix|upgrade --allow-untrusted PKG...  gives     {program} installs packages that nobody has signed
        add|fix|upgrade PKG...        changes   {program} installs {:all updates} from this host's archives
        del PKG:removed...            changes   {program} removes {}
        cache clean|purge|sync|download ()  changes   {program} changes which packages it keeps
        = pacman  -h|--help -V|--version -S|--sync -R|--remove -Q|--query -U|--upgrade -D|--database -F|--files -T|--deptest
        -y|--refresh -u|--sysupgrade|--upgrades|--unneeded -s|--search|--recursive -i|--info -l|--list -g|--groups
        -c|--clean|--cascade|--changelog -w|--downloadonly -n|--nosave|--native -d|--nodeps|--deps -k|--check -m|--foreign
        -t|--unrequired -o|--owns -p|--print|--file -e|--explicit -q|--quiet -v|--verbose --noconfirm --confirm --needed
        --asdeps --asexplicit --noscriptlet --dbonly --overwrite=TEXT --ignore=TEXT --ignoregroup=TEXT --print-format=TEXT
        --color=TEXT --debug --noprogressbar --arch=TEXT --disable-download-timeout -b|--dbpath=SETTINGS -r|--root=SETTINGS
        --hookdir=SETTINGS --config=SETTINGS --gpgdir=SETTINGS --cachedir=SETTINGS --logfile=FILE:writes --sysroot=SETTINGS
        --help|--version ...          harmless
        -Q ...                        harmless
        -F ...                        harmless
        -T ...                        harmless
        -R -p ...                     harmless
        -R PKG:removed...             changes   {program} removes {}
        -U PKG:file...                changes   {program} installs {} from files
        -D ...                        changes   {program} changes which packages are kept back: {}
        -S -s|-i|-l|-g|-p ...         harmless
        -S -c ()                      changes   {program} deletes packages that it keeps
        -S PKG...                     changes   {program} installs {:all updates} from this host's archives
        """,
        types=_TYPES,
    ),
    *grammars(
        """
        = brew  -h|--help --version --cache --prefix --cellar --repository --env -d|--debug -q|--quiet -v|--verbose -f|--force
        -n|--dry-run --formula|--formulae --cask|--casks --display-times --build-from-source|-s --ignore-dependencies
        --only-dependencies --HEAD --fetch-HEAD --keep-tmp -g|--greedy --json[=TEXT] --installed --all --versions --full-name
        --pinned --prune=TEXT --zap --eval-all
        --help|--version ...          harmless
        list|ls|info|abv|search|desc|deps|uses|leaves|outdated|doctor|dr|config|home|log|update|up|cat|missing|options ...  \
            harmless
        --cache|--prefix|--cellar|--repository|--env ...  harmless
        shellenv|commands|formulae|casks|help|fetch ...  harmless
        services list|info ...        harmless
        cleanup|autoremove|link|unlink|pin|unpin|migrate|analytics|postinstall ...  changes   {program} runs {1} on {:packages}
        services ...                  changes   {program} starts or stops services: {2+}
        install|upgrade|reinstall --dry-run ...  harmless
        uninstall|rm|remove PKG:removed...  changes   {program} removes {}
        untap ...                     changes   {program} installs nothing more from {}
        install|upgrade|reinstall PKG:tapped...  changes   {program} installs {:all updates} from its own archives
        tap|bundle|edit|create|sh|irb|ruby|test|developer|vendor-install ...  gives  \
            {program} runs code of others, or installs from their archives
        = port: verbs  -v -d -q -n -R -u -y -f -o -p -s -b -c -k -t -N -D=SETTINGS -F=FILE:trusts
        \
        \
        \
        \
        \
        \
        \
        \
        \
        selfupdate|sync|list|installed|echo|search|info|variants|deps ...  harmless
        rdeps|dependents|outdated|contents|provides|notes|version|help ...  \
            harmless
        install|upgrade -y ...        harmless
        upgrade outdated              changes   {program} installs all updates of its archives
        uninstall ...                 changes   {program} removes {}
        install|upgrade|activate|deactivate|load|unload|reload|clean|reclaim|setrequested|unsetrequested|select ...  changes  \
            {program} runs {1} on {:packages}
        = emerge  -h|--help -V|--version --info -l|--load-average=N -s|--search -S|--searchdesc -p|--pretend -a|--ask[=TEXT]
        -v|--verbose[=TEXT] -q|--quiet[=TEXT] -u|--update -D|--deep[=N] -N|--newuse -U|--changed-use -1|--oneshot -t|--tree
        -j|--jobs[=N] -k|--usepkg[=TEXT] -K|--usepkgonly[=TEXT] -g|--getbinpkg[=TEXT] -G|--getbinpkgonly[=TEXT]
        -b|--buildpkg[=TEXT] -B|--buildpkgonly -c|--depclean -C|--unmerge -P|--prune -e|--emptytree -f|--fetchonly
        -F|--fetch-all-uri -n|--noreplace -O|--nodeps -o|--onlydeps -r|--resume --skipfirst --sync --metadata --regen --moo
        -W|--deselect[=TEXT] -w|--select[=TEXT] --keep-going[=TEXT] --with-bdeps=TEXT --backtrack=N --color=TEXT --columns
        --exclude=TEXT -x --autounmask[=TEXT] --autounmask-write[=TEXT] --config=PROMPT
        --root|--sysroot|--prefix|--config-root=SETTINGS --changed-deps[=TEXT] --complete-graph[=TEXT] --nospinner
        --quiet-build[=TEXT] --verbose-conflicts --alert -A[=TEXT] --rebuild-if-unbuilt[=TEXT]
        --help|--version|--info|--search|--searchdesc|--pretend|--fetchonly|--fetch-all-uri|--sync|--metadata|--regen|--moo ...  \
            harmless
        --unmerge|--depclean|--prune PKG:removed...  changes   {program} removes {1+:what no other package needs}
        --deselect ...                changes   {program} changes which packages are kept: {1+}
        --config ...                  gives     {program} runs code of a package
        --resume ()                   changes   {program} goes on with what it has left
        PKG...                        changes   {program} installs {1+} from this host's archives
        """,
        types=_TYPES,
    ),
    Row("update-ca-certificates update-ca-trust", changes("changes which certificates this host trusts"), "fresh f verbose v"),
    *grammars(
        """
        = dpkg dpkg-deb  -i|--install -A|--record-avail --unpack --configure --triggers-only -r|--remove -P|--purge -V|--verify
        -C|--audit --get-selections --set-selections --clear-selections --update-avail --merge-avail --clear-avail
        --forget-old-unavail --add-architecture --remove-architecture --print-architecture --print-foreign-architectures
        --print-avail -p --yet-to-unpack --predep-package --compare-versions --validate-pkgname --validate-trigname
        --validate-archname --validate-version --assert-help --assert-multi-arch --assert-support-predepends --force-help
        -?|--help --version -l|--list -s|--status -L|--listfiles -S|--search -b|--build -c|--contents -e|--control -x|--extract
        -X|--vextract -R|--recursive -f|--field -I|--info -W|--show --fsys-tarfile --ctrl-tarfile --raw-extract -a|--pending
        -G|--refuse-downgrade -O|--selected-only -E|--skip-same-version -B|--auto-deconfigure -D|--debug=N --force-all
        --force-confold --force-confdef --force-confnew --force-confmiss --force-confask --force-overwrite --force-overwrite-dir
        --force-depends --force-depends-version --force-downgrade --force-remove-reinstreq --force-remove-essential
        --force-architecture --force-bad-path --force-not-root --force-unsafe-io --force-hold --force-configure-any
        --force-breaks --force-conflicts --force-bad-verify --force-script-chrootless --no-force-all --ignore-depends=TEXT
        --no-act|--dry-run|--simulate --admindir=SETTINGS --instdir=SETTINGS --root=SETTINGS --path-exclude=TEXT
        --path-include=TEXT --verify-format=TEXT --status-fd=N --status-logger=SHELL --log=FILE:writes --pre-invoke=SHELL
        --post-invoke=SHELL --no-debsig --no-triggers --triggers --abort-after=N --robot --no-pager -q|--quiet --deb-new
        --root-owner-group -Z=TEXT -z=N --showformat=TEXT -v|--verbose
        --help|--version|--force-help ()  harmless
        --no-act ...                  harmless
        -x|-X|--raw-extract FILE:reads DIR:filled  changes  extracts the files of {1} into {2}
        -e FILE:reads [DIR:filled]    changes   extracts the scripts of {1}
        -b DIR:reads [FILE:writes]    harmless
        -i|-A|--unpack PKG:file...    changes   {program} installs {:packages} from files
        -r PKG:removed...             changes   {program} removes {:packages}
        -P PKG:purged...              changes   {program} removes {:packages} with all settings
        --configure|--triggers-only ...  changes   {program} runs scripts of {:all installed packages}
        --set-selections|--clear-selections|--update-avail|--merge-avail|--clear-avail|--forget-old-unavail ...  changes  \
            {program} changes which packages are installed
        --add-architecture|--remove-architecture TEXT  changes   {program} changes which packages are installed
        -l --no-pager ...             harmless
        -l ...                        pages
        -c|-I|-f|-W FILE:reads ...    harmless
        --fsys-tarfile|--ctrl-tarfile FILE:reads  harmless
        -s|-L|-S|-p|-V|-C|--print-avail|--get-selections|--yet-to-unpack|--predep-package|--compare-versions ...  harmless
        --print-architecture|--print-foreign-architectures ()  harmless
        --validate-pkgname|--validate-trigname|--validate-archname|--validate-version TEXT  harmless
        --assert-help|--assert-multi-arch|--assert-support-predepends ()  harmless
        = dpkg-query  -?|--help --version -s|--status -p|--print-avail -L|--listfiles -l|--list -W|--show -S|--search
        --control-list --control-show --control-path --load-avail --admindir=SETTINGS --root=SETTINGS -f|--showformat=TEXT
        --no-pager
        --help|--version ...          harmless
        -l --no-pager ...             harmless
        -l ...                        pages
        -s|-p|-L|-W|-S|--control-list|--control-show|--control-path ...  harmless
        = dpkg-statoverride  --add --remove --list --update --force-all --quiet --help --version --admindir=SETTINGS
        --help|--version ()  harmless
        --list ...           harmless
        --add|--remove ...   gives     {program} changes whose files are, and whether they are set-uid
        = dpkg-divert  --add --remove --list --listpackage --truename --divert=TEXT --local --package=TEXT --quiet --rename
        --no-rename --test --help --version --admindir=SETTINGS
        --help|--version ()                  harmless
        --list|--listpackage|--truename ...  harmless
        TEXT...                              gives     {program} moves files of packages away
        = gdebi  -h|--help --version -n|--non-interactive -q|--quiet --apt-line -o|--option=SETTING --root=SETTINGS
        --help|--version ()     harmless
        --apt-line FILE:reads   harmless
        PKG:file                changes   {program} installs {1} from a file
        = alien  -r|--to-rpm -t|--to-tgz --to-slp -d|--to-deb -p|--to-pkg -i|--install -g|--generate -s|--single -c|--scripts
        -T|--test -k|--keep-version -v|--verbose --veryverbose --nopatch --patch=FILE:trusts --anypatch --fixperms --bump=N
        --description=TEXT --version=TEXT --target=TEXT -h|--help -V
        --help|-V ()         harmless
        -i PKG:file...       changes   {program} installs {:packages} from files
        PKG:file...          changes   {program} writes packages into its directory
        """,
        types=_TYPES,
    ),
    grammar(
        "rpm rpmdb",
        _RPM,
        """
        --help|--showrc|--querytags|--eval ()  harmless
        --test ...                    harmless
        --version ()                  harmless
        --specfile FILE:runs...       harmless
        -q|-V|-K ...                  harmless
        -i|-U|-F|--reinstall PKG:file...  changes   {program} installs {:packages} from files
        -e PKG:removed...             changes   {program} removes {:packages}
        --import ...                  gives     {program} changes which archives are trusted
        --setperms|--setugids|--restore|--rebuilddb|--initdb ...  changes   \
            {program} sets the files of {:packages} as they were installed
        """,
        types=_TYPES,
    ),
    grammar("rpmquery rpmverify", _RPM, "--specfile FILE:runs...  harmless\n...  harmless", types=_TYPES),
    grammar("rpmspec", _RPM, "FILE:runs...  harmless", types=_TYPES),
)
