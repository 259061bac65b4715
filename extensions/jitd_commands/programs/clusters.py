# SPDX-License-Identifier: Apache-2.0
"""Rows of the table: Kubernetes.

Law: who can put a manifest of their own into a cluster can have the files of each of its hosts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jitd_commands.judging import Call
from jitd_commands.programs.containers import copy_in_or_out
from jitd_commands.programs.decision_table import told
from jitd_commands.programs.grammar import grammars
from jitd_commands.programs.shared import who_changes
from jitd_commands.shell_text import Word

_SHELLS = re.compile(
    r"(.*/)?(ba|da|a|z|k|c|tc|fi)?sh|(.*/)?(python|perl|ruby|node|php|lua|vi|vim|nano|busybox|env|nsenter|chroot|sudo|su|less|psql|mysql)[0-9.]*"
)
_WHOLE = "can start containers that have a whole host of the cluster"


def _pod(call: Call, there: Call, words: Sequence[Word]) -> None:
    """A program is started in the container that the first word names."""
    name, command = told(words[:1]), words[1:]
    if not command or any(word.is_any for word in words):
        return call.leads("starts a program in a container with rights on the host")
    if command[0].is_free or _SHELLS.fullmatch(command[0].text):
        call.leads(f"starts {command[0].text or 'any program'} in a container, perhaps with rights on the host")
    else:
        call.unknown(f"jitd does not know what {command[0].text[:60]} in the container does")
    if not command[0].is_free:
        call.away(f"in the container {name}" if name else "in a container").start(command)


def _debug(call: Call, there: Call, words: Sequence[Word]) -> None:
    first, *rest = [*words, Word("", is_free=True)]
    if first.is_any or first.text == "node" or first.text.startswith("node/"):
        node = first.text.partition("/")[2] or told(rest[:1]) or "a node"
        return call.leads(f"gives root on the host {node} of the cluster: it starts a container with all its files")
    call.leads("starts a container beside others")


def _manifest(call: Call, word: Word) -> None:
    """The cluster is changed as a file says, unless nothing is changed."""
    dry = [value.text in ("client", "server") and not value.is_free for value in call.values("dry-run")]
    if dry and all(dry):
        call.reads(word)
    elif word.text == "-" and not word.is_free:
        call.gives("reads what it starts from its input: it can have a whole host of the cluster")
    elif re.match("https?://|git@|github.com", word.text):
        call.leads("starts what a place says that others control")
    elif who := who_changes(call, word):
        path = call.absolute(word) or ""
        call.gives(f"starts what {path or 'any file'} says, which {who} can change: any host of the cluster", path)
    else:
        call.reads(word)


def _patch(call: Call, word: Word) -> None:
    if word.is_free or re.search(
        "privileged|host|serviceAccount|capabilities|volumes|image|command|args|roleRef|subjects", word.text
    ):
        call.gives(_WHOLE)


def _values(call: Call, word: Word) -> None:
    if who_changes(call, word):
        call.leads("starts what a file says that others can change")
    call.reads(word)


def _chart(call: Call, word: Word) -> None:
    """A chart is a directory, an archive, or what a place has."""
    if word.text.startswith(("/", ".", "~")) or word.text.endswith(".tgz") or word.is_free:
        if who := who_changes(call, word):
            path = call.absolute(word) or ""
            call.gives(f"starts what {path or 'any chart'} says, which {who} can change: any host of the cluster", path)
    elif "/" in word.text:
        call.leads("starts what a place says that others control")


ROWS = (
    *grammars(
        f"""
    = k3s: posix  -h|--help -v|--version --debug --data-dir=TEXT
        --help|--version ...       harmless
        check-config|completion|help ...  harmless
        server|agent|etcd-snapshot|secrets-encrypt|certificate|token ...  gives  {{program}} {_WHOLE}
        PROGRAM                    harmless
    = kubeadm  --config|--kubeconfig|--rootfs=SETTINGS -f|--force --dry-run --print-join-command --ttl=TEXT --description=TEXT
    --groups=TEXT --usages=TEXT --cert-dir=TEXT --certificate-key=TEXT --cri-socket=TEXT --ignore-preflight-errors=TEXT
    --kubernetes-version=TEXT -o|--output|--experimental-output=TEXT:plain --image-repository=TEXT --feature-gates=TEXT --csr-only
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
    = argocd  --server=HOST --auth-token=TEXT --config=FILE:trusts --grpc-web --insecure --plaintext --core
    -N|--app-namespace=TEXT --project=TEXT -o|--output=TEXT:plain -y|--yes --cascade[=TEXT] -p|--propagation-policy=TEXT --dry-run
    --prune --force --revision=TEXT --timeout=N -l|--selector=TEXT --refresh --hard-refresh --local=DIR:reads --username=TEXT
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
    = kubectl oc  --context|--cluster=CLUSTER -s|--server=CLUSTER -n|--namespace=SAID -A|--all-namespaces
    --kubeconfig|--cache-dir|--kuberc=FILE:obeys
    --as|--as-group|--as-uid|--as-user-extra|--token|--user|--username|--password|--request-timeout|--tls-server-name=TEXT
    --certificate-authority|--client-certificate|--client-key=FILE:reads --insecure-skip-tls-verify --match-server-version
    -v|--v|--vmodule|--profile|--log-*|--stderrthreshold|--loglevel=TEXT --profile-output|--log-file=FILE:writes
    --add-dir-header --alsologtostderr --logtostderr --one-output --skip-headers --skip-log-headers --warnings-as-errors
    -h|--help -o|--output=SAID -l|--selector=TEXT -L|--label-columns=TEXT -R|--recursive -w|--watch --watch-only -i|--stdin
    -t|--tty -q|--quiet --all --all-containers --allow-missing-template-keys --append-hash --arguments-only --attach --client
    --command --create-annotation --current --delete-emptydir-data --delete-local-data --disable-eviction --disable-filter
    --edit --embed-certs --expose --flatten --follow --force-conflicts --global-default --ignore-* --leave-stdin-open --list
    --insecure-skip-tls-verify-backend --local --merge --minify --name-only --no-headers --no-preserve --now --openapi-patch
    --output-patch --output-watch-events --overwrite --previous --privileged --prune --record[=TEXT] --remove-extra-* --resolve
    --replace --rm --same-node --save-config --server-print --server-side --set-raw-bytes --share-processes --short --sum
    --show-* --timestamps --validate[=TEXT] --windows-line-endings --wait --force --cascade[=TEXT] --dry-run[=TEXT]
    --use-protocol-buffers --keep-annotations --interactive --namespaced --no-color --plaintext --prefix --suggest --insecure
    --accept-*|--address|--annotations|--api-*|--categories|--chunk-size|--class|--cluster-ip|--clusterip=TEXT
    --clusterrole|--concurrency|-c|--container|--containers|--copy-to|--cpu-percent|--cpu|--memory|--custom=TEXT
    --current-replicas|--default-backend|--description|-e|--env|--external-ip|--field-manager|--field-selector|--for=TEXT
    --from|--from-literal|--generator|--grace-period|--group|--hard|--hostport|--image|--image-pull-policy|--jsonpath=TEXT
    --keepalive|--keys|--label|--labels|--limit-bytes|--limits|--limits-*|--load-balancer-ip|--max|--max-*|--min=TEXT
    --min-available|--name|--name-suffix|--node-port|--non-resource-url|--overrides|--pod-*|--port|--preemption-policy=TEXT
    --protocol|--prune-*|--reject-*|--replicas|--requests|--resource|--resource-*|--restart|--retries|--revision|--role=TEXT
    --rule|--schedule|--scopes|--serviceaccount|--session-affinity|--set-image|--since|--since-time|--sort-by|--strategy=TEXT
    --subresource|--skip-wait-for-delete-timeout|--tail|--target|--target-port|--tcp|--timeout|--to-revision|--type=TEXT
    --value|--verb|--verbs|--api-group|--duration|--audience|--bound-*|--docker-*|--since-*|--sort-*|--display-name=TEXT
    --template|--raw=SAID --output-directory=DIR:writes --from-file|--from-env-file=FROM --cert|--key=FILE:reads
    --unix-socket=FILE:writes --patch-file=MANIFEST
        *: -f|--filename|-k|--kustomize=FILE:reads -p=TEXT
        logs: -f|--follow -p|--previous
        apply|create|replace|patch|auth|new-app|process|expose|autoscale|run|set: -f|--filename|-k|--kustomize=MANIFEST
        patch: -p|--patch=PATCH
        config: --raw
        run|expose: -l|--labels=TEXT
        create: -r|--replicas=N
        proxy: -p|--port=N -P|--www-prefix=TEXT -u=FILE:writes -w|--www=DIR:reads
        kustomize: --enable-* --helm-command=FILE:runs --load-restrictor|--mount=TEXT -o|--output=FILE:writes
        delete /: -f|--filename|-k|--kustomize=FILE:reads --all --grace-period=N
        --help ...                        harmless
        ()                                harmless
        * --dry-run=client|server ...     harmless
        exec|rsh TEXT ...                 leads:pod
        attach TEXT ...                   leads     starts a program in a container with rights on the host
        debug ...                         leads:debug
        edit ...                          gives     edit starts an editor
        run --overrides|--privileged ...  gives     {_WHOLE}
        run TEXT ...                      leads     starts a container from an image, whose code is of others
        proxy                             gives     lets everybody on this host control the cluster
        port-forward TEXT TEXT...         changes   opens a way to {{2+}} in the cluster
        cp|rsync TEXT TEXT                changes:copy
        config view|get-contexts|get-clusters|get-users --raw  reads     shows keys of the cluster
        config                            harmless
        config view|get-contexts|current-context|get-clusters|get-users [TEXT]  harmless
        config TEXT...                    changes   changes which clusters this account uses: {{2+}}
        get secret|secrets|secret/*|secrets/*|secret,*|secrets,*|*,secret*|token* --output=wide|name ...  harmless
        get secret|secrets|secret/*|secrets/*|secret,*|secrets,*|*,secret*|token* --output|--template ...  reads  \
            shows secrets of the cluster
        get --raw=/healthz*|/livez*|/readyz*|/version* ...  harmless
        get --raw ...                     reads     shows anything of the cluster
        get|describe|logs|top|version|cluster-info|api-resources|api-versions|explain|diff|wait|events|options ...  harmless
        completion|help|status|whoami|projects ...  harmless
        auth can-i|whoami ...             harmless
        plugin list                       harmless
        kustomize --enable-* ...          gives     starts programs that its files name
        kustomize [TEXT]                  harmless
        rollout status|history ...        harmless
        adm top|inspect|must-gather|verify-image-signature|node-logs ...  harmless
        create clusterrolebinding|rolebinding|clusterrole|role ...  gives     changes who may act in the cluster
        auth reconcile ...                gives     changes who may act in the cluster
        create token TEXT                 reads     makes a token of the cluster, and shows it
        apply|replace|create --prune ...  destroys  deletes what {{-f:its files}} no longer describes{{in}}
        create|new-app --filename ...     changes   makes what {{-f}} describes{{in}}
        replace --filename ...            changes   replaces what {{-f}} describes{{in}}
        apply|patch|process --filename ...  changes   changes the cluster as {{-f}} says{{in}}
        create|new-app TEXT...            changes   makes {{2+}}{{in}}
        new-project TEXT                  changes   makes the namespace {{2}}
        apply|patch|replace ...           changes   changes {{2+:what its options name}}{{in}}
        delete namespace|namespaces|ns|project|projects --all  destroys  deletes every namespace, and everything in it
        delete namespace|namespaces|ns|project|projects [TEXT]...  destroys  \
            deletes the namespace {{:that its options select}}, and everything in it
        delete *pvc*|*persistentvolumeclaim* [TEXT]...  destroys  \
            deletes the volume claims {{:that its options select}}{{in}}, and their data  unless the volumes are retained
        delete pv|pv.*|persistentvolume* [TEXT]...  destroys  \
            deletes the volumes {{:that its options select}}  unless the storage keeps what a deleted volume had
        delete crd|crds|customresourcedefinition* [TEXT]...  destroys  \
            deletes the kinds {{:that its options select}}, and every object of them
        delete secret|secrets [TEXT]...   destroys  deletes the secrets {{:that its options select}}{{in}}
        delete all --all|-A               destroys  deletes every program and every service{{in}}
        delete po|pod|pods --all|-A       destroys  deletes all pods{{in}}  and only controllers start new ones
        delete * --all                    destroys  deletes all {{*}}{{in}}
        delete po|pod|pods [TEXT]...      changes  \
            deletes the pods {{:that its options select}}{{in}}; their controllers start new ones
        delete no|node|nodes [TEXT]...    changes   takes the host {{:that its options select}} out of the cluster
        delete sts|sts,*|*statefulset* [TEXT]...  stops  \
            deletes the stateful sets {{:that its options select}}{{in}}, whose volume claims remain  until they are made again
        delete ds|daemonset|daemonsets|deploy|deployment|deployments --namespace=kube-system [TEXT]...  stops  \
            deletes {{:what its options select}}{{in}}, on which the cluster depends  until it is made again
        delete all|ds|*daemonset*|deploy|deploy,*|deploy.*|*,deploy|*deployment* [TEXT]...  stops  \
            deletes {{2}} {{:that its options select}}{{in}}  until it is made again
        delete * [TEXT]...                changes   deletes {{*}} {{:that its options select}}{{in}}
        delete                            changes  \
            deletes what {{-f:its options select}} describes; a namespace or a volume in it takes its data along
        scale * --all --replicas=0 ...    stops     stops all {{*}}{{in}}  until they are scaled up again
        scale --replicas=0 --namespace=kube-system ...  stops  \
            stops all instances of {{ :what its options select}}{{in}}, on which the cluster depends  \
            until they are scaled up again
        scale --replicas=0 ...            stops     stops all instances of {{ :what its options select}}{{in}}  \
            until they are scaled up again
        scale|autoscale|idle ...          changes   changes the number of {{ :what its options select}}{{in}}
        drain --delete-emptydir-data|--delete-local-data ...  changes  \
            moves all programs away from {{:the selected hosts}}, without their temporary volumes
        drain ...                         changes   moves all programs away from {{:the selected hosts}}
        cordon ...                        changes   starts no more programs on {{:the selected hosts}}
        uncordon ...                      changes   starts programs again on {{:the selected hosts}}
        taint TEXT...                     changes   keeps programs away from {{ }}
        label TEXT...                     changes   labels {{ }}{{in}}
        annotate TEXT...                  changes   annotates {{ }}{{in}}
        expose [TEXT]...                  changes   lets others reach {{ }}{{in}}
        certificate approve TEXT...       leads     lets {{}} act in the cluster
        certificate deny TEXT...          changes   refuses the certificate of {{}}
        rollout restart ...               changes   restarts {{ }}{{in}}
        rollout undo ...                  changes   takes back the last change of {{ }}{{in}}
        rollout pause ...                 changes   stops changes of {{ }}{{in}}
        rollout resume ...                changes   goes on with changes of {{ }}{{in}}
        rollout latest|cancel|retry ...   changes   changes {{ }}{{in}}
        set serviceaccount|sa|subject ...  gives     changes what {{}} may do in the cluster
        set * ...                         changes   changes the {{*}} of {{ }}{{in}}
        adm policy|certs|certificate|groups ...  gives     changes who may act in the cluster
        policy ...                        gives     changes who may act in the cluster
        adm ...                           changes   changes the hosts of the cluster: {{ }}
        process|import-image|start-build|cancel-build|rollback|tag|project|login|logout|secrets|image|registry ...  changes  \
            {{1}} changes what runs in the cluster, or which cluster is used
        oc: extract ...                   reads     shows secrets of the cluster
        oc: observe ...                   gives     starts programs when the cluster changes
    = helm  -n|--namespace=SAID --kube-context|--kube-apiserver=CLUSTER --kubeconfig=FILE:obeys --kube-ca-file=FILE:reads
    --kube-token|--kube-as-*|--kube-tls-server-name|--kube-version|--burst-limit|--qps|--color|--colour|--content-cache=TEXT
    --registry-config|--repository-cache|--repository-config=FILE:trusts --debug --kube-insecure-skip-tls-verify -h|--help
    --post-renderer=FILE:runs --post-renderer-args=TEXT --output-dir=DIR:writes --time-format|--max-col-width=TEXT
    -o|--output=TEXT:plain
    --ca-file|--cert-file|--key-file|--passphrase-file=FILE:reads --keyring|--key|--api-versions|--app-version|--cascade=TEXT
    --description|--endpoint|--filter|--history-max|--jsonpath|--labels|--max|--merge|--name-template|--offset|--password=TEXT
    --repo|--revision|--selector|--set|--set-*|--show-only|--starter|--template|--timeout|--type|--url=TEXT --untardir=DIR:writes
    --destination=DIR:writes --username|--version=TEXT --all --allow-deprecated-repos --atomic --cleanup-on-fail
    --create-namespace --date
    --dependency-update --deployed --devel --disable-openapi-validation --enable-dns --fail-on-* --failed --force --force-*
    --generate-name --hide-notes --hide-secret --ignore-not-found --include-crds --insecure --insecure-skip-tls-verify --install
    --is-upgrade --json --keep-history --list-repo-url --logs --no-hooks --no-headers --pass-credentials --password-stdin
    --pending --plain-http --prov -q|--quiet|--short --recreate-pods --regexp --release-name --replace --render-subchart-notes
    --reset-* --reuse-values --reverse --rollback-on-failure --show-desc --show-resources --sign --no-descriptions --no-update
    --skip-* --strict --superseded --take-ownership --uninstalled --uninstalling --untar --validate --verify --versions
    --wait-for-jobs --with-subcharts --server-side[=TEXT] --wait[=TEXT] --dry-run[=TEXT] --all-values
        *: -f|--values=VALUES -l=TEXT -i -g -d=TEXT -p=TEXT -u=TEXT -s=TEXT -a
        list|ls: -A|--all-namespaces -f|--filter=TEXT -d|--date -m|--max=N -r|--reverse -a|--all
        search: -l|--versions -r|--regexp
        template: -a|--api-versions=TEXT
        package, pull, fetch: -d|--destination=DIR:writes -u|--dependency-update
        --help ...                        harmless
        ()                                harmless
        * --dry-run=client|server|true| ...  harmless
        get values|all|manifest|hooks TEXT  reads     shows settings, which may be secrets
        get ...                           harmless
        plugin list|ls                    harmless
        plugin ...                        gives     installs or runs any code
        repo add|remove TEXT...           changes   {{2}} changes where charts come from: {{}}
        list|ls|status|history|hist|search|show|inspect|version|lint|env|template|verify|pull|fetch|package ...  harmless
        dependency|dep|completion|repo|registry|create|help ...  harmless
        uninstall|delete|del|un --keep-history TEXT...  changes  \
            deletes all that the release {{}}{{in}} made; helm rollback makes it again, but not its data
        uninstall|delete|del|un TEXT...   destroys  \
            deletes the release {{}}{{in}}, and all that it made  and a new install does not bring back its data
        rollback TEXT [TEXT]              changes   takes the release {{2}}{{in}} back to revision {{3:before}}
        test TEXT                         changes   starts the tests of the release {{}}{{in}}
        install CHART...                  changes   installs the release {{2}}{{in}}
        upgrade CHART...                  changes   changes the release {{2}}{{in}}
        push ...                          changes   publishes {{}}
        """,
        types={
            "SETTINGS": lambda call, word: call.gives(_WHOLE),
            "MANIFEST": _manifest,
            "PATCH": _patch,
            "FROM": lambda call, word: call.reads(Word(word.text.partition("=")[2] or word.text, word.is_free)),
            "VALUES": _values,
            "CHART": _chart,
        },
        deeds={"leads:pod": _pod, "leads:debug": _debug, "changes:copy": copy_in_or_out},
    ),
)
