# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: Kubernetes.

Law: who can put a manifest of their own into a cluster can have the files of each of its hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from jitd_commands.judging import Call, Row
from jitd_commands.programs.decision_table import DecisionTable, Options, told
from jitd_commands.programs.grammar import grammars
from jitd_commands.programs.shared import who_changes, words
from jitd_commands.shell_text import Word

_WHOLE = "can start containers that have a whole host of the cluster"
_SHOWS = words(
    "get describe logs top version cluster-info api-resources api-versions explain auth diff wait events options"
    " completion kustomize help"
    " status whoami projects"
)
_VALUED = (
    "--kube-context --kube-apiserver --kube-token --kube-ca-file --kube-as-user --kube-as-group --registry-config"
    " --repository-cache --repository-config --history-max --description --values --set --set-string --set-file"
    " -n --namespace --context --cluster --user -s --server --token --as --as-group --certificate-authority"
    " --client-certificate --client-key"
    " --request-timeout -l --selector -o --output -c --container --tail --since --field-selector --sort-by --cache-dir"
    " --replicas --image"
    " --timeout --grace-period --field-manager --type --overrides --restart --env --port --target -f --filename -k"
    " --kustomize -p --patch"
    " --patch-file --kubeconfig -v --template --from-file --from-literal --from-env-file --limits --profile --custom"
    " --serviceaccount --user"
    " --clusterrole --role --group --raw.x --copy-to --set-image"
)
_VALUES = words(_VALUED)
_KUBECTL = DecisionTable(
    """
    delete namespace|namespaces|ns|project|projects --all  destroys  deletes every namespace, and everything in it
    delete namespace|namespaces|ns|project|projects  destroys  \
        deletes the namespace {:that its options select}, and everything in it
    delete *pvc*|*persistentvolumeclaim*  destroys  \
        deletes the volume claims {:that its options select}{in}, and their data  unless the volumes are retained
    delete pv|pv.*|persistentvolume*  destroys  \
        deletes the volumes {:that its options select}  unless the storage keeps what a deleted volume had
    delete crd|crds|customresourcedefinition*  destroys  deletes the kinds {:that its options select}, and every object of them
    delete secret|secrets             destroys  deletes the secrets {:that its options select}{in}
    delete all --all|-A|--all-namespaces  destroys  deletes every program and every service{in}
    delete po|pod|pods --all|-A|--all-namespaces  destroys  deletes all pods{in}  and only controllers start new ones
    delete * --all                    destroys  deletes all {*}{in}
    delete po|pod|pods                changes   deletes the pods {:that its options select}{in}; their controllers start new ones
    delete no|node|nodes              changes   takes the host {:that its options select} out of the cluster
    delete sts|statefulset|statefulsets  changes  \
        deletes the stateful sets {:that its options select}{in}, whose volume claims remain
    delete ds|daemonset|daemonsets|deploy|deployment|deployments -n|--namespace=kube-system  stops  \
        deletes {:what its options select}{in}, on which the cluster depends  until it is made again
    delete *                          changes   deletes {*} {:that its options select}{in}
    delete  changes  deletes what {files:its options select} describes; a namespace or a volume in it takes its data along
    scale * --all --replicas=0        stops     stops all {*}{in}  until they are scaled up again
    scale --replicas=0 -n|--namespace=kube-system  stops  \
        stops all instances of { :what its options select}{in}, on which the cluster depends  until they are scaled up again
    scale --replicas=0                changes   stops all instances of { :what its options select}{in}
    scale|autoscale                   changes   changes the number of { :what its options select}{in}
    drain --delete-emptydir-data|--delete-local-data  changes  \
        moves all programs away from {:the selected hosts}, without their temporary volumes
    drain                             changes   moves all programs away from {:the selected hosts}
    cordon                            changes   starts no more programs on {:the selected hosts}
    uncordon                          changes   starts programs again on {:the selected hosts}
    taint                             changes   keeps programs away from { }
    label                             changes   labels { }{in}
    annotate                          changes   annotates { }{in}
    expose                            changes   lets others reach { }{in}
    certificate approve               leads     lets {} act in the cluster
    certificate deny                  changes   refuses the certificate of {}
    rollout restart                   changes   restarts { }{in}
    rollout undo                      changes   takes back the last change of { }{in}
    rollout pause                     changes   stops changes of { }{in}
    rollout resume                    changes   goes on with changes of { }{in}
    rollout                           changes   changes { }{in}
    set serviceaccount|sa|subject     gives     changes what {} may do in the cluster
    set *                             changes   changes the {*} of { }{in}
    adm policy|certs                  gives     changes who may act in the cluster
    policy                            gives     changes who may act in the cluster
    adm                               changes   changes the hosts of the cluster: { }
    process|import-image              changes   {} changes what runs in the cluster
    """,
    valued=_VALUED,
)
_SHELLS = re.compile(
    r"(.*/)?(ba|da|a|z|k|c|tc|fi)?sh|(.*/)?(python|perl|ruby|node|php|lua|vi|vim|nano|busybox|env|nsenter|chroot|sudo|su|less|psql|mysql)[0-9.]*"
)


def in_container(call: Call, command: Sequence[Word], name: str = "") -> None:
    """The program ``command`` is started in the container ``name``."""
    if not command:
        return call.leads("starts a program in a container with rights on the host")
    if command[0].is_free or _SHELLS.fullmatch(command[0].text):
        call.leads(f"starts {command[0].text or 'any program'} in a container, perhaps with rights on the host")
    else:
        call.unknown(f"jitd does not know what {command[0].text[:60]} in the container does")
    if not command[0].is_free:
        call.away(f"in the container {name}" if name else "in a container").start(command)


def _split(words: Sequence[Word]) -> tuple[list[Word], list[tuple[str, Word]], list[Word] | None]:
    """Return the operands, the options with their values, and what follows ``--``."""
    operands: list[Word] = []
    options: list[tuple[str, Word]] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word.text == "--" and not word.is_free:
            return operands, options, rest
        if not word.text.startswith("-") or word.text == "-":
            operands.append(word)
            continue
        name, equals, value = word.text.partition("=")
        if equals:
            options.append((name, Word(value, word.is_free, word.is_bound)))
        elif name in _VALUES:
            options.append((name, rest.pop(0) if rest else Word("", is_free=True)))
        elif re.match("-[nflkcop][^-=]", name):
            options.append((name[:2], Word(name[2:], word.is_free)))
        else:
            options.append((name, Word("", word.is_free)))
    return operands, options, None


def _values(options: Options, *names: str) -> Iterator[Word]:
    return (value for name, value in options if name in names)


def _configuration(call: Call, options: Options) -> None:
    for word in _values(options, "--kubeconfig", "--cache-dir"):
        if who := who_changes(call, word):
            call.gives(
                f"starts programs that {word.text or 'any file'} names, which {who} can change",
                call.absolute(word) or "",
            )


def _manifests(call: Call, options: Options, what: str) -> None:
    files = [*_values(options, "-f", "--filename", "-k", "--kustomize", "--patch-file")]
    for word in files:
        if word.text == "-" and not word.is_free:
            call.gives("reads what it starts from its input: it can have a whole host of the cluster")
        elif re.match("https?://|git@|github.com", word.text):
            call.leads("starts what a place says that others control")
        elif who := who_changes(call, word):
            path = call.absolute(word) or ""
            call.gives(f"starts what {path or 'any file'} says, which {who} can change: any host of the cluster", path)
    call.changes(what, is_whole=True)


def _kubectl(call: Call) -> None:
    operands, options, command = _split(call.words)
    _configuration(call, options)
    if any(word.is_free and not word.is_bound and word.text in ("", "-", "--") for word in call.words):
        call.gives(_WHOLE)
    if not operands:
        return None
    verb, rest = operands[0], operands[1:]
    if verb.is_free:
        _KUBECTL.tells(call, call.words)
        return call.gives(_WHOLE)
    name = verb.text
    names = {option for option, _ in options}
    second = rest[0].text if rest else ""
    if name in ("exec", "rsh", "attach"):
        return in_container(call, command if command is not None else rest[1:], told(rest[:1]))
    if name == "debug":
        if second.startswith("node/") or second == "node":
            node = second.partition("/")[2] or told(rest[1:2]) or "a node"
            return call.leads(f"gives root on the host {node} of the cluster: it starts a container with all its files")
        return call.leads("starts a container beside others")
    if name == "edit":
        return call.gives("edit starts an editor")
    if name == "run":
        if names & {"--overrides", "--privileged"}:
            return call.gives(_WHOLE)
        return call.leads("starts a container from an image, whose code is of others")
    if name == "proxy":
        return call.gives("lets everybody on this host control the cluster")
    if name == "port-forward":
        return call.changes(f"opens a way to {told(rest) or 'programs'} in the cluster", is_whole=True)
    if name == "cp":
        target = rest[-1] if rest else Word("", is_free=True)
        if ":" not in target.text:
            return call.writes(target)
        for word in rest[:-1]:
            call.reads(word, is_tree=True)
        container, _, path = target.text.partition(":")
        return call.changes(f"overwrites {path[:60]} in the container {container[:60]}", is_whole=True)
    if name == "config":
        if names & {"--raw"}:
            return call.discloses("shows keys of the cluster")
        return (
            None
            if second in ("view", "get-contexts", "current-context", "get-clusters", "get-users", "")
            else call.changes(f"changes which clusters this account uses: {second[:40]}", is_whole=True)
        )
    dry = [value.text in ("client", "server") and not value.is_free for value in _values(options, "--dry-run")]
    if dry and all(dry):
        for word in _values(options, "-f", "--filename", "--patch-file", "--from-file", "--from-env-file"):
            call.reads(Word(word.text.partition("=")[2] or word.text, word.is_free))
        return None
    if name in ("apply", "replace", "create", "patch", "new-app", "new-project", "process"):
        return _puts(call, name, rest, options)
    if name == "rollout" and second in ("status", "history"):
        return None
    if name in _SHOWS:
        if any(re.match(r"(secrets?|token)\b", word.text) for word in rest) and name == "get":
            kinds = [value.text for value in _values(options, "-o", "--output")]
            if any(not re.fullmatch("wide|name", kind) for kind in kinds) or names & {"--template"}:
                return call.discloses("shows secrets of the cluster")
        if name == "get" and any(word.text.startswith("/") for word in _values(options, "--raw")):
            return call.discloses("shows anything of the cluster")
        return None
    if not _KUBECTL.tells(call, _apart(call.words, verb), where=_cluster(options), named=_named(options)):
        call.not_known(f"jitd does not know what {call.name} {name[:40]} does")


def _apart(given: Sequence[Word], verb: Word) -> list[Word]:
    """Return the words ``given`` with the kind apart from the name, as in ``delete ns/shop``."""
    if verb.text != "delete":
        return list(given)
    apart = (
        [Word(kind), replace(word, text=name)]
        if slash and kind and not kind.startswith(("-", ".")) and "=" not in kind
        else [word]
        for word in given
        for kind, slash, name in (word.text.partition("/"),)
    )
    return [word for words in apart for word in words]


def _cluster(options: Options) -> str:
    """Return where the program acts, if its options choose a cluster."""
    chosen = told([*_values(options, "--context", "--kube-context", "--cluster", "-s", "--server")][:1])
    return f"in the cluster {chosen}" if chosen else ""


def _named(options: Options) -> dict[str, str]:
    """Return what sentences say of the namespace and of the files in ``options``."""
    space = told([*_values(options, "-n", "--namespace")][:1])
    is_all = any(name in ("-A", "--all-namespaces") for name, _ in options)
    within = " in every namespace" if is_all else f" of the namespace {space}" if space else ""
    return {"in": within, "files": told([*_values(options, "-f", "--filename", "-k", "--kustomize")])}


def _puts(call: Call, name: str, rest: Sequence[Word], options: Options) -> None:
    second = rest[0].text if rest else ""
    if name == "create":
        if second in ("clusterrolebinding", "rolebinding", "clusterrole", "role"):
            return call.gives("changes who may act in the cluster")
        if second == "token":
            return call.discloses("makes a token of the cluster, and shows it")
        for word in _values(options, "--from-file", "--from-env-file"):
            call.reads(Word(word.text.partition("=")[2] or word.text, word.is_free))
    if name == "patch":
        for word in _values(options, "-p", "--patch"):
            if word.is_free or re.search(
                r"privileged|host|serviceAccount|capabilities|volumes|image|command|args|roleRef|subjects", word.text
            ):
                return call.gives(_WHOLE)
    within = _named(options)
    if "--prune" in {option for option, _ in options}:
        call.destroys(f"deletes what {within['files'] or 'its files'} no longer describes{within['in']}", is_whole=True)
    files = within["files"]
    deed = {"create": "makes", "new-app": "makes", "new-project": "makes the namespace", "replace": "replaces"}.get(
        name, "changes"
    )
    done = f"{deed} {'what' if deed != 'changes' else 'the cluster as'} {files} {'describes' if deed != 'changes' else 'says'}"
    where = f"{_cluster(options)}: " if _cluster(options) else ""
    what = done if files else f"{deed} {' '.join(word.text for word in rest)[:60] or 'what its options name'}"
    _manifests(call, options, f"{where}{what}{within['in']}")


_HELM_SHOWS = words(
    "list ls status history hist search show inspect version lint env template verify pull fetch dependency dep package"
    " completion get repo registry create"
)

_HELM = DecisionTable(
    """
    ... --dry-run            harmless
    uninstall|delete|del|un --keep-history  changes  \
        deletes all that the release {}{in} made; helm rollback makes it again, but not its data
    uninstall|delete|del|un  destroys  \
        deletes the release {}{in}, and all that it made  and a new install does not bring back its data
    rollback                 changes   takes the release {2}{in} back to revision {3:before}
    test                     changes   starts the tests of the release {}{in}
    install                  changes   installs the release {}{in}
    upgrade                  changes   changes the release {}{in}
    """,
    valued=_VALUED,
)


def _helm(call: Call) -> None:
    operands, options, _ = _split(call.words)
    _configuration(call, options)
    for word in _values(options, "--post-renderer"):
        call.runs_file(word)
    if any(word.is_free and not word.is_bound and word.text in ("", "-", "--") for word in call.words):
        call.gives(_WHOLE)
    if not operands:
        return None
    verb = operands[0]
    second = operands[1].text if len(operands) > 1 else ""
    if verb.is_free:
        _HELM.tells(call, call.words)
    if verb.is_free or verb.text == "plugin" and second not in ("list", "ls"):
        return call.gives("installs or runs any code")
    if verb.text == "get" and second in ("values", "all", "manifest", "hooks"):
        return call.discloses("shows settings, which may be secrets")
    if verb.text in _HELM_SHOWS:
        if verb.text == "repo" and second in ("add", "remove"):
            call.changes(f"{second} changes where charts come from: {told(operands[2:])}")
        return None
    if verb.text in ("install", "upgrade"):
        for word in _values(options, "-f", "--values"):
            if who_changes(call, word):
                call.leads("starts what a file says that others can change")
        for chart in operands[1:]:
            if "/" in chart.text and chart.text.startswith(("/", ".", "~")) or chart.text.endswith(".tgz") or chart.is_free:
                if who := who_changes(call, chart):
                    path = call.absolute(chart) or ""
                    return call.gives(
                        f"starts what {path or 'any chart'} says, which {who} can change: any host of the cluster",
                        path,
                    )
            elif "/" in chart.text:
                call.leads("starts what a place says that others control")
    if not _HELM.tells(call, call.words, where=_cluster(options), named=_named(options)):
        call.unknown()


ROWS = (
    *grammars(
        f"""
    = k3s: posix
        -h|--help -v|--version --debug --data-dir=TEXT
        --help|--version ...       harmless
        check-config|completion|help ...  harmless
        server|agent|etcd-snapshot|secrets-encrypt|certificate|token ...  gives  {{program}} {_WHOLE}
        PROGRAM                    harmless
    = kubeadm
        --config|--kubeconfig|--rootfs=SETTINGS -f|--force --dry-run --print-join-command --ttl=TEXT --description=TEXT
        --groups=TEXT --usages=TEXT --cert-dir=TEXT --certificate-key=TEXT --cri-socket=TEXT --ignore-preflight-errors=TEXT
        --kubernetes-version=TEXT -o|--output|--experimental-output=TEXT --image-repository=TEXT --feature-gates=TEXT --csr-only
        --csr-dir=TEXT --upload-certs --cleanup-tmp-dir -v|--v=N -h|--help
        --help ...                harmless
        version|help|completion ...  harmless
        certs check-expiration|certificate-key ()  harmless
        certs renew TEXT          changes   makes the certificates {{}} of the cluster anew
        config images list        harmless
        upgrade plan|diff [TEXT]  harmless
        reset --dry-run           harmless
        reset                     destroys  \
            takes this host out of its cluster, and deletes its keys and, on a control plane, its copy of the cluster's data
        token list                reads     {{program}} shows tokens with which hosts join the cluster
        token create|generate [TEXT]  changes   makes a token with which hosts join the cluster, and shows it
        token delete TEXT...      changes   deletes the token {{}}, so that no host joins the cluster with it
        init|join|upgrade|certs|config|kubeconfig ...  gives     {{program}} {_WHOLE}
    = k3s-uninstall.sh
        ()  destroys  \
            takes this host out of its cluster, and deletes its containers, their volumes and, on a server, the cluster's data
    = k3s-killall.sh
        ()  stops  {{program}} stops every container of the cluster on this host  until its service is started again
    = argocd
        --server=HOST --auth-token=TEXT --config=FILE:trusts --grpc-web --insecure --plaintext --core -N|--app-namespace=TEXT
        --project=TEXT -o|--output=TEXT -y|--yes --cascade[=TEXT] -p|--propagation-policy=TEXT --dry-run --prune --force
        --revision=TEXT --timeout=N -l|--selector=TEXT --refresh --hard-refresh --local=DIR:reads --username=TEXT
        --password=TEXT --sso -h|--help
        --help ...                harmless
        version|completion|help ...  harmless
        * list|get|diff|history|logs|wait|manifests|resources|can-i|get-user-info ...  harmless
        app delete --cascade=false ...  changes   forgets the application {{}}, whose programs go on
        app delete TEXT...        destroys  \
            deletes the application {{}}, and all that it made  and a new one does not bring back its data
        * delete|rm ...           destroys  deletes the {{1}} {{3+}}, and all that it made
        app|appset|cluster|proj|repo|repocreds|cert|gpg|account|login|logout|relogin|context|admin ...  leads  \
            {{program}} changes what runs in a cluster, as files say
        """,
        types={"SETTINGS": lambda call, word: call.gives(_WHOLE)},
    ),
    Row(
        "kubectl",
        _kubectl,
        "n namespace A all-namespaces o output l selector w watch watch-only show-labels sort-by field-selector L"
        " label-columns no-headers f filename k kustomize R recursive c container all-containers previous p tail since"
        " since-time timestamps follow prefix limit-bytes max-log-requests context cluster request-timeout v client short"
        " revision show-kind chunk-size ignore-not-found raw subresource template containers sum no-color dry-run"
        " ignore-daemonsets server-side field-manager api-group verbs namespaced help h version all list as list-all"
        " show-managed-fields show-events minify flatten merge server-print timeout for use-protocol-buffers force-conflicts"
        " insecure-skip-tls-verify validate concurrency"
        " i stdin t tty image: clusterrole: user: wait:: force:: serviceaccount: grace-period: replicas:"
        " current-replicas: overwrite cascade:: now restart: env: port: target: type: resource-version: to-revision:"
        " from-literal: from-env-file: from-file:"
        " docker-server: docker-username: docker-password: docker-email: delete-emptydir-data"
        " delete-local-data pod-selector: disable-eviction prune record:: schedule: target-port: external-ip:"
        " session-affinity: labels: annotations: hard: limits: requests: min: max: cpu-percent: token: server: s:"
        " as-group: as-uid: allow-missing-template-keys q quiet attach stdin-once command profile: copy-to:"
        " share-processes local resolve group: verb: resource: resource-name: duration: audience: class: rule: value:"
        " description: no-preserve retries: pod-running-timeout: username: raw-output max-unavailable: min-available:"
        " skip-wait-for-deletion-timeout: patch: address:",
    ),
    Row(
        "helm",
        _helm,
        "n namespace A all-namespaces o output a all l selector max short q date r reverse deployed failed pending"
        " superseded uninstalled revision kube-context version versions devel show-only f filter help h debug all-values"
        " show-resources show-desc no-color d time-format s set install dry-run"
        " set-string: set-json: atomic cleanup-on-fail create-namespace dependency-update description:"
        " disable-openapi-validation force history-max: keep-history no-hooks render-subchart-notes replace repo:"
        " reset-values reset-then-reuse-values reuse-values skip-crds timeout: wait wait-for-jobs username: password:"
        " verify generate-name name-template: cascade: recreate-pods untar sign key: app-version: include-crds"
        " force-update hide-secret take-ownership logs hide-notes labels: values: kubeconfig: post-renderer: keyring:",
    ),
)
