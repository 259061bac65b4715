# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: Kubernetes.

Law: who can put a manifest of their own into a cluster can have the files of each of its hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from jitd.core.judging import Call, Row
from jitd.core.programs.shared import who_changes, words
from jitd.core.shell_text import Word

_WHOLE = "can start containers that have a whole host of the cluster"
_SHOWS = words(
    "get describe logs top version cluster-info api-resources api-versions explain auth diff wait events options"
    " completion kustomize help"
    " status whoami projects"
)
_CHANGES = words(
    "delete scale drain cordon uncordon taint label annotate autoscale expose certificate rollout set adm process"
    " import-image policy"
)
_DOES = {
    "delete": "deletes",
    "scale": "changes the number of",
    "drain": "moves all programs away from",
    "cordon": "starts no more programs on",
    "uncordon": "starts programs again on",
    "taint": "keeps programs away from",
    "label": "labels",
    "annotate": "annotates",
    "autoscale": "changes the number of",
    "expose": "lets others reach",
    "restart": "restarts",
    "undo": "takes back the last change of",
    "pause": "stops changes of",
    "resume": "goes on with changes of",
}
_VALUED = words(
    "-n --namespace --context --cluster --user -s --server --token --as --as-group --certificate-authority"
    " --client-certificate --client-key"
    " --request-timeout -l --selector -o --output -c --container --tail --since --field-selector --sort-by --cache-dir"
    " --replicas --image"
    " --timeout --grace-period --field-manager --type --overrides --restart --env --port --target -f --filename -k"
    " --kustomize -p --patch"
    " --patch-file --kubeconfig -v --template --from-file --from-literal --from-env-file --limits --profile --custom"
    " --serviceaccount --user"
    " --clusterrole --role --group --raw.x --copy-to --set-image"
)
_SHELLS = re.compile(
    r"(.*/)?(ba|da|a|z|k|c|tc|fi)?sh|(.*/)?(python|perl|ruby|node|php|lua|vi|vim|nano|busybox|env|nsenter|chroot|sudo|su|less|psql|mysql)[0-9.]*"
)


def in_container(call: Call, command: Sequence[Word]) -> None:
    """A program is started in a container."""
    if not command:
        return call.leads("starts a program in a container with rights on the host")
    if command[0].is_free or _SHELLS.fullmatch(command[0].text):
        return call.leads(f"starts {command[0].text or 'any program'} in a container, perhaps with rights on the host")
    call.unknown(f"jitd does not know what {command[0].text[:60]} in the container does")


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
        elif name in _VALUED:
            options.append((name, rest.pop(0) if rest else Word("", is_free=True)))
        elif re.match("-[nflkcop][^-=]", name):
            options.append((name[:2], Word(name[2:], word.is_free)))
        else:
            options.append((name, Word("", word.is_free)))
    return operands, options, None


def _values(options: Sequence[tuple[str, Word]], *names: str) -> Iterator[Word]:
    return (value for name, value in options if name in names)


def _configuration(call: Call, options: Sequence[tuple[str, Word]]) -> None:
    for word in _values(options, "--kubeconfig", "--cache-dir"):
        if who := who_changes(call, word):
            call.gives(
                f"starts programs that {word.text or 'any file'} names, which {who} can change",
                call.absolute(word) or "",
            )


def _manifests(call: Call, options: Sequence[tuple[str, Word]], what: str) -> None:
    files = [*_values(options, "-f", "--filename", "-k", "--kustomize", "--patch-file")]
    for word in files:
        if word.text == "-" and not word.is_free:
            call.gives("reads what it starts from its input: it can have a whole host of the cluster")
        elif re.match("https?://|git@|github.com", word.text):
            call.leads("starts what a place says that others control")
        elif who := who_changes(call, word):
            path = call.absolute(word) or ""
            call.gives(f"starts what {path or 'any file'} says, which {who} can change: any host of the cluster", path)
    call.changes(what)


def _kubectl(call: Call) -> None:
    operands, options, command = _split(call.words)
    _configuration(call, options)
    if any(word.is_free and not word.is_bound and word.text in ("", "-", "--") for word in call.words):
        call.gives(_WHOLE)
    if not operands:
        return None
    verb, rest = operands[0], operands[1:]
    if verb.is_free:
        return call.gives(_WHOLE)
    name = verb.text
    names = {option for option, _ in options}
    second = rest[0].text if rest else ""
    if name in ("exec", "rsh", "attach"):
        return in_container(call, command if command is not None else rest[1:])
    if name == "debug":
        if second.startswith("node/") or second == "node":
            return call.leads("starts a container with the files of a host of the cluster")
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
        return call.changes("opens a way into the cluster")
    if name == "cp":
        target = rest[-1] if rest else Word("", is_free=True)
        return call.changes("changes files in a container") if ":" in target.text else call.writes(target)
    if name == "config":
        if names & {"--raw"}:
            return call.discloses("shows keys of the cluster")
        return (
            None
            if second in ("view", "get-contexts", "current-context", "get-clusters", "get-users", "")
            else call.changes("changes which cluster is used")
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
    if name == "set" and second in ("serviceaccount", "sa", "subject"):
        return call.gives("changes what a program may do in the cluster")
    if name in _SHOWS:
        if any(re.match(r"(secrets?|token)\b", word.text) for word in rest) and name == "get":
            kinds = [value.text for value in _values(options, "-o", "--output")]
            if any(not re.fullmatch("wide|name", kind) for kind in kinds) or names & {"--template"}:
                return call.discloses("shows secrets of the cluster")
        if name == "get" and any(word.text.startswith("/") for word in _values(options, "--raw")):
            return call.discloses("shows anything of the cluster")
        return None
    if name in _CHANGES:
        if name == "certificate" and second == "approve":
            return call.leads("lets somebody act in the cluster")
        if name == "adm" and second in ("policy", "certs"):
            return call.gives("changes who may act in the cluster")
        if name == "rollout" and rest:
            name, rest = second, rest[1:]
        told = " ".join(word.text for word in rest)[:40]
        return call.changes(f"{_DOES.get(name, 'changes')} {told or 'what runs in the cluster'}")
    call.unknown(f"jitd does not know what {call.name} {name[:40]} does")


def _puts(call: Call, name: str, rest: Sequence[Word], options: Sequence[tuple[str, Word]]) -> None:
    second = rest[0].text if rest else ""
    if name == "create":
        if second in ("clusterrolebinding", "rolebinding", "clusterrole", "role"):
            return call.gives("changes who may act in the cluster")
        if second == "token":
            return call.gives("shows a token of the cluster")
        for word in _values(options, "--from-file", "--from-env-file"):
            call.reads(Word(word.text.partition("=")[2] or word.text, word.is_free))
    if name == "patch":
        for word in _values(options, "-p", "--patch"):
            if word.is_free or re.search(
                r"privileged|host|serviceAccount|capabilities|volumes|image|command|args|roleRef|subjects", word.text
            ):
                return call.gives(_WHOLE)
    _manifests(call, options, f"{name} changes what runs in the cluster")


_HELM_SHOWS = words(
    "list ls status history hist search show inspect version lint env template verify pull fetch dependency dep package"
    " completion get repo registry create"
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
    if verb.is_free or verb.text == "plugin" and second not in ("list", "ls"):
        return call.gives("installs or runs any code")
    if verb.text == "get" and second in ("values", "all", "manifest", "hooks"):
        return call.discloses("shows settings, which may be secrets")
    if verb.text in _HELM_SHOWS:
        if verb.text == "repo" and second in ("add", "remove"):
            call.changes("changes where charts come from")
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
        return call.changes(f"{verb.text} changes what runs in the cluster")
    if verb.text in ("uninstall", "delete", "un", "rollback", "test"):
        return call.changes(f"{verb.text} changes what runs in the cluster")
    call.unknown()


def _other(call: Call) -> None:
    verb = call.verb
    if verb is None or (
        not verb.is_free
        and verb.text in ("version", "get", "list", "status", "logs", "diff", "check", "help", "stats", "info", "build")
    ):
        return None
    if verb.is_free:
        return call.gives(_WHOLE)
    call.leads("changes what runs in a cluster, as files say")


def _distribution(call: Call) -> None:
    verb = call.verb
    if verb is not None and verb.text in ("kubectl", "ctr", "crictl", "helm") and not verb.is_free:
        return call.start(call.operands)
    if verb is None or (not verb.is_free and verb.text in ("version", "status", "get", "help", "inspect")):
        return None
    if call.name == "kubeadm" and not any(word.is_free for word in call.words):
        asked = [word.text for word in call.operands]
        if asked == ["token", "list"]:
            return call.discloses("shows tokens with which hosts join the cluster")
        if (
            asked[:2] in (["certs", "check-expiration"], ["config", "images"], ["upgrade", "plan"])
            and len(asked) == len(call.words) == 2
        ):
            return None
    call.gives(_WHOLE)


ROWS = (
    Row("k3s microk8s k0s rke2 kubeadm minikube kind kubectx kubens", _distribution, is_first=True),
    Row(
        "kubectl oc kubecolor",
        _kubectl,
        harmless=(
            "n namespace A all-namespaces o output l selector w watch watch-only show-labels sort-by field-selector L"
            " label-columns no-headers f filename k kustomize R recursive c container all-containers previous p tail since"
            " since-time timestamps follow prefix limit-bytes max-log-requests context cluster request-timeout v client"
            " short revision watch show-kind chunk-size ignore-not-found raw subresource template containers sum no-color"
            " dry-run server-side field-manager api-group verbs namespaced help h version all list as list-all"
            " show-managed-fields show-events minify flatten merge server-print timeout for use-protocol-buffers"
            " server-side force-conflicts insecure-skip-tls-verify validate concurrency"
        ),
    ),
    Row(
        "helm",
        _helm,
        harmless=(
            "n namespace A all-namespaces o output a all l selector max short q date r reverse deployed failed pending"
            " superseded uninstalled revision kube-context version versions devel show-only f filter help h debug"
            " all-values show-resources show-desc no-color d time-format s set"
        ),
    ),
    Row("helmfile argocd flux kustomize skaffold", _other),
)
