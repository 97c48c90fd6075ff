#!/usr/bin/env python3
"""Looks after the streams of ValutAI: verify, drained, dead, replay; saves and loads them for backup.py.

Python 3.9 and its library are all it needs. Deliberately no maker of streams: the services make them
when they start. The address of NATS is in NATS_URL: nats://USER:PASSWORD@HOST:PORT, tls:// for TLS.
The user needs JetStream's whole API: `operator` of nats/users.conf.
"""

import argparse
import base64
import json
import os
import socket
import ssl
import sys
import time
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

DOMAINS = ["auth", "ingestion", "training", "prediction", "reporting"]
OLDEST_SERVER = (2, 15, 1)
LARGEST_CALL = 4 * 1024 * 1024
CHUNK = 128 * 1024
PATIENCE = 20.0


class Problem(Exception):
    """What an operator reads."""


class Nats:
    """As much of NATS as is needed here: requests, and messages to an inbox."""

    def __init__(self, url):
        at = urllib.parse.urlsplit(url)
        if at.scheme not in ("nats", "tls") or not at.hostname:
            raise Problem("NATS_URL has to be like nats://user:password@host:4222")
        self.socket = socket.create_connection((at.hostname, at.port or 4222), PATIENCE)
        self.lines = self.socket.makefile("rb")
        self.info = json.loads(self._line()[5:])
        if at.scheme == "tls" or self.info.get("tls_required"):
            context = ssl.create_default_context(cafile=os.environ.get("NATS_CA_FILE") or None)
            self.socket = context.wrap_socket(self.socket, server_hostname=at.hostname)
            self.lines = self.socket.makefile("rb")
        login = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True,
                 "name": "valutai-operator", "lang": "python", "version": "1"}
        if at.username:
            login["user"] = urllib.parse.unquote(at.username)
            login["pass"] = urllib.parse.unquote(at.password or "")
        self.inbox = f"_INBOX_operator_{uuid.uuid4().hex}"
        self.count = 0
        self._send(f"CONNECT {json.dumps(login)}\r\nSUB {self.inbox}.* 1\r\nPING\r\n".encode())
        while (line := self._line()) != b"PONG":
            if line.startswith(b"-ERR"):
                raise Problem(f"NATS refuses: {line.decode()}")

    def _send(self, data):
        self.socket.sendall(data)

    def _line(self):
        line = self.lines.readline()
        if not line.endswith(b"\r\n"):
            raise Problem("NATS closed the connection")
        return line[:-2]

    def fresh_inbox(self):
        self.count += 1
        return f"{self.inbox}.{self.count}"

    def publish(self, subject, body=b"", reply="", headers=None):
        if headers:
            head = "NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers) + "\r\n"
            head = head.encode()
            line = f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}\r\n"
            self._send(line.encode() + head + body + b"\r\n")
        else:
            self._send(f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n")

    def next(self):
        """The next message to an inbox of ours: subject, reply, status or None, body."""
        while True:
            words = self._line().split()
            if words[:1] == [b"PING"]:
                self._send(b"PONG\r\n")
            elif words[:1] == [b"-ERR"]:
                raise Problem(f"NATS refuses: {b' '.join(words).decode()}")
            elif words[:1] == [b"MSG"]:
                body = self.lines.read(int(words[-1]) + 2)[:-2]
                return words[1].decode(), words[3].decode() if len(words) == 5 else "", None, body
            elif words[:1] == [b"HMSG"]:
                head, total = int(words[-2]), int(words[-1])
                data = self.lines.read(total + 2)[:-2]
                status = data[:head].split(b"\r\n")[0][8:].strip().decode() or None
                reply = words[3].decode() if len(words) == 6 else ""
                return words[1].decode(), reply, status, data[head:]

    def request(self, subject, body=b"", headers=None):
        inbox = self.fresh_inbox()
        self.publish(subject, body, inbox, headers)
        while True:
            try:
                to, _, status, answer = self.next()
            except socket.timeout:
                raise ConnectionError(f"no answer to {subject} in {PATIENCE:.0f} s: without a majority of the servers "
                                      "there is none") from None
            if to != inbox:
                continue
            if status and status.startswith("503"):
                raise Problem(f"nobody answers {subject}: is JetStream on, and is the account right?")
            return answer

    def api(self, subject, **arguments):
        """A request to JetStream; the error text of its answer is raised."""
        answer = json.loads(self.request(f"$JS.API.{subject}", json.dumps(arguments).encode()))
        if "error" in answer:
            raise Problem(f"{subject}: {answer['error'].get('description')}")
        return answer


def connect():
    url = os.environ.get("NATS_URL")
    if not url:
        raise Problem("NATS_URL is not set: nats://user:password@host:4222")
    return Nats(url)


def names(prefix):
    return [f"{prefix}-{domain}" for domain in [*DOMAINS, "dead"]]


def wait(patience, look):
    """Looks once a second until nothing is wrong any more; then says what still is."""
    until = time.monotonic() + patience
    told = None
    while True:
        try:
            wrong = look()
        except (OSError, Problem) as problem:
            wrong = [str(problem)]
        if not wrong:
            return
        if time.monotonic() >= until:
            raise Problem("\n".join(wrong))
        if wrong != told:
            print(f"waiting: {'; '.join(wrong)}", file=sys.stderr)
            told = wrong
        time.sleep(1)


def verify(args):
    """Streams are as the services make them, whole, and safe on disk."""

    def look():
        nats, wrong = connect(), []
        version = tuple(int(part) for part in nats.info["version"].split("-")[0].split("."))
        if version < OLDEST_SERVER:
            wrong.append(f"nats-server {nats.info['version']} is too old: 2.15.1 or later is needed")
        if nats.info["max_payload"] < LARGEST_CALL:
            wrong.append("max_payload of nats-server is below 4MB: larger calls are refused")
        for name in names(args.prefix):
            try:
                wrong += faults(nats.api(f"STREAM.INFO.{name}"), args.replicas)
            except Problem as problem:
                wrong.append(f"{name}: {problem} (the services make it when they start)")
        for monitor in args.monitor:
            with urllib.request.urlopen(f"{monitor}/jsz", timeout=PATIENCE) as answer:
                if not json.load(answer)["config"].get("sync_always"):
                    wrong.append(f"{monitor}: set sync_interval: always, or acknowledged events can be lost")
        return wrong

    wait(args.wait, look)
    print(f"verified: {', '.join(names(args.prefix))}, {args.replicas} copies each")


def faults(info, replicas):
    """What is wrong with a stream."""
    config, cluster = info["config"], info.get("cluster") or {}
    name, wrong = config["name"], []
    if config["num_replicas"] != replicas:
        wrong.append(f"{name} keeps {config['num_replicas']} copies, not {replicas}: it was made with another "
                     "VALUTAI_STREAM_REPLICAS; change the stream")
    if config["storage"] != "file" or config["retention"] != "limits" or config["discard"] != "new":
        wrong.append(f"{name} is not as a service would make it: somebody else made or changed it")
    if replicas > 1:
        if not cluster.get("leader"):
            wrong.append(f"{name} has no leader")
        behind = [peer["name"] for peer in cluster.get("replicas") or []
                  if not peer.get("current") or peer.get("offline")]
        copies = 1 + len(cluster.get("replicas") or []) - len(behind)
        if copies < replicas:
            wrong.append(f"{name} has {copies} of {replicas} copies up to date")
    return wrong


def consumers(nats, name):
    found, offset = [], 0
    while True:
        page = nats.api(f"CONSUMER.LIST.{name}", offset=offset)
        found += page["consumers"] or []
        offset += page["limit"]
        if offset >= page["total"]:
            return found


def drained(args):
    """Every event has been handled."""

    def look():
        nats, wrong = connect(), []
        for name in names(args.prefix):
            for consumer in consumers(nats, name):
                left = consumer["num_pending"] + consumer["num_ack_pending"]
                if left and consumer["config"].get("durable_name"):
                    wrong.append(f"{consumer['name']} has {left} events of {name} to handle")
        return wrong

    wait(args.wait, look)
    print("drained: every event has been handled")


def positions(nats, prefix):
    return {name: nats.api(f"STREAM.INFO.{name}")["state"]["last_seq"] for name in names(prefix)}


def save(nats, name, folder):
    """Writes a stream without its consumers to a folder; answers how many messages that were."""
    inbox = nats.fresh_inbox()
    answer = nats.api(f"STREAM.SNAPSHOT.{name}", deliver_subject=inbox, no_consumers=True, chunk_size=CHUNK)
    folder.mkdir(parents=True)
    (folder / "stream.json").write_text(json.dumps({"config": answer["config"], "state": answer["state"]}, indent=1))
    with open(folder / "content", "wb") as content:
        while True:
            to, reply, status, body = nats.next()
            if to != inbox:
                continue
            if status and not status.startswith("204"):
                raise Problem(f"{name}: the snapshot broke off: {status}")
            if not body:
                break
            content.write(body)
            if reply:
                nats.publish(reply)
    return answer["state"]["messages"]


def existing(nats, wanted):
    """Which of these streams there are."""
    return set(wanted) & set(nats.api("STREAM.NAMES")["streams"] or [])


def load(nats, name, folder, cut, replicas):
    """Puts a saved stream in place, without consumers, and removes what came behind the position `cut`."""
    saved = json.loads((folder / "stream.json").read_text())
    config = saved["config"] | ({"num_replicas": replicas} if replicas else {})
    if name in existing(nats, [name]):
        nats.api(f"STREAM.DELETE.{name}")
    answer = nats.api(f"STREAM.RESTORE.{name}", config=config, state=saved["state"])
    with open(folder / "content", "rb") as content:
        while chunk := content.read(CHUNK):
            refused = nats.request(answer["deliver_subject"], chunk)
            if refused.startswith(b"-ERR") or b'"error"' in refused:
                raise Problem(f"{name}: {refused.decode(errors='replace')}")
    done = json.loads(nats.request(answer["deliver_subject"]))
    if "error" in done:
        raise Problem(f"{name}: {done['error'].get('description')}")
    last = done["state"]["last_seq"]
    removed = 0
    for sequence in range(cut + 1, last + 1):
        try:
            nats.api(f"STREAM.MSG.DELETE.{name}", seq=sequence, no_erase=True)
            removed += 1
        except Problem as problem:
            if "no message found" not in str(problem) and "sequence" not in str(problem):
                raise
    return nats.api(f"STREAM.INFO.{name}")["state"]["messages"], removed


def letters(nats, prefix):
    """Every dead letter: sequence, time, headers, body in base64."""
    name = f"{prefix}-dead"
    state = nats.api(f"STREAM.INFO.{name}")["state"]
    if not state["messages"]:
        return
    for sequence in range(state["first_seq"], state["last_seq"] + 1):
        try:
            message = nats.api(f"STREAM.MSG.GET.{name}", seq=sequence)["message"]
        except Problem as problem:
            if "no message found" in str(problem):
                continue
            raise
        yield sequence, message["time"], headers_of(message), message.get("data", "")


def headers_of(message):
    text = base64.b64decode(message.get("hdrs", "")).decode()
    return [tuple(line.split(": ", 1)) for line in text.split("\r\n")[1:] if ": " in line]


def dead(args):
    """Lists the dead letters, oldest first."""
    count = 0
    for sequence, at, headers, _ in letters(connect(), args.prefix):
        head = dict(headers)
        count += 1
        print(f"{sequence}\t{at[:19]}\t{head.get('valutai-dead-consumer')}\t{head.get('ce-type')}\t"
              f"{head.get('ce-id')}\t{head.get('valutai-dead-reason')}")
    print(f"{count} dead letters", file=sys.stderr)


def replay(args):
    """Publishes a dead letter again as it was; those who have handled it know it by its id."""
    nats = connect()
    for sequence, _, headers, data in letters(nats, args.prefix):
        if sequence != args.sequence:
            continue
        head = dict(headers)
        kept = [(key, value) for key, value in headers
                if not key.startswith("valutai-dead-") and key != "Nats-Msg-Id"]
        # A message id of its own: with the first one the stream would take it for a repetition.
        kept.append(("Nats-Msg-Id", f"{head.get('ce-id') or head['valutai-batch-id']}:replay:{sequence}"))
        answer = json.loads(nats.request(head["valutai-dead-subject"], base64.b64decode(data), kept))
        if "error" in answer:
            raise Problem(f"not replayed: {answer['error'].get('description')}")
        nats.api(f"STREAM.MSG.DELETE.{args.prefix}-dead", seq=sequence, no_erase=True)
        print(f"replayed to {answer['stream']} as message {answer['seq']}, and removed from the dead letters")
        return
    raise Problem(f"there is no dead letter {args.sequence}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", default="valutai", help="VALUTAI_SUBJECT_PREFIX of the system")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("verify", help=verify.__doc__)
    command.add_argument("--replicas", type=int, default=1)
    command.add_argument("--monitor", action="append", default=[], help="http://HOST:8222 of each server")
    command.add_argument("--wait", type=float, default=0, help="seconds to wait until all is well")
    command.set_defaults(run=verify)
    command = commands.add_parser("drained", help=drained.__doc__)
    command.add_argument("--wait", type=float, default=0, help="seconds to wait until all is handled")
    command.set_defaults(run=drained)
    command = commands.add_parser("dead", help=dead.__doc__)
    command.set_defaults(run=dead)
    command = commands.add_parser("replay", help=replay.__doc__)
    command.add_argument("sequence", type=int, help="the first number that `dead` shows")
    command.set_defaults(run=replay)
    args = parser.parse_args()
    try:
        args.run(args)
    except (Problem, OSError) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
