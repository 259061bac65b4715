# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: programs that show something and give nothing beyond what their words say.

Law: a line lists only options that start no program, write no file and change nothing. An option that is left out is not known,
and jitd says so. The lists are those of the manual pages of Debian 12 and 13. A program that reads the files in its operands
stands in ``files``, which looks at what they are.
"""

from __future__ import annotations

import re

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable
from jitd_commands.programs.grammar import grammars
from jitd_commands.programs.shared import nothing, rows_of, texts, trusts
from jitd_commands.shell_text import Word


def _ps(call: Call) -> None:
    if (
        any(not word.text.startswith("-") and "e" in word.text for word in call.words[:3] if word.text.isalpha())
        or call.may_add_options
    ):
        call.discloses("shows the variables of processes, which may be secrets")


def _server(call: Call) -> None:
    """A server that is started by hand. With other settings than the host's own, it starts what these name."""
    is_test = call.has("t", "T", "v", "V")
    for word, value in zip(call.words, [*call.words[1:], Word("")], strict=False):
        if (
            word.is_free
            or (call.name == "dnsmasq" and call.words and not call.has("test"))
            or word.text in ("-g", "-o", "-C", "-p", "-D")
        ):
            return call.gives("starts a server with other settings")
        if call.name == "haproxy" and word.text == "-c":
            continue
        if word.text in ("-c", "-f") and (path := call.absolute(value)) is not None:
            if not path.startswith("/etc/"):
                return call.gives("starts a server with other settings")
            call.reads(value)
    if not is_test and not (call.name == "haproxy" and call.has("c")):
        call.changes("starts or stops a server")


_PRINTS = "changes printers, or what they print"
_SERVES = {
    "rndc": "changes what the name server does",
    "unbound-control": "changes what the name server does",
    "varnishadm": "changes what the web cache does",
    "certbot": "gets or changes certificates of this host",
    "acme.sh": "gets or changes certificates of this host",
    **dict.fromkeys(("lpadmin", "cupsenable", "cupsdisable", "cancel", "lprm"), _PRINTS),
}


_UNBOUND = re.compile(r"(status|stats(_noreset)?|list_\w+|dump_\w+|lookup|get_option|ratelimit_list|ip_ratelimit_list)\Z")


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
    if call.name == "unbound-control" and call.verb is not None and not call.verb.is_free and _UNBOUND.match(call.verb.text):
        return None
    if call.name == "rndc" and call.verb is not None and not call.verb.is_free:
        if call.verb.text in ("status", "zonestatus", "showzone"):
            return None
        if call.verb.text == "delzone" and any(word.text == "-clean" for word in call.words):
            zone = " ".join(word.text for word in call.operands[1:])[:60]
            return call.destroys(f"deletes the zone {zone} with its file", is_whole=True)
    if call.verb is None or call.name.startswith("a2") or call.verb.text not in ("status", "certificates", "showacl"):
        call.changes(_SERVES.get(call.name) or "changes what the web server serves")


_PDNS = DecisionTable("""
    list-*|show-*|check-*|hash-password|help|version|test-*|ipencrypt|ipdecrypt|raw-lua-from-content|get-meta  harmless
    zone list|list-all|check|show  harmless
    export-zone-key*|generate-tsig-key|list-tsig-keys  reads     {program} shows keys of zones
    delete-zone|clear-zone         destroys  deletes the zone {2} with all its records
    zone delete|clear              destroys  deletes the zone {3} with all its records
    remove-zone-key|unpublish-zone-key|disable-dnssec|delete-tsig-key  destroys  takes keys of the zone {2} away
    delete-rrset                   changes   deletes {3+} of the zone {2}
    load-zone                      destroys  replaces the zone {2} by what is in {3}
    edit-zone                      gives     {program} starts an editor
    *                              changes   runs {1} on the zone {2:that it names}
""")
_KNOT = DecisionTable("""
    status|stats|zone-status|zone-check|zone-read|zone-get|zone-diff|zone-stats  harmless
    conf-check|conf-list|conf-read|conf-get|conf-diff  harmless
    zone-purge    destroys  deletes {2:all zones} with all that the server keeps of them
    zone-restore  destroys  replaces {2:all zones} by a backup
    stop          changes   stops the name server: it answers no more
    *             changes   runs {1} on the zones {2+:of the name server}
""")
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
        call.knows_all()
        for word in call.words:
            call.reads(word)
    elif all(re.fullmatch(r"/etc/\S+|reload|stop|start|-[ck]|--config|reconfigure|rotate|shutdown", word) for word in words):
        call.changes("starts or stops a server")
    else:
        call.gives("starts a server with other settings")


_GNU = "help version"
_LINUX = "h help V version"
_LVM = (
    "a all aligned binary C columns c colon d debug foreign h help H history ignorelockingfailure longhelp m maps nameprefixes"
    " noheadings nohints nolocking nosuffix o: options: q quiet readonly reportformat: rows s short segments S: select:"
    " separator: O: sort: t test unbuffered units: unquoted v verbose version y yes A activevolumegroups"
)
_NO_OPERANDS = """
    users,tty,arch,nproc,hostid,logname,whoami,runlevel    s silent quiet all ignore:
    uname           a all s kernel-name n nodename r kernel-release v kernel-version m machine p processor i hardware-platform o
                    operating-system
    lsb_release     h v i id d description r release c codename a all s short
    sestatus        v b
    mandb,updatedb,makewhatis,texhash    q d s p c u t no-purge no-straycats prunepaths: prunefs: v verbose
    getenforce
    pwd             L P
    aa-status,apparmor_status
                    enabled profiled enforced complaining kill special-unconfined process-mixed verbose json pretty-json
    lshw            X html xml json short businfo class: C: c: enable: disable: quiet sanitize numeric notime
    locale          a all-locales m charmaps c category-name k keyword-name v verbose usage V
    nvidia-smi      L list-gpus q query d: display: l: loop: lms: loop-ms: i: id: h query-gpu: format: query-compute-apps: x
                    xml-format
    powertop,units,clear,reset    V h
    slabtop         d: delay: s: sort: o once V h
    iotop           v h o only b batch n: iter: d: delay: p: pid: u: user: P processes a accumulated k kilobytes t time q quiet
    lsusb           v verbose s: d: D: t tree V
    lspci           m mm t v vv vvv k x xxx xxxx b D P PP n nn q qq Q s: d: i: p:
    sensors         c: config-file: h A no-adapter u j v f fahrenheit
    lsscsi          b brief c classic C controllers d device g generic h H: hosts: k kname L list l long U long-unit x lunhex N
                    no-nvme D pdt p protection P protmode i scsi_id s size S sz-lbs t transport u unit v verbose V w wwn
    nfsstat         s server c client n nfs 2 3 4 m mounts r rpc o: v verbose l list S: since: Z:: sleep::
"""
_NAMED = """
    who             a all b boot d dead H heading ips l login lookup m p process q count r runlevel s short t time T w mesg u
                    users
    df              a all B: block-size: h human-readable H si i inodes k l local no-sync output:: P portability sync total t:
                    type: T print-type x: exclude-type: v
    du              0 null a all apparent-size B: block-size: b bytes c total D dereference-args d: max-depth: H h
                    human-readable inodes k L dereference l count-links m P no-dereference S separate-dirs si s summarize t:
                    threshold: time:: time-style: exclude: x one-file-system
    stat            L dereference f file-system cached: c: format: printf: t terse
    realpath        e canonicalize-existing m canonicalize-missing L logical P physical q quiet relative-to: relative-base: s
                    strip no-symlinks z zero
    readlink        f canonicalize e canonicalize-existing m canonicalize-missing n no-newline q quiet s silent v verbose z zero
    basename,dirname    a multiple s: suffix: z zero
    id              a Z context g group G groups n name r real u user z zero
    groups,factor,sleep,sync,prtstat,getconf,hash,jobs    a d data f file-system r raw V v
    seq             f: format: s: separator: w equal-width
    stty            a all g save F: file: echo echoe echok icanon raw isig ixon cooked cbreak onlcr icrnl opost
"""
_NAMED_OF_LINUX = """
    w               no-header u no-current s short f from i ip-addr o old-style
    uptime          p pretty s since
    free            b bytes k kibi m mebi g gibi tebi pebi kilo mega giga tera peta human w wide c: count: l lohi L line s:
                    seconds: si t total v committed
    vmstat          a active f forks m slabs n one-header s stats d disk D disk-sum p: partition: S: unit: t timestamp w wide y
                    no-first
    pgrep           signal: c count d: delimiter: e echo f full g: pgroup: G: group: i ignore-case l list-name a list-full n
                    newest o oldest O: older: P: parent: s: session: t: terminal: u: euid: U: uid: v inverse w lightweight x
                    exact L logpidfile r: runstates: A ignore-ancestors cgroup: ns: nslist: q: queue:
    pidof           s c n q x z d: o: t S: w
    pmap            x extended d device q quiet A: range: X XX p show-path c read-rc
    pstree          a A arguments ascii c compact C: color: g show-pgids G vt100 H: highlight-pid: l long n numeric-sort N:
                    ns-sort: p show-pids s show-parents S ns-changes t thread-names T hide-threads u uid-changes U unicode Z
                    security-context
    lsblk           A noempty a all b bytes D discard d nodeps E: dedup: e: exclude: f fs H: hyperlink:: I: include: i ascii J
                    json l list M merge m perms N nvme v virtio n noheadings o: output: O output-all P pairs p paths r raw S
                    scsi s inverse T:: tree:: t topology w: width: x: sort: y shell z zoned
    lscpu           a all B bytes b online C:: caches:: c offline e:: extended:: J json p:: parse:: x hex y physical output-all
                    r raw
    lsmem           a all b bytes J json n noheadings o: output: output-all P pairs r raw S: split: summary::
    lsmod           s syslog v verbose
    lsipc           i: id: g global m shmems q queues s semaphores c creator e export J json l list n newline noheadings
                    notruncate o: output: b bytes r raw t time time-format: P numeric-perms y shell
    lslocks         b bytes i noinaccessible J json n noheadings o: output: output-all p: pid: r raw u notruncate
    lsns            J json l list n noheadings o: output: output-all p: task: P persistent r raw t: type: u notruncate W nowrap
                    T:: tree::
    lslogins        a acc-expiration c colon-separate e export f failed G supp-groups g: groups: L last l: logins: n newline
                    noheadings notruncate o: output: output-all p pwd r raw s system-accs time-format: u user-accs Z context z
                    print0
    findmnt         A all a ascii b bytes C nocanonicalize c canonicalize deleted D df d: direction: e evaluate f first-only i
                    invert J json k kernel l list M: mountpoint: m mtab n noheadings O: options: o: output: output-all P pairs
                    p:: poll:: pseudo shadow R submounts r raw real S: source: s fstab T: target: t: types: tree U uniq u
                    notruncate v nofsroot w: timeout: x verify verbose vfs-all y shell N: task: F: tab-file:
    mountpoint      d fs-devno q quiet nofollow x devno
    namei           l long m modes n nosymlinks o owners v vertical x mountpoints Z context
    whereis         b m s u f l B: M: S: g
    cal,ncal        1 one 3 three n: months: S span s sunday m monday j julian reform: iso y year Y twelve w:: week:: v vertical
                    c: columns: color:: J e o p b H: d: A: B: M W: C N
    ipcs            i: id: m shmems q queues s semaphores a all c creator l limits p pid t time u summary b bytes human
    last,lastb      a hostlast d dns f: file: F fulltimes i ip n: number: limit: p: present: R nohostname s: since: t: until:
                    time-format: w fullnames x system 0 1 2 3 4 5 6 7 8 9
    lastlog         b: before: t: time: u: user:
    uuidgen         r random t time m md5 s sha1 n: namespace: N: name: x hex C: count: 6 time-v6 7 time-v7
    iostat          human c compact d dec: g: H h j: k m N o: p:: pretty s t x y z
    mpstat          A dec: I: N: n o: P: T u
    pidstat         C: d dec: G: H human I l p: R r s T: t U:: u v w
    sar,sar.sysstat
                    A B b C D d dec: dev: e:: F:: f:: fs: H human I: i: iface: int: j: m: n: P: p pretty q:: r:: S s:: t u:: v W w
                    y z 1 2 3 4 5 6 7 8 9
    dstat           c cpu C: d disk D: g page i int I: l load m mem n net N: p proc r io s swap S: t time T epoch y sys aio fs
                    filesystem ipc lock raw socket tcp udp unix vm list a all f full v vmstat bits float integer bw nocolor
                    noheaders noupdate top-cpu top-io top-mem top-bio top-latency top-oom
    locate,plocate,mlocate
                    A all b basename c count e existing i ignore-case l: limit: n: N literal 0 null q quiet r: regexp: regex w
                    wholename S statistics P nofollow H L
    which           a s
    type            a t p P f
    getcap          n r v
    lsattr          R a d l p v
    getfattr        n: name: d dump e: encoding: no-dereference m: match: absolute-names only-values R recursive L logical P
                    physical
    quota           F: format: g group u user P project v verbose s:: human-readable:: always-resolve p raw-grace i no-autofs l
                    local-only A all-nfs f: filesystem-list: m no-mixed-pathnames q quiet Q quiet-refuse w no-wrap show-mntpoint
                    hide-device
    repquota        a all v verbose c cache C no-cache t truncate-names n no-names s:: human-readable:: p raw-grace i no-autofs
                    F: format: g group P project u user O: output:
    ausearch        a: event: arch: c: comm: e: exit: escape: extra-keys extra-labels extra-obj2 extra-time f: file: format: ga:
                    gid-all: ge: gid-effective: gi: gid: hn: host: i interpret if: input: input-logs just-one k: key: l
                    line-buffered m: message: n: node: o: object: p: pid: pp: ppid: r raw sc: syscall: se: context: session: su:
                    subject: sv: success: te: end: ts: start: tm: terminal: ua: uid-all: ue: uid-effective: ui: uid: ul:
                    loginuid: uu: uuid: v vm: vm-name: w word x: executable:
    aureport        au auth a avc comm c config cr crypto e event escape: f file failed host i interpret if: input: input-logs
                    integrity k key l login m mods ma mac n anomaly nc no-config node: p pid r response s syscall success
                    summary t log tty te: end: tm terminal ts: start: u user v virt x executable
    modinfo         F: field: b: basedir: k: 0 null a author d description l license p parameters n filename
    tput            S T: x
    systemd-detect-virt    c container v vm r chroot private-users cvm q quiet list list-cvm
    nfsiostat       a attr d dir l: list: p page s sort
    pvs,vgs,lvs,pvdisplay,vgdisplay,lvdisplay,lvscan    {lvm}
    pvscan          v verbose s short e exported n novolumegroup u uuid q quiet
    vgscan          v verbose q quiet t test
    dmidecode,biosdecode
                    d: dev-mem: q quiet s: string: t: type: H: handle: u dump from-dump: no-sysfs oem-string:
    getsebool       a
    lsinitramfs,lsinitrd    l s size m mod k: kver:
    varnishstat     1 f: I: X: x j t: n: N:
    sss_ssh_authorizedkeys    d: domain: debug:
"""


def _cached(call: Call, file: Word) -> None:
    if file.text != "/dev/null":
        call.writes(file, is_use=False)


ROWS = (
    *grammars(
        """
        = blkid: abbreviates  -c|--cache-file=CACHED -d|--no-encoding -D|--no-part-details -g|--garbage-collect -H|--hint=TEXT
        -i|--info -k|--list-filesystems -l|--list-one -L|--label=TEXT -n|--match-types=TEXT -o|--output=TEXT:plain -O|--offset=N
        -p|--probe -s|--match-tag=TEXT -S|--size=N -t|--match-token=TEXT -u|--usages=TEXT -U|--uuid=TEXT -h|--help -V|--version
        ...                  harmless
        = sshd  -4 -6 -D -d -e -i -q -t -T -G -V -C=TEXT -c|-h=FILE:reads -E=FILE:appends -f=FILE:trusts -g|-p|-u=N -o=TEXT
        -t|-T|-G|-V ()  harmless
        -f|-o|-p|-C|-c|-h|-g ()  gives     starts a server with other settings
        ()            changes   starts or stops a server
        = apachectl  -D|-e|-k=TEXT -d|-R=DIR:obeys -f=FILE:trusts -C|-c=DIRECTIVE -E=FILE:appends -h -l -L -M -S -t -T -v -V -X
        = apache2ctl  -D|-e|-k=TEXT -d|-R=DIR:obeys -f=FILE:trusts -C|-c=DIRECTIVE -E=FILE:appends -h -l -L -M -S -t -T -v -V -X
        = httpd  -D|-e|-k=TEXT -d|-R=DIR:obeys -f=FILE:trusts -C|-c=DIRECTIVE -E=FILE:appends -h -l -L -M -S -t -T -v -V -X
        -t|-S|-M|-L|-l|-v|-V|-h ()  harmless
        configtest|status|fullstatus ()  harmless
        -f|-d|-R ()   gives     starts a server with other settings
        start|stop|restart|graceful|graceful-stop ()  changes   starts or stops a server
        ()            changes   starts or stops a server
        = named-checkconf  -j -l -c -i -p -x -z -h -V -v
        [FILE:reads]...  harmless
        = named-checkzone  -d -q -v -j -h -V -c=TEXT -i=TEXT -f=TEXT -F=TEXT -k=TEXT -l=TEXT -L=TEXT -m=TEXT -M=TEXT -n=TEXT
        -r=TEXT
        -s=TEXT -S=TEXT -T=TEXT -W=TEXT -D
        [TEXT] [FILE:reads]  harmless
        = unbound-checkconf  -f -o=TEXT -q -h -V
        [FILE:reads]  harmless
        = testparm  -s|--suppress-prompt -v|--verbose --parameter-name=TEXT --section-name=TEXT --show-all-parameters -l
        --skip-logic-checks --usage -h|--help -V|--version
        [FILE:reads] [TEXT] [TEXT]  harmless
        = getent  -A|--no-addrconfig --no-idn --help|-? --usage --version|-V -s|--service=TEXT -i
        shadow|gshadow ...  reads     {program} reads password hashes
        ...           harmless
        = klist  -C -d -V -c -k -K -e -f -s -a -n -A -l -i -t
        -K ...        reads     {program} shows keys of Kerberos
        ...           harmless
        = lsof  -? -h -v -A=FILE:reads -b -d=TEXT -F[=TEXT] -f[=TEXT] -g[=TEXT] -K[=TEXT] -l -n -N -o[=TEXT] -O -P -Q -r[=TEXT]
        -R -S[=TEXT] -s[=TEXT] -T[=TEXT] -U -V -w -x[=TEXT] -X -z[=TEXT] -Z[=TEXT] -E -H -L[=TEXT] -M -k=FILE:reads -D=TEXT
        -p=TEXT -i[=TEXT] -u=TEXT -c=TEXT -a -t
        -k|-D ...     reads     {program} can read memory of the kernel
        ...           harmless
        = sss_cache  -E|--everything -u|--user=TEXT -U|--users -g|--group=TEXT -G|--groups -n|--netgroup=TEXT -N|--netgroups
        -s|--service=TEXT -S|--services -a|--autofs-map=TEXT -A|--autofs-maps -h|--ssh-host=TEXT -H|--ssh-hosts
        -r|--sudo-rule=TEXT -R|--sudo-rules -d|--domain=TEXT --debug=N --help
        --help ()     harmless
        ()            changes   {program} changes what is known of accounts
        = sssctl  --debug=N -?|--help --usage -o|--override -s|--service=TEXT -a|--action=TEXT -l|--servers --online
        -r|--active-server --start -u|--users -g|--groups -n=TEXT -E|--expire -c|--config=FILE:reads -d|--domain=TEXT -A -i
        --restart
        --help|--usage ...  harmless
        domain-list|domain-status|user-checks|user-show|group-show|config-check|netgroup-show ...  harmless
        ()            harmless
        * ...         changes   {program} changes what is known of accounts
        = doveconf  -N -c=FILE:trusts -f=TEXT -m=TEXT -P -h -n -a -d -S -s -x -w -I
        -P|-h ...     reads     {program} shows passwords of the mail server
        ...           harmless
        = squidclient  -h=TEXT -p=N -P=FILE:reads --file=FILE:reads -k|--key=FILE:reads --cert=FILE:reads -l=TEXT -T=N -u=TEXT
        -w=TEXT -U=TEXT -W=TEXT -H=TEXT -m=TEXT -v -s -r -a -n
        *shutdown* ...  changes   {program} stops a server
        ...           harmless
        = cloud-init  -h|--help -v|--version -d|--debug --force -f|--file=FILE:trusts -i|--infile=FILE:reads
        -o|--outfile=FILE:writes -l|--long -w|--wait --format=TEXT --list-keys --name=TEXT --frequency=TEXT --local
        -m|--mode=TEXT -c=FILE:reads --system -a --annotate
        --help|--version ...  harmless
        status|analyze|features|schema ...  harmless
        query ...     reads     {program} shows what a cloud tells the host, which may be secrets
        * ...         gives     {program} configures the host as files or a cloud say
        = subscription-manager  --enable=TEXT --disable=TEXT --username=TEXT --password=TEXT --org=TEXT --auto-attach --force
        --name=TEXT --activationkey=TEXT --serverurl=TEXT --baseurl=TEXT --environments=TEXT --release=TEXT --servicelevel=TEXT
        --consumerid=TEXT --all --list --consumed --available --pool=TEXT --auto --quantity=TEXT --unset --set=TEXT --show
        --repo=TEXT --list-enabled --list-disabled --remove=TEXT --add=TEXT --proxy=TEXT --insecure --no-overlay --help -h
        --version
        --version|--help ...  harmless
        status|identity|version|list|facts|orgs|repos --enable|--disable ...  changes  \
            {program} changes where the host takes packages from
        status|identity|version|list|facts|orgs|repos ...  harmless
        * ...         changes   {program} changes where the host takes packages from
        = ipactl  --skip-version-check --ignore-service-failures -f|--force -d|--debug -h|--help --version
        --help|--version ()  harmless
        status        harmless
        stop          stops     stops the directory: people cannot log in  until it is started again
        start|restart  changes   {program} starts or stops the directory: people may be unable to log in
        = cpupower  -h|--help -v|--version -c|--cpu=TEXT -b|--boost -e -d|--min=TEXT -l -w -o -p -g|--governor=TEXT
        -f|--freq=TEXT -y -m|--human -n|--no-rounding -u|--max=TEXT -r|--related --perf-bias=TEXT --turbo-boost=N
        -D|--disable-by-latency=N --enable=N -E|--enable-all --disable=N -s|--silent --hwlimits --driver --policy --stats
        --latency --proc
        --help|--version ()  harmless
        frequency-info|idle-info|info|help|monitor ...  harmless
        * ...         changes   {program} changes how fast the processors are
        = tuned-adm  -a|--async -i|--ignore-missing -d|--debug -l|--loglevel=TEXT --timeout=N -t=N -h|--help -v|--version
        -q|--quiet
        --help|--version ()  harmless
        active|list|profile_info|recommend|verify|profile_mode ...  harmless
        profile|off|auto_profile|instance_acquire_devices ...  changes   {program} changes how the host is tuned
        = ldconfig: abbreviates  -f=TEXT -C=TEXT -r=TEXT -p|--print-cache -V|--version -v|--verbose -n -N -X -l -c|--format=TEXT
        -i|--ignore-aux-cache -?|--help --usage
        --print-cache|--version|--help|--usage ()  harmless
        -f|-C|-r|-n|-l ...  gives     {program} loads libraries of other directories
        ()            changes   {program} renews the list of libraries
        TEXT...       gives     {program} loads libraries of other directories
        = ldd  -v|--verbose -u|--unused -d|--data-relocs -r|--function-relocs --version --help
        [FILE:runs]...  harmless
        """,
        types={
            "CACHED": _cached,
            "DIRECTIVE": lambda call, word: call.gives("starts a server with other settings"),
        },
    ),
    Row("true false : test [ echo printf expr yes", texts, is_plain=True),
    *rows_of(nothing, _NO_OPERANDS, also=_GNU),
    *rows_of(nothing, _NAMED, also=_GNU, operands="names, or files that are looked at"),
    *rows_of(nothing, _NAMED_OF_LINUX.replace("{lvm}", _LVM), also=_LINUX, operands="names, or files that are looked at"),
    Row(
        "ps",
        _ps,
        "A a d e f F j l L m M y c T H O: Group: group: user: ppid: k: deselect context cumulative forest headers no-headers"
        " no-heading cols: columns: width: rows: lines: w ww V Z info help version sid: quick-pid: n: r S s: x h date-format:"
        " signames o: format: u: U: p: pid: C: G: g: t: tty: sort: q: N",
    ),
    Row(
        "php-fpm",
        _server,
        "c: y: p: g: d: t T v i m",
        telling="--version:php-fpm --help:php-fpm -v:php-fpm -h:php-fpm",
    ),
    Row(
        "nginx haproxy postgres mysqld unbound dnsmasq slapd krb5kdc kadmind",
        _server,
        "M L l q d test G version help h f: t T v V S c s: g: p: e: k: D: C: F: config-file:",
        telling=(
            "--version:postgres,mysqld,dnsmasq --help:postgres,dnsmasq -V:nginx,postgres,unbound"
            " -v:nginx,haproxy,unbound -vv:haproxy -h:nginx,unbound"
        ),
    ),
    Row(
        "a2ensite a2dissite a2enmod a2dismod a2enconf a2disconf unbound-control varnishadm lpadmin cupsenable cupsdisable"
        " cancel lprm certbot acme.sh",
        _service,
        "dry-run cert-name: pre-hook: post-hook: deploy-hook: renew-hook: manual-auth-hook: manual-cleanup-hook: d:"
        " domain: domains: webroot w: webroot-path: standalone nginx apache n non-interactive agree-tos m: email:"
        " force-renewal q quiet expand key-type: staging test-cert preferred-challenges: issue key-path: cert-path:"
        " reason:"
        " E D: L: o: r: u: v: x: P: R: U: W: a s t"
        " T: S: t: p"
        " no-random-sleep-on-renew purge",
        telling="--version:certbot --help:certbot -V:varnishadm -h:varnishadm",
    ),
    Row("rndc", _service, "b: V q r y: 4 6 c: k: s: p: clean", operands="a zone"),
    Row("sealert", nothing, "l: lookupid: H html-output V h help version"),
    Row("pdnsutil", _PDNS, "v verbose f force q quiet h help version config-dir: config-name:"),
    Row(
        "knotc",
        _KNOT,
        "s: socket: t: timeout: b blocking e extended x mono X color v verbose h help V version c: config: C: confdb: f force",
    ),
    Row(" ".join(_CHECKS), _daemon, "k: f: c: d: p: config: config-file: config.file: dbpath:"),
)
