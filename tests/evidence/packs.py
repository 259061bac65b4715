# SPDX-License-Identifier: Apache-2.0
"""A host with a past, and packs about what happened there. The host has a real store, with its one door, its
chain and its key.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit import forms, sshsig
from jitd.audit.signing import Signing
from jitd.audit.telling import EVERYTHING, Sight, tell
from jitd.core.authentication import Authentication
from jitd.core.decision import Approval
from jitd.core.edit import SUDOEDIT, Edit, NewFile
from jitd.core.effects import Moment
from jitd.core.grant import Used
from jitd.core.law import MONITOR
from jitd.core.policy_text import PolicyText
from jitd.core.request import Verdict
from jitd.core.run import Ended, Ending, Outcome, Recording, Started, Traces
from jitd.core.subject import Identity
from jitd.core.values import committed_in
from jitd.lifecycle.forgetting import Forgetting
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.recording.form import PLAIN, End, Header, Kind, encode_chunk, encode_end, encode_frame
from jitd.store.sqlite import SqliteStore
from jitd_evidence.pack import verify
from jitd_evidence.pack.verifier import verifier
from jitd_evidence.pack.zipped import Zip
from tests.scene import START, actor, asked, command, moment, permit, person, review, screened, submit, withdraw

HOST = "db1.example.test"
BY = "dave@EXAMPLE.TEST"
ID, RUN = "K7QM-2XVD", "K7QM-2XVD.2"
OWN = verifier()
POLICY = """# The database's own people
[[permit]]
name      = "rule-1"
who       = ["group:dba"]
commands  = [["psql", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]

[[deny]]
name = "freeze"
who  = ["group:contractors"]
"""


def policy_file(*files: tuple[str, str]) -> tuple[str, bytes]:
    """The digest of a policy, and its file in a pack."""
    digest = hashlib.sha256()
    for part in (part.encode() for file in files for part in file):
        digest.update(len(part).to_bytes(8, "big") + part)
    made = {"form": "jitd policy 1", "files": [{"name": name, "text": text.replace("\\", "\\\\")} for name, text in files]}
    return digest.hexdigest(), _line(made)


def recording(run: str = RUN) -> tuple[bytes, Recording]:
    """A recording of ``run``, and what the record has of it."""
    header = Header(
        run, "ab" * 32, "boot-1", 1772442000000000, 1000000000, 24, 80, "xterm", "/usr/bin/psql", ("psql", "-c", "DROP"),
        "alice@EXAMPLE.TEST", "root", "root", HOST, "/srv", "output", "interval",
    ).encode()  # fmt: skip
    data, root, n = header, header[-32:], 0
    for frames in (
        encode_frame(100, Kind.OUTPUT, b"postgres=# DROP\r\n"),
        encode_frame(200, Kind.OUTPUT, b"ok\r\n") + encode_frame(9, Kind.END, encode_end(End("exited", 0, ""))),
    ):
        head, root = encode_chunk(root, PLAIN, frames, len(frames))
        data, n = data + head + frames, n + 1
    return data, Recording(n, len(data), root.hex())


class Host:
    """One that keeps a record below ``path``. ``live`` is a request with everything that can follow."""

    def __init__(self, path: Path, policy: tuple[str, str] = ("databases.toml", POLICY)) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.digest, self.policy = policy_file(policy, ("zz.toml", "# nothing\n"))
        self.store = SqliteStore(path / "jitd.db")
        self.after = 0.0
        text = PolicyText(tuple((name.encode(), content.encode()) for name, content in (policy, ("zz.toml", "# nothing\n"))))
        self.lifecycle = Lifecycle(
            self.store, self.now, lambda: self.digest, lambda head: self.signing.follow(head), policy_text=lambda: text
        )
        self.signing = Signing(self.store, HOST, path, self.now, self.lifecycle.note)
        self.recording, self._recorded = recording()
        self.witnessed: list[forms.Countersignature] = []
        self.signing.sign()
        self.lifecycle.note("policy.loaded", "root", 0, {"rules": 2})

    def again(self) -> None:
        """Start again."""
        self.signing = Signing(self.store, HOST, self.path, self.now, self.lifecycle.note)
        self.signing.sign()

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.store.records()]

    def forget(self) -> None:
        """Forget everything that was typed in requests that have ended."""
        self.after += 500 * 86400
        n = asyncio.run(Forgetting(self.store, self.lifecycle, self.now, 400 * 86400).forget())
        assert n

    def now(self) -> Moment:
        self.after += 0.5
        return replace(moment(self.after), synchronised=True)

    @property
    def public(self) -> str:
        return self.signing.public_line()

    def others(self, n: int, word: str = "AAAA") -> None:
        """Other requests, of which a pack shows nothing."""
        for number in range(n):
            made = asked(f"{word}-{'0123456789ABCDEFGHJKMNPQRSTVWXYZ'[number] * 4}")
            self.lifecycle.handle(submit(made), screened(made, permit()))
            self.lifecycle.handle(withdraw(made))

    def live(
        self,
        *,
        reason: str = "the disk is full",
        argument: str = "DROP",
        comment: str = "go on",
        id: str = ID,
        until: str = "ended",
        approver: Identity | None = None,
        edit: Edit | None = None,
        makes: NewFile | None = None,
        edits: tuple[Edit, ...] = (),
    ) -> None:
        who = person("alice", authentication=_otp(), principal="alice@EXAMPLE.TEST")
        what = command("psql", "-c", argument, cwd=b"/srv/x", variables=((b"PGUSER", b"postgres"),))
        if edit is not None or makes is not None:
            what = command("sudoedit", "/etc/a b", cwd=b"/", path=SUDOEDIT, digest=b"", edit=edit, makes=makes)
        if edits:
            what = command("sudoedit", "/etc/a b", "/etc/c", cwd=b"/", path=SUDOEDIT, digest=b"", edits=edits)
        made = replace(asked(id, who, what, lasts_for=600, uses=2), submitted_at=START)
        made = replace(made, claims=replace(made.claims, reason=reason))
        self.lifecycle.handle(submit(made), screened(made, permit(Approval(1, ("group:ops",)), uses=2)))
        waiting = self.store.request(id)
        assert waiting is not None
        by = approver or person("bob", authentication=_otp())
        self.lifecycle.handle(replace(review(waiting, by), comment=comment))
        self.signing.sign()
        self.lifecycle.handle(Used(id, actor(who), id, permit().obligations.terms))
        for run in (id, f"{id}.2"):
            self.lifecycle.handle(Started(run, MONITOR, 4711))
        if until == "running":
            return
        self.others(2, "BBBB")
        left = Traces(files=("/etc/cron.d/left",))
        self.lifecycle.handle(Ended(id, MONITOR, Outcome(Ending.EXITED, 0), traces=left))
        self.signing.sign()
        self.lifecycle.handle(Ended(f"{id}.2", MONITOR, Outcome(Ending.SIGNALED, 15), self._recorded))
        self.signing.sign()

    def denied(self, id: str = "DEN1-ED00") -> None:
        made = asked(id)
        self.lifecycle.handle(submit(made), screened(made, permit()))
        waiting = self.store.request(id)
        assert waiting is not None
        self.lifecycle.handle(review(waiting, person("bob"), Verdict.DENY))

    def rotate(self) -> None:
        self.signing.rotate("root", 0)
        self.signing.sign()

    def witness(self, key: Ed25519PrivateKey, name: str = "w1") -> forms.Countersignature:
        """The countersignature of the newest head by a witness with ``key``."""
        head = self.store.head()
        bare = forms.Countersignature(name, HOST, head.number, head.digest, datetime(2026, 3, 2, 12, tzinfo=UTC))
        made = replace(bare, signature=sshsig.sign(key, bare.NAMESPACE, bare.signed.encode()))
        self.witnessed.append(made)
        return made

    def pack(
        self, id: str = ID, sight: Sight = EVERYTHING, change: Callable[[dict[str, bytes]], None] | None = None
    ) -> dict[str, bytes]:
        """The files of a pack about ``id``. ``change`` may change what the host then signs."""
        self.signing.sign()
        shown = self._shown(id)
        files = {
            "README.txt": verify.readme(HOST, id, BY),
            "index.html": b"",
            "verify.py": OWN,
            "records.jsonl": self._lines(shown, sight),
        }
        files["documents.jsonl"] = b"".join(self._documents(id)) if sight is EVERYTHING else b""
        files[f"policy-{self.digest}.json"] = self.policy
        files["trace.json"] = _line(_trace(id, self.digest))
        run = self.store.run(f"{id}.2")
        if run is not None and run.recording is not None and sight is EVERYTHING:
            files |= {
                f"recordings/{id}.2.jitd": self.recording,
                f"recordings/{id}.2.cast": b"{}\n",
            }
        files["index.html"] = verify.page(files, id)
        if change is not None:
            change(files)
        parts = [{"name": name, "size": len(one), "sha256": hashlib.sha256(one).hexdigest()} for name, one in files.items()]
        manifest = {"form": "jitd pack 1", "host": HOST, "id": id, "made_at": "2026-03-02T10:00:00Z", "by": BY}
        files["manifest.json"] = _line({**manifest, "jitd": "0.0", "files": parts})
        return self.signed(files, id)

    def signed(self, files: dict[str, bytes], id: str) -> dict[str, bytes]:
        """``files`` with a record about them."""
        parts = json.loads(files["manifest.json"])["files"]
        detail = {"id": id, "manifest": hashlib.sha256(files["manifest.json"]).hexdigest(), "n": len(parts)}
        self.lifecycle.note("pack.made", BY, 1004, detail)
        made = self.store.head().number
        self.signing.sign()
        files["proof.jsonl"] = self._lines({made}, EVERYTHING, with_witnesses=False)
        return files

    def _shown(self, id: str) -> set[int]:
        bodies = {number: json.loads(body) for number, body, _ in self.store.records()}
        shown = {number for number, body in bodies.items() if _is_shown(body, id)}
        for lease in {bodies[number].get("id", id) for number in shown if bodies[number]["event"] == "grant.used"} - {id}:
            about = {number: body["event"] for number, body in bodies.items() if body.get("id") == lease}
            grants = [number for number, event in about.items() if event.startswith("grant.")]
            shown |= {grants[0], grants[-1], *(number for number, event in about.items() if event.startswith("request."))}
        return shown

    def _lines(self, shown: set[int], sight: Sight, *, with_witnesses: bool = True) -> bytes:
        heads = {head.number: head for head in self.store.checkpoints()}
        within: set[int] = set()
        begins = set()
        for number in shown:
            first = max((head for head in heads if head < number), default=0)
            last = min(head for head in heads if head >= number)
            within |= set(range(first + 1, last + 1))
            begins.add(first)
        lines = []
        for number in sorted(within | begins - {0}):
            if number in within:
                body, seal = next((body, seal) for n, body, seal in self.store.records(number - 1) if n == number)
                lines.append(self._told(number, body, seal, sight) if number in shown else _digest(number, body))
            lines += [heads[number].line()] if number in heads else []
            lines += [one.line() for one in self.witnessed if one.number == number and with_witnesses]
        return b"".join(f"{line}\n".encode() for line in lines)

    def _told(self, number: int, body: bytes, seal: bytes, sight: Sight) -> str:
        content = json.loads(body)
        id = content.get("id", content.get("owner"))
        about = self.store.request(id.partition(".")[0]) if id else None
        return tell(HOST, number, body, seal, about, self.store.values(id) if id else None, sight).line()

    def _documents(self, id: str) -> Iterable[bytes]:
        for life, own, document in self.store.documents():
            if own.partition(".")[0] == id:
                values = self.store.values(own)
                found = {
                    committed: entry for committed in _commitments(json.loads(document)) if (entry := values.entry(committed))
                }
                told = [
                    {"committed": committed, "field": entry.field, "salt": entry.salt.hex(), "value": entry.value}
                    for committed, entry in sorted(found.items())
                ]
                yield _line({"life": life, "id": own, "document": document.decode(), "values": told})


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    made = Zip(out)
    for name, content in files.items():
        made.add(name, [content])
    made.end()
    return out.getvalue()


def wrong(data: bytes, *keys: str, witnesses: Iterable[str] = ()) -> list[str]:
    """What is wrong with a pack."""
    given = [key for text in keys for key in verify.read_keys(text)]
    known = [key for text in witnesses for key in verify.read_keys(text)]
    return [str(finding) for finding in verify.verify(data, OWN, given, known).findings]


def words(data: bytes, *keys: str, witnesses: Iterable[str] = ()) -> str:
    """What is said of a pack that is whole."""
    given = [key for text in keys for key in verify.read_keys(text)]
    known = [key for text in witnesses for key in verify.read_keys(text)]
    verdict = verify.verify(data, OWN, given, known)
    assert not verdict.findings, verdict.findings
    return "\n".join(verify.told(verdict, OWN, has_key=bool(given)))


def _digest(number: int, body: bytes) -> str:
    return forms.Digest(HOST, number, hashlib.sha256(body).digest()).line()


def _is_shown(body: dict[str, Any], id: str) -> bool:
    if str(body.get("event")).startswith(("key.", "policy.loaded")):
        return True
    detail = body.get("detail", {})
    named = (body.get("id", ""), body.get("owner", ""), *map(detail.get, ("request", "grant", "run")), *detail.get("owners", ()))
    return any(one is not None and one.partition(".")[0] == id for one in named) and body["event"] != "pack.made"


def _commitments(part: Any) -> Iterable[str]:
    if (found := committed_in(part)) is not None:
        yield found
    elif isinstance(part, dict | list):
        for one in part.values() if isinstance(part, dict) else part:
            yield from _commitments(one)


def _line(content: Any) -> bytes:
    return (json.dumps(content, separators=(",", ":")) + "\n").encode("ascii")


def _trace(id: str, digest: str) -> dict[str, Any]:
    decision = {"decision": "permit", "rule": "rule-1", "because": ""}
    who = {"condition": "who", "outcome": "held", "wants": "group:dba", "value": "alice, dba"}
    told: tuple[tuple[Any, ...], ...] = (("rule-1", "permit", 2, "permits", [who]), ("freeze", "deny", 8, "passes", []))
    rules = [
        {
            "rule": rule,
            "verdict": verdict,
            "file": "databases.toml",
            "line": line,
            "says": says,
            "because": "",
            "conditions": held,
        }
        for rule, verdict, line, says, held in told
    ]
    return {
        "form": "jitd trace 1", "id": id, "policy": digest, "at": "2026-03-02T09:00:00Z", "says": decision, "recorded": decision,
        "same": True, "unknown": [], "rules": rules,
    }  # fmt: skip


def _otp() -> Authentication:
    flags = ("forwardable", "renewable", "initial", "pre-authent")
    return Authentication(START, START, flags, ("otp",), "aes256-cts-hmac-sha1-96", "aes256-cts-hmac-sha1-96", ("EXAMPLE.TEST",))
