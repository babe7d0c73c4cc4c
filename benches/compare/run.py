#!/usr/bin/env python3
"""Measures this crate beside others, and writes tables and plots of it into `benches/compare/results/`.

    python3 benches/compare/run.py                       everything; needs a quiet machine for `peers`, `shares`, `queue` and `weight`
    python3 benches/compare/run.py --only micro          parsing: instructions and allocations
    python3 benches/compare/run.py --only server         a webhook request: instructions
    python3 benches/compare/run.py --only client         a call: instructions
    python3 benches/compare/run.py --only tls            a call over TLS, HTTP/1.1 and HTTP/2: instructions
    python3 benches/compare/run.py --only peers          a loaded webhook: requests per second and latency
    python3 benches/compare/run.py --only shares         what a request's time is made of
    python3 benches/compare/run.py --only scale          one more while a thousand and up to a million are held: instructions
    python3 benches/compare/run.py --only queue          the queue, locks and stores over Redis and NATS: times
    python3 benches/compare/run.py --only memory         idle connections, remembered updates
    python3 benches/compare/run.py --only weight         cold builds; with `--builds ours-bot,teloxide-bot` these alone
    python3 benches/compare/run.py --quick               fewer bodies and shorter runs, printed and not kept

Parts that aren't run keep the figures that they had. Nearly everything is a ratio of two figures of the same run, or a
count: neither drifts with the machine. The figures of `queue` are times, so compare those of one run with each other.
"""

import argparse
import concurrent.futures
import datetime
import functools
import hashlib
import json
import math
import os
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RESULTS = HERE / "results"
CORPUS = HERE.parent / "corpus"
LANGUAGES = HERE / "languages"
PARTS = ("micro", "server", "client", "tls", "peers", "shares", "scale", "queue", "memory", "weight")

TOKEN = "123456789:AAF-bench_Secret"
SECRET = "the-Secret_of-the-benches"

PLAIN = "text_plain"
LONG = "keyboard_30k"
OURS = "tower-telegram"
# Counted to be subtracted from each other; no parsers.
HEADS = ("body alone", "head scan")

# The label of each server of `compare serve`.
SERVERS = {
    "hyper-unread": "bare hyper, body not read",
    "hyper": "bare hyper, body read",
    "axum-bytes": "axum, body read",
    "hyper-value": "hyper + serde_json::Value",
    "ours-hyper": "ours on hyper, no delivery",
    "ours-hyper-delivery": "ours on hyper, with delivery",
    "ours-hyper-deadline": "ours on hyper, with deadline",
    "ours-hyper-default": "ours on hyper, as it comes",
    "ours-axum": "ours on axum, no delivery",
    "ours-axum-default": "ours on axum, as it comes",
    "axum-frankenstein": "axum + frankenstein",
    "teloxide-webhook": "teloxide, webhook",
    "teloxide-dispatcher": "teloxide, dispatcher",
    "tgbot": "tgbot",
}
# Servers that are built on axum: all but those on hyper.
ON_AXUM = [name for name in SERVERS if "axum" in name or name in ("teloxide-webhook", "teloxide-dispatcher", "tgbot")]
LANGUAGE_BOTS = {
    "grammy": "grammY (node)",
    "telegraf": "Telegraf (node)",
    "aiogram": "aiogram (Python)",
}


# Bodies and connections


def body_names(quick=False):
    names = sorted(path.stem for path in CORPUS.glob("*.json"))
    return [name for name in names if name in (PLAIN, LONG, "photo", "callback")] if quick else names


class Requests:
    """What Telegram sends: the same body each time, with a number of its own."""

    first = 100_000_000

    def __init__(self, name, secret=SECRET):
        body = (CORPUS / f"{name}.json").read_bytes()
        before, after = re.match(rb'(\{"update_id":)\d+(.*)', body, re.S).groups()
        length = len(before) + 9 + len(after)
        head = (
            "POST /bot HTTP/1.1\r\nHost: example.org\r\n"
            f"X-Telegram-Bot-Api-Secret-Token: {secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
            "Connection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
        )
        self.before = head.encode() + before
        self.after = after

    def next(self):
        Requests.first += 1
        return self.before + b"%d" % Requests.first + self.after


class Connection:
    """Sends one request after the other, and reads each answer to its end."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = b""

    def ask(self, request):
        self.socket.sendall(request)
        while b"\r\n\r\n" not in self.read:
            self.more()
        head, _, rest = self.read.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        self.read = rest
        while len(self.read) < length:
            self.more()
        body, self.read = self.read[:length], self.read[length:]
        return int(head.split(b" ", 2)[1]), body

    def more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise RuntimeError("the server hung up")
        self.read += piece


class Server:
    """A server that prints its port and ends with its stdin."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{command} gave no port")
        self.port = int(line)

    def mark(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "marked\n":
            raise RuntimeError("the server is gone")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


# Programs


class Programs:
    """The programs, each built when it is first needed."""

    compare = functools.cached_property(lambda self: self.own["compare"])
    allocations = functools.cached_property(lambda self: self.own["allocations"])
    calls = functools.cached_property(lambda self: built_here("--package", "compare-calls", "--features", "http2")["compare-calls"])
    jobs = functools.cached_property(lambda self: built_here("--package", "compare-jobs")["compare-jobs"])
    stress = functools.cached_property(lambda self: built("--package", "stress")["stress"])

    @functools.cached_property
    def own(self):
        return built_here("--package", "compare")


def built_here(*options):
    return built("--manifest-path", str(HERE / "Cargo.toml"), *options)


def built(*options):
    """The programs that cargo has built, by their names."""
    run = ["cargo", "build", "--quiet", "--release", "--message-format", "json", *options]
    lines = subprocess.run(run, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = map(json.loads, lines)
    return {message["target"]["name"]: message["executable"] for message in messages if message.get("executable")}


def parallel(work, items):
    """Counts don't mind that the machine is busy."""
    with concurrent.futures.ThreadPoolExecutor(max(1, (os.cpu_count() or 2) - 1)) as pool:
        return dict(zip(items, pool.map(work, items)))


class Callgrind:
    """Runs a program under callgrind, which writes its counts each time that a function is left."""

    def __init__(self, function, toggle):
        self.folder = tempfile.TemporaryDirectory()
        name = f"compare_calls::count::{function}"
        self.command = [
            "valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={self.folder.name}/out",
            f"--dump-after={name}",
        ]
        if toggle:
            self.command.append(f"--toggle-collect={name}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def counts(self):
        files = sorted(Path(self.folder.name).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        return [int(re.search(r"^(?:totals|summary): (\d+)", path.read_text(), re.M).group(1)) for path in files]


def count_once(command):
    """The counts of a program that marks them by itself, with what it printed."""
    with Callgrind("counted", toggle=True) as grind:
        run = subprocess.run(grind.command + command, check=True, stdout=subprocess.PIPE, text=True)
        return grind.counts(), run.stdout.splitlines()


# micro


def micro(programs, quick):
    listed = subprocess.run([programs.compare, "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    parsers = re.search("parsers: (.*)", listed).group(1).split(", ")
    times = 4 if quick else 20

    def parse(name):
        counts, lines = count_once([programs.compare, "parse", name, str(times)])
        bodies = [line.split() for line in lines]
        return {
            body: {"instructions": count / times, "fits": fits == "true", "length": int(length)}
            for count, (body, length, fits) in zip(counts, bodies)
        }

    return {"instructions": parallel(parse, parsers), "allocations": allocations(programs)}


def allocations(programs):
    run = subprocess.run([programs.allocations], check=True, stdout=subprocess.PIPE, text=True)
    found = {}
    for line in run.stdout.splitlines():
        what, body, count = line.split("\t")
        found.setdefault(what, {})[body] = int(count)
    return found


# server


def server(programs, quick):
    jobs = {name: (name, SECRET) for name in SERVERS}
    jobs["ours-hyper-filtered"] = ("ours-hyper-filtered", SECRET)
    jobs["ours-hyper-wrong-secret"] = ("ours-hyper", "another-Secret_than-theirs")
    names = body_names(quick)
    # hyper closes the connection if it hasn't read a body to its end in its first read and the handler ignores it.
    short = [name for name in names if (CORPUS / f"{name}.json").stat().st_size < 7500]

    def count(job):
        bodies = short if job in ("hyper-unread", "ours-hyper-wrong-secret") else names
        return count_requests(programs, *jobs[job], bodies, 20 if quick else 100)

    return parallel(count, jobs)


def count_requests(programs, name, secret, bodies, times):
    """Instructions of a request, for each body: what the server does between two marks."""
    with Callgrind("mark", toggle=False) as grind:
        statuses = {}
        with Server(grind.command + [programs.compare, "serve", name]) as peer:
            connection = Connection(peer.port)
            peer.mark()
            # The cost of a mark alone.
            peer.mark()
            for body in bodies:
                requests = Requests(body, secret)
                for _ in range(10):
                    connection.ask(requests.next())
                peer.mark()
                for _ in range(times):
                    statuses[body] = connection.ask(requests.next())[0]
                peer.mark()
        counts = grind.counts()
        cost = counts[1]
        return {
            body: {"instructions": (counts[3 + 2 * index] - cost) / times, "status": statuses[body]}
            for index, body in enumerate(bodies)
        }


# client


def client(programs, quick):
    listed = subprocess.run([programs.compare, "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    clients = re.search("clients: (.*)", listed).group(1).split(", ")
    times = 50 if quick else 300
    with Server([programs.compare, "serve", "api"]) as api:

        def call(name):
            counts, _ = count_once([programs.compare, "call", name, f"http://127.0.0.1:{api.port}", str(times)])
            return counts[0] / times

        return parallel(call, clients)


# tls


def tls(programs, quick):
    """The instructions of a call, by protocol and client. Both ends have the protocol that they choose by ALPN."""
    listed = subprocess.run([programs.compare, "list"], check=True, stdout=subprocess.PIPE, text=True).stdout
    clients = re.search("clients: (.*)", listed).group(1).split(", ")
    times = str(50 if quick else 300)
    with tempfile.TemporaryDirectory() as folder:

        def counts(protocols, names, command):
            file = f"{folder}/{protocols[0].replace('/', '-')}.pem"
            with Server([programs.calls, "serve", file, *protocols]) as api:
                url = f"https://localhost:{api.port}"
                return parallel(lambda name: count_once(command(name, url, file))[0][0] / int(times), names)

        def everyone(name, url, file):
            return [programs.compare, "call", name, url, times, file]

        def with_http2(name, url, file):
            return [programs.calls, "call", name, url, file, times]

        both = ("hyper-util", OURS)
        return {
            "HTTP/1.1": counts(["http/1.1"], clients, everyone),
            HTTP1_OF_HTTP2: counts(["http/1.1"], both, with_http2),
            "HTTP/2": counts(["h2", "http/1.1"], both, with_http2),
        }


# The cost of both clients that could speak HTTP/2, to a server that can't.
HTTP1_OF_HTTP2 = "HTTP/1.1, built with HTTP/2"


# peers


WRK = """
local before, after = %s, %s
local number = %d
request = function()
  number = number + 1
  return before .. number .. after
end
done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("RESULT %%d %%d %%d %%d\\n", summary.requests, summary.duration, latency:percentile(99), failed))
end
"""


def quoted(text):
    """A string as Lua reads it."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else "\\%03d" % b for b in text) + '"'


def peers(programs, quick):
    rounds, seconds = (2, 1) if quick else (7, 4)
    commands = {name: ([programs.compare, "serve", name], {}) for name in SERVERS}
    commands.update(language_bots())
    running = {}
    try:
        for name, (command, environment) in commands.items():
            pin = ["taskset", "-c", "0"] + command
            running[name] = Server(pin, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
        for name, one in list(running.items()):
            if load(one.port, 1)["failed"]:
                say(f"peers: {name} doesn't serve, and is left out")
                running.pop(name).__exit__()
        runs = []
        for count in range(rounds):
            order = list(running) if count % 2 == 0 else list(running)[::-1]
            runs.append({name: load(running[name].port, seconds) for name in order})
            say(f"peers: round {count + 1} of {rounds}")
    finally:
        for one in running.values():
            one.__exit__()
    return {name: beside_hyper(runs, name) for name in running}


def beside_hyper(runs, name):
    rates = [run[name]["rate"] / run["hyper"]["rate"] for run in runs]
    p99s = [run[name]["p99"] / run["hyper"]["p99"] for run in runs]
    return {
        "rate": statistics.median(rates),
        "rates": [min(rates), max(rates)],
        "p99": statistics.median(p99s),
        "failed": sum(run[name]["failed"] for run in runs),
    }


def load(port, seconds, connections=40):
    requests = Requests(PLAIN)
    script = WRK % (quoted(requests.before), quoted(requests.after), Requests.first)
    # No run sends a number that another has sent.
    Requests.first += seconds * 1_000_000
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", file.name]
        pin = ["taskset", "-c", "1"] if (os.cpu_count() or 1) > 1 else []
        run = subprocess.run(pin + command + [f"http://127.0.0.1:{port}/bot"], stdout=subprocess.PIPE, text=True)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", run.stdout)
    if not found:
        return {"rate": 0, "p99": 1, "failed": 1}
    count, micros, p99, failed = map(int, found.groups())
    return {"rate": count * 1e6 / micros, "p99": max(p99, 1), "failed": failed}


def language_bots():
    """Those whose language is here, with what they need installed into a folder of their own."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tower-telegram" / "benches"
    environment = {"BENCH_TOKEN": TOKEN, "BENCH_SECRET": SECRET, "NODE_ENV": "production"}
    found = {}
    try:
        if shutil.which("node") and shutil.which("npm"):
            folder = install(cache, "package-lock.json", install_node)
            node = {**environment, "NODE_PACKAGES": str(folder)}
            for name in ("grammy", "telegraf"):
                found[name] = (["node", str(LANGUAGES / f"bot_{name}.mjs")], node)
        folder = install(cache, "requirements.txt", install_python)
        found["aiogram"] = ([str(folder / "bin" / "python"), str(LANGUAGES / "bot_aiogram.py")], environment)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"peers: not every language is here: {error}")
    return found


def install(cache, lock, run):
    folder = cache / f"{lock.split('.')[0]}-{hash_of(LANGUAGES / lock)}"
    if not (folder / ".installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run(folder)
        (folder / ".installed").touch()
    return folder


def hash_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def install_node(folder):
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LANGUAGES / name, folder)
    quiet = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(quiet, cwd=folder, check=True)


def install_python(folder):
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "pip", "install", "--quiet", "--requirement", LANGUAGES / "requirements.txt"]
    subprocess.run(pip, check=True)


# shares


# The owner of a line: the first pattern that matches its file, or its function if the file is one of std. So an
# inlined function counts for its author, but one of std for its caller.
WHOSE = (
    ("allocation", r"/malloc/|sys/alloc|__rustc::"),
    ("copying, comparing", r"/string/|multiarch"),
    ("parse: JSON and types", r"^src/(json|types|text|model)|tower_telegram::(json|types|text|model)"),
    ("layers, reply, handler", r"^(calls/)?src/|tower|\bcompare(_calls)?::|subtle-|core::hash::sip"),
    ("hyper, httparse", r"hyper|httparse|httpdate"),
    ("http, bytes", r"http-|http::|http_body|bytes"),
    ("serde_json", r"serde|itoa|ryu|zmij"),
    ("tokio, mio, calls of the kernel", r"tokio|mio|recv|writev|epoll|std::sys|parking_lot|nptl|linux"),
)
REST = "the rest"


def shares(programs, quick):
    found = {}
    for name in ("hyper", "ours-hyper", "ours-hyper-default"):
        own = instructions_by_owner(programs, name, 100 if quick else 1000)
        found[name] = {"kernel": kernel_share(programs, name, 1 if quick else 5), "user": own}
    return found


def kernel_share(programs, name, seconds):
    """Of the server's CPU under load, what the kernel spends for it."""
    with Server(["taskset", "-c", "0", programs.compare, "serve", name]) as peer:
        load(peer.port, 1)
        before = cpu_ticks(peer.process.pid)
        load(peer.port, seconds)
        user, kernel = (now - then for now, then in zip(cpu_ticks(peer.process.pid), before))
    return kernel / (user + kernel)


def cpu_ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def instructions_by_owner(programs, name, times):
    with Callgrind("mark", toggle=False) as grind:
        with Server(grind.command + [programs.compare, "serve", name]) as peer:
            connection, requests = Connection(peer.port), Requests(PLAIN)
            for _ in range(100):
                connection.ask(requests.next())
            peer.mark()
            for _ in range(times):
                connection.ask(requests.next())
            peer.mark()
        command = ["callgrind_annotate", "--auto=no", "--threshold=100", "--show-percs=no", f"{grind.folder.name}/out.2"]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    listed = [(int(count.replace(",", "")), place) for count, place in re.findall(r"^ *([\d,]+) +(\S+:.+)$", run.stdout, re.M)]
    # A function that hasn't returned when the counts are written gets all of them.
    whole = int(re.search(r"([\d,]+) +PROGRAM TOTALS", run.stdout).group(1).replace(",", ""))
    found = {owner: 0 for owner, _ in WHOSE} | {REST: 0}
    for count, place in listed:
        if count < 0.9 * whole:
            found[owner_of(place)] += count / times
    return found


def owner_of(place):
    """Of `file:function [object]`."""
    file, _, function = re.sub(r" \[[^\[]*\]$", "", place).partition(":")
    # The path from the folder of the crate on.
    file = re.sub(r".*/registry/src/[^/]+/", "", file)
    key = function if "/library/" in file or file == "???" else file
    return next((owner for owner, names in WHOSE if re.search(names, key)), REST)


# scale


def scale(programs, quick):
    found = {"held": counts_while_held()}
    allow_connections(CONNECTIONS[-1])
    held = CONNECTIONS[:1] if quick else CONNECTIONS
    instructions = parallel(lambda count: among_connections(programs, count, 20 if quick else 200), held)
    found["connections"] = {count: {"instructions": instructions[count], "bytes": idle(programs, "ours-hyper-default", count)} for count in held}
    return found


# As many as a process on one machine can open to one address.
CONNECTIONS = (1000, 10_000)


def counts_while_held():
    """The rows of the committed bench, which fails if one more costs more among many."""
    command = ["cargo", "bench", "--quiet", "--package", "tower-telegram-benches", "--bench", "cost", "--", "scale"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    rows = [cells(line) for line in run.stdout.splitlines() if line.startswith("| ")][1:]
    if not rows:
        raise RuntimeError("the bench printed no counts")
    if run.returncode:
        say("scale: one more costs more while more is held")
    keys = ("held", "instructions", "allocations")
    return {
        row[0]: [dict(zip(keys, map(float, row[at:at + 3]))) for at in (1, 4)]
        for row in rows
    }


def cells(line):
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def among_connections(programs, others, times):
    """Instructions of a request with a plain text while so many other connections are idle after theirs."""
    requests = Requests(PLAIN)
    with Callgrind("mark", toggle=False) as grind:
        with Server(grind.command + [programs.compare, "serve", "ours-hyper-default"]) as peer:
            kept = [Connection(peer.port) for _ in range(others)]
            for connection in kept:
                connection.ask(requests.next())
            peer.mark()
            # The cost of a mark alone.
            peer.mark()
            for _ in range(times):
                kept[others // 2].ask(requests.next())
            peer.mark()
        counts = grind.counts()
        return (counts[2] - counts[1]) / times


def allow_connections(connections):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(connections + 200, most), most))


# queue


def queue(programs, quick):
    """By measure and by what it was measured over: the median of the rounds, the lowest and highest figure, and the unit."""
    rounds = 1 if quick else 3
    found = {}
    for number in range(rounds):
        rows = figures([programs.stress, "queue"])
        with RedisServer() as redis:
            try:
                rows += figures([programs.jobs, redis.url])
            except RuntimeError as error:
                # Its worker ends when its connection breaks. This round's other figures stay.
                say(f"queue: round {number + 1} without apalis: {error}")
        for measure, over, figure, unit in rows:
            found.setdefault(measure, {}).setdefault(over, {"unit": unit, "figures": []})["figures"].append(float(figure))
        say(f"queue: round {number + 1} of {rounds}")
    return {
        measure: {over: {**one, "figure": statistics.median(one["figures"])} for over, one in overs.items()}
        for measure, overs in found.items()
    }


def figures(command):
    """The rows of a table behind its head."""
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    rows = [cells(line) for line in run.stdout.splitlines() if line.startswith("|")]
    if problems := [line for line in run.stdout.splitlines() if not line.startswith("|")]:
        raise RuntimeError("; ".join(problems))
    return rows[2:]


class RedisServer:
    """A server that keeps nothing on a disk."""

    def __enter__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}"
        command = ["redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return self
            except ConnectionRefusedError:
                time.sleep(0.01)
        raise RuntimeError("redis-server ended")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# memory


def memory(programs, quick):
    connections = 1000 if quick else 10_000
    allow_connections(connections)
    names = ("hyper", "ours-hyper", "ours-hyper-default", "axum-bytes", "ours-axum-default")
    found = allocations(programs)
    return {
        "connections": connections,
        "idle": {name: idle(programs, name, connections) for name in names},
        "id": {what: counts[""] for what, counts in found.items() if what.startswith("bytes an id")},
    }


def idle(programs, name, connections):
    """Bytes that a connection keeps after it has brought one update."""
    requests = Requests(PLAIN)
    with Server([programs.compare, "serve", name]) as peer:
        Connection(peer.port).ask(requests.next())
        before = resident(peer.process.pid)
        kept = []
        for _ in range(connections):
            connection = Connection(peer.port)
            connection.ask(requests.next())
            kept.append(connection)
        return (resident(peer.process.pid) - before) / connections


def resident(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


# weight


def weight(_programs, quick, builds=None):
    wanted = builds or (["ours-bot", "teloxide-bot"] if quick else [])
    run = subprocess.run(["bash", HERE / "weight.sh", *wanted], check=True, stdout=subprocess.PIPE, text=True)
    rows = [cells(line) for line in run.stdout.splitlines()]
    return {"columns": rows[0], "rows": rows[2:]}


# Reports


def mean(ratios):
    ratios = list(ratios)
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def parse_ratio(data, name, base="IgnoredAny"):
    """Over the bodies that `name` can read."""
    counts = data["micro"]["instructions"]
    return mean(
        one["instructions"] / counts[base][body]["instructions"]
        for body, one in counts[name].items()
        if one["fits"] and counts[base][body]["fits"]
    )


def request_ratio(data, name, base="hyper"):
    counts = data["server"]
    both = [body for body in counts[name] if body in counts[base]]
    return mean(counts[name][body]["instructions"] / counts[base][body]["instructions"] for body in both)


def plain_ratio(data, name, base="hyper"):
    counts = data["server"]
    return counts[name][PLAIN]["instructions"] / counts[base][PLAIN]["instructions"]


def targets(data):
    """Rows of: what, the figure as text, the target as text, whether it's met.

    `benches/cost` has limits of its own for the head of an update and the layers, which CI checks. Over all bodies there is no
    target against bare hyper, because that doesn't look at the body: skipping over them alone would be 1.9.
    """
    rows = []

    def at_most(what, figure, limit, shown="{:.2f}", unit="", stretch=None):
        text = "≤ " + shown.format(limit) + unit + (f" (stretch {shown.format(stretch)})" if stretch else "")
        verdict = figure <= limit
        rows.append((what, shown.format(figure) + unit, text, verdict))

    def at_least(what, figure, limit, stretch=None):
        text = f"≥ {limit:.2f} ×" + (f" (stretch {stretch:.2f})" if stretch else "")
        rows.append((what, f"{figure:.2f} ×", text, figure >= limit))

    if "micro" in data:
        allocated = data["micro"]["allocations"]
        at_most("full typed parse, against `IgnoredAny`", parse_ratio(data, OURS), 1.45, unit=" ×")
        at_least("full typed parse, fewer instructions than teloxide-core", 1 / parse_ratio(data, OURS, "teloxide-core"), 3)
        at_least("full typed parse, fewer instructions than frankenstein", 1 / parse_ratio(data, OURS, "frankenstein"), 1.9)
        at_most("allocations, plain text message", allocated[OURS][PLAIN], 4, "{}")
        at_most("allocations, 30 KB keyboard message", allocated[OURS][LONG], 310, "{}")
        at_most("head scan, allocations, the most", max(allocated["head scan"].values()), 0, "{}")
        at_most("wrong secret, allocations of ours, the most", max(allocated["wrong secret"].values()), 0, "{}")
        at_most("encode `SendMessage`, allocations", allocated["encode"]["sendMessage"], 1, "{}")
    if "server" in data:
        unread = request_ratio(data, "ours-hyper-wrong-secret", "hyper-unread")
        at_most("wrong secret, against bare hyper that doesn't read", unread, 1.03, unit=" ×")
        at_most("filtered-out update, against bare hyper", request_ratio(data, "ours-hyper-filtered"), 1.10, unit=" ×")
        stack = plain_ratio(data, "ours-hyper")
        at_most("whole stack without delivery, against bare hyper, plain text", stack, 1.9, unit=" ×", stretch=1.7)
        delivery = plain_ratio(data, "ours-hyper-delivery")
        at_most("whole stack with delivery, against bare hyper, plain text", delivery, 2.1, unit=" ×")
        for ratio, bodies in ((plain_ratio, "plain text"), (request_ratio, "all bodies")):
            third = ratio(data, "ours-axum", "teloxide-webhook")
            at_most(f"whole stack on axum without delivery, against teloxide's webhook, {bodies}", third, 1 / 3, unit=" ×")
        for name, limit in (("ours-hyper-default", 1.85), ("ours-axum-default", 2.15)):
            at_most(f"{SERVERS[name]}, against bare hyper, plain text", plain_ratio(data, name), limit, unit=" ×")
    if "peers" in data:
        ours = data["peers"]["ours-hyper-default"]
        at_least("requests/s at 40 connections, whole stack as it comes", ours["rate"], 0.80, stretch=0.85)
        at_most("p99 at 40 connections, whole stack as it comes", ours["p99"], 1.3, unit=" ×")
    if "client" in data:
        calls = data["client"]
        at_most("`client.send`, against raw hyper-util", calls[OURS] / calls["hyper-util"], 1.4, unit=" ×", stretch=1.25)
    if "tls" in data:
        for protocol in ("HTTP/1.1", "HTTP/2"):
            calls = data["tls"][protocol]
            figure = calls[OURS] / calls["hyper-util"]
            at_most(f"`client.send` over TLS and {protocol}, against hyper-util with the same", figure, 1.2, unit=" ×")
    if "scale" in data:
        for what, (few, many) in data["scale"]["held"].items():
            # As the committed bench checks it.
            figure = many["instructions"] / few["instructions"]
            at_most(f"one more among {many['held']:,.0f} and among {few['held']:,.0f}: {what}", figure, 1.04, unit=" ×")
    if "queue" in data:
        rows += queue_targets(data["queue"])
    if "memory" in data:
        idle = data["memory"]["idle"]
        at_most("an idle connection, against bare hyper", idle["ours-hyper-default"] / idle["hyper"], 1.15, unit=" ×")
        for what, count in data["memory"]["id"].items():
            at_most(f"a remembered update: {what}", count, 40, "{}", " bytes")
    if "weight" in data:
        rows += weight_targets(data["weight"])
    return rows


def queue_targets(data):
    """Times of one machine, unlike the other targets."""
    rows = []

    def row(what, figure, limit, unit, most=True):
        met = figure <= limit if most else figure >= limit
        rows.append((what, f"{amount(figure)} {unit}", f"{'≤' if most else '≥'} {amount(limit)} {unit}", met))

    def figure(measure, over="Redis"):
        return data[measure][over]["figure"]

    for percent, limit in ((50, 1.5), (99, 5)):
        row(f"queue over Redis: enqueue to handler at low load, p{percent}", figure(f"enqueue to handler, p{percent}"), limit, "ms")
    for what, limit in (("16 partitions", 30_000), ("one partition", 10_000), ("one chat", 10_000)):
        row(f"queue over Redis: handled, {what}", figure(f"handled, {what}"), limit, "a second", most=False)
    # Half of what both took before: 9 + 20 and 22 + 53.
    for way, limit in (("in", 14.5), ("out", 37.5)):
        both = sum(figure(f"CPU of an update {way}, 16 partitions, {whose}") for whose in ("the process", "its server"))
        row(f"queue over Redis: CPU of an update {way}, the process and its server", both, limit, "µs")
    row("`RedisLocks`: one key, four waiters", figure("hand-overs of a lock, four waiters", "RedisLocks"), 2000, "a second", most=False)
    row("`RedisStore`: claim and finish", figure("claim and finish", "RedisStore"), 40_000, "a second", most=False)
    for ids in (1_000_000, 10_000_000):
        longest = figure(f"longest step at {ids} scattered ids", "MemoryStore")
        row(f"`MemoryStore`: longest step at {ids:,} scattered ids", longest, 5, "ms")
    return rows


def weight_targets(table):
    builds = {row[0]: dict(zip(table["columns"], row)) for row in table["rows"]}
    rows = []
    for column, limit, what in (("user CPU, s", 0.5, "cold release build, user CPU"), ("stripped, KiB", 0.7, "stripped size")):
        for profile, kind in (("", ""), ("-small", ", smallest profile")):
            ours, theirs = builds.get(f"ours-bot{profile}"), builds.get(f"teloxide-bot{profile}")
            if ours and theirs:
                figure = float(ours[column]) / float(theirs[column])
                rows.append((f"{what}, against teloxide{kind}", f"{figure:.2f} ×", f"≤ {limit:.2f} ×", figure <= limit))
    return rows


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def number(count):
    return f"{count:,.0f}"


def amount(figure):
    """With two digits at least."""
    digits = 0 if figure >= 100 else 1 if figure >= 10 else 2
    shown = f"{figure:,.{digits}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def micro_report(data):
    counts, allocated = data["micro"]["instructions"], data["micro"]["allocations"]
    rows = []
    for name in counts:
        if name in HEADS:
            continue
        fits = sum(one["fits"] for one in counts[name].values())
        rows.append((
            name, f"{parse_ratio(data, name):.2f}", number(counts[name][PLAIN]["instructions"]),
            allocated[name][PLAIN], allocated[name][LONG], f"{fits} of {len(counts[name])}",
        ))
    head = ("what reads the body", "instructions, `IgnoredAny` = 1", "plain text, instructions",
            "plain text, allocations", "30 KB keyboard, allocations", "bodies read")
    bars = [(name, parse_ratio(data, name)) for name in counts if name not in (*HEADS, "own struct")]
    return table(head, rows), bars


def server_report(data):
    counts, rows, bars = data["server"], [], []
    names = {**SERVERS, "ours-hyper-filtered": "ours on hyper, filtered out",
             "ours-hyper-wrong-secret": "ours on hyper, wrong secret"}
    for name, shown in names.items():
        plain = counts[name][PLAIN]["instructions"]
        is_refusal = name == "ours-hyper-wrong-secret"
        refused = 0 if is_refusal else sum(one["status"] != 200 for one in counts[name].values())
        beside_axum = f"{plain / counts['axum-bytes'][PLAIN]['instructions']:.2f}" if name in ON_AXUM else ""
        rows.append((shown, number(plain), f"{plain / counts['hyper'][PLAIN]['instructions']:.2f}", beside_axum,
                     f"{request_ratio(data, name):.2f}", refused or ""))
        if name not in ("hyper-unread", "ours-hyper-deadline", "ours-hyper-filtered", "ours-hyper-wrong-secret"):
            bars.append((shown, plain / counts["hyper"][PLAIN]["instructions"]))
    head = ("server", "plain text, instructions", "against bare hyper", "on axum, against bare axum",
            "over all bodies, against bare hyper", "bodies refused")
    return table(head, rows), bars


def client_report(data):
    calls = data["client"]
    base = calls["hyper-util"]
    rows = [(name, number(count), f"{count / base:.2f}") for name, count in calls.items()]
    return table(("client", "instructions", "against hyper-util"), rows), [(name, count / base) for name, count in calls.items()]


def tls_report(data):
    rows = []
    first = data["tls"]["HTTP/1.1"]
    for protocol, calls in data["tls"].items():
        for name, count in calls.items():
            rows.append((name, protocol, number(count), f"{count / calls['hyper-util']:.2f}", f"{count / first[name]:.2f}"))
    head = ("client", "protocol", "instructions", "against hyper-util over the same", "against itself over HTTP/1.1")
    return table(head, rows), None


def peers_report(data):
    rows, bars = [], []
    for name, one in data["peers"].items():
        shown = {**SERVERS, **LANGUAGE_BOTS}[name]
        low, high = one["rates"]
        rows.append((shown, f"{one['rate']:.2f}", f"{low:.2f} to {high:.2f}", f"{one['p99']:.2f}", one["failed"] or ""))
        if name != "hyper-unread":
            bars.append((shown, one["rate"]))
    return table(("server", "requests/s, bare hyper = 1", "in the rounds", "p99, bare hyper = 1", "failed"), rows), bars


def shares_report(data):
    names = list(data["shares"])
    rows = [("kernel, of all CPU", *(f"{data['shares'][name]['kernel']:.0%}" for name in names))]
    totals = {name: sum(data["shares"][name]["user"].values()) for name in names}
    for owner in data["shares"][names[0]]["user"]:
        counts = ((data["shares"][name]["user"][owner], totals[name]) for name in names)
        rows.append((owner, *(f"{number(count)} ({count / total:.0%})" for count, total in counts)))
    rows.append(("all of user space", *(number(totals[name]) for name in names)))
    return table(("what", *(SERVERS[name] for name in names)), rows), None


def scale_report(data):
    rows = []
    for what, (few, many) in data["scale"]["held"].items():
        ratio = many["instructions"] / few["instructions"]
        rows.append((what, *(number(one[key]) for one in (few, many) for key in ("held", "instructions")), f"{ratio:.3f}"))
    text = table(("one more", "held", "instructions", "held", "instructions", "ratio"), rows)
    rows = [(f"{int(held):,}", number(one["instructions"]), number(one["bytes"])) for held, one in data["scale"]["connections"].items()]
    return f"{text}\n{table(('open connections', 'instructions of a request on one of them', 'bytes of each'), rows)}", None


# The columns of the queue's table: this crate over each engine, beside others over the same.
QUEUES = ("Redis", "plain Redis Streams", "apalis", "apalis, batches of 100", "NATS", "plain JetStream")


def queue_report(data):
    queues, others = [], []
    for measure, overs in with_both_cpus(data["queue"]).items():
        if set(overs) & set(QUEUES):
            queues.append((measure, *(overs.get(over, "") for over in QUEUES)))
        else:
            others += [(measure, over, shown) for over, shown in overs.items()]
    text = table(("queue", *QUEUES), queues)
    return f"{text}\n{table(('locks and stores', 'over', 'figure'), others)}", None


def with_both_cpus(measures):
    """By measure and what it is over, as text. The processor time of a process and of its server is one measure."""
    process, server = ", the process", ", its server"
    shown = {}
    for measure, overs in measures.items():
        if measure.endswith(server) and measure.replace(server, process) in measures:
            continue
        name = measure.replace(process, ", the process + its server")
        for over, one in overs.items():
            text = amount(one["figure"])
            if measure.endswith(process):
                text += f" + {amount(measures[measure.replace(process, server)][over]['figure'])}"
            shown.setdefault(name, {})[over] = f"{text} {one['unit']}".strip()
    return shown


def memory_report(data):
    idle = data["memory"]["idle"]
    rows = [(SERVERS[name], number(count), f"{count / idle['hyper']:.2f}") for name, count in idle.items()]
    rows += [(what, count, "") for what, count in data["memory"]["id"].items()]
    return table(("what", "bytes", "against bare hyper"), rows), None


def weight_report(data):
    return table(data["weight"]["columns"], data["weight"]["rows"]), None


REPORTS = {
    "micro": ("Parsing", "Instructions (callgrind) of reading a body as an update, the geometric mean over the bodies that can be read; blocks allocated. What favours whom: `IgnoredAny` and the struct of one's own read what the bot needs and nothing else; `Value` has no types.", micro_report),
    "server": ("A webhook request", "Instructions (callgrind, user space) of a request on a kept connection, from the socket to the socket. The bot echoes a text in its response. What favours whom: teloxide's and tgbot's webhooks can't respond with a method and only read the update, which favours them; they and the bot on frankenstein run on axum, so compare them with ours on axum; bare hyper and bare axum check no secret and send an empty response, which favours them beside all others. 'As it comes' also handles each update once and has a deadline, which none of the others does.", server_report),
    "client": ("A call", "Instructions of `sendMessage` on a kept connection, with its result read, over plain HTTP. What favours whom: hyper-util sends a ready-made body and reads nothing of the response, has no time limit and no error type.", client_report),
    "tls": ("A call over TLS", "The same call over TLS 1.3, to a server in another process, as calls to Telegram are. All have rustls with ring, and trust the server's certificate. The rows with HTTP/2 are of a build with it (feature `http2`); the others can't speak it. What favours whom: as without TLS; encrypting and decrypting costs all the same, which brings the ratios together.", tls_report),
    "peers": ("A loaded webhook", "Requests per second with 40 connections (`wrk`), server and load on a core each, the median of interleaved rounds; each update has a number of its own. What favours whom: as for one request; and one core hides that the servers in Rust could use more, which favours the other languages.", peers_report),
    "shares": ("What a request is made of", "The kernel's part of the server's CPU under load, and the instructions of a request with a plain text in user space, by whose line they are: what was inlined counts for who wrote it, but the standard library's for who took it in.", shares_report),
    "scale": ("At scale", "Instructions (callgrind) of one more update or call while few and while many are held, which `cargo bench -p tower-telegram-benches --bench cost -- scale` counts and CI checks; and a request to a webhook as it comes while so many connections are open, with the memory of an idle one. Compared with itself, so it favours nobody. A million connections don't fit into the ports and files of one machine.", scale_report),
    "queue": ("A queue, locks and stores", "Times and rates on loopback with small updates, a handler that counts them, one worker and default settings: the median of three rounds of `cargo run --release -p stress -- queue` and of the same with apalis. 40,000 updates wait, 4,096 in the row of one chat and for apalis, whose script fails with more; 64 callers add them, each waiting for its own. What favours whom: the plain loops and apalis keep no order in a chat, have no partitions, and handle an update twice if it is added twice, which favours them. The plain loops have no claims, no attempts and no dead letters, and JetStream's acknowledges without waiting for the server. apalis reads ten jobs at a time by default, which favours us, so it stands here with a hundred too; it looks for new jobs every 50 ms, because version 1.0.0 adds each as a scheduled one and so wakes no worker, which favours us at low load; it keeps the finished jobs and their results, we don't, which favours us as well. Redis keeps everything in memory, and NATS writes to a disk.", queue_report),
    "memory": ("Memory", "What a server keeps for a connection that is idle after one update (resident set), and what the memory of deliveries takes. What favours whom: bare hyper and bare axum keep no state at all.", memory_report),
    "weight": ("Builds", "Cold builds: `ours` and `teloxide` as libraries in debug, the others as the same bot in release, both on axum and with rustls; `small` is with one codegen unit, thin LTO and `opt-level = \"s\"`. What favours whom: ours has no dispatcher with dialogues, and teloxide's doesn't handle each update once.", weight_report),
}


def plot(title, bars):
    """A bar plot that can be read on light and on dark."""
    width, label, row, top = 760, 250, 26, 44
    most = max(value for _, value in bars)
    height = top + row * len(bars) + 12
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{title}">',
        "<style>text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.bar{fill:#8c959f}.ours{fill:#0a7ea4}",
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7681}.ours{fill:#3fb6d8}}</style>",
        f'<text class="title" x="8" y="24">{title}</text>',
    ]
    for index, (name, value) in enumerate(bars):
        y = top + row * index
        length = max(1, (width - label - 70) * value / most)
        kind = "bar ours" if name.startswith("ours") or name == OURS else "bar"
        lines.append(f'<text x="{label - 8}" y="{y + 14}" text-anchor="end">{name}</text>')
        lines.append(f'<rect class="{kind}" x="{label}" y="{y}" width="{length:.1f}" height="18" rx="2"/>')
        lines.append(f'<text x="{label + length + 6:.1f}" y="{y + 14}">{value:.2f}</text>')
    return "\n".join(lines + ["</svg>"]) + "\n"


PLOTS = {
    "micro": "Instructions to read an update (serde's IgnoredAny = 1, less is better)",
    "server": "Instructions of a webhook request (bare hyper = 1, less is better)",
    "client": "Instructions of a call (raw hyper-util = 1, less is better)",
    "peers": "Requests per second at 40 connections (bare hyper = 1, more is better)",
}


def write_report(data, folder):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(what, figure, target, "yes" if met else "**no**") for what, figure, target, met in targets(data)]
    text = ["# Results\n", "Written by `benches/compare/run.py`; the figures are in `results.json`.\n"]
    text += ["## Targets\n", table(("what", "figure", "target", "met"), rows)]
    for part, (title, words, report) in REPORTS.items():
        if part not in data:
            continue
        shown, bars = report(data)
        ran = data["ran"][part]
        text += [f"## {title}\n", f"{words}\n"]
        if part in PLOTS:
            order = sorted(bars, key=lambda bar: bar[1], reverse=part == "peers")
            (folder / f"{part}.svg").write_text(plot(PLOTS[part], order))
            text.append(f"![{PLOTS[part]}]({part}.svg)\n")
        text += [shown, f"{ran['date']}, `{ran['command']}`, {ran['machine']}.\n"]
    (folder / "README.md").write_text("\n".join(text))
    (folder / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    return "\n".join(text)


# The needs of each part, and where they are from.
TOOLS = {
    "valgrind": ({"micro", "server", "client", "tls", "shares", "scale"}, "apt-get install valgrind"),
    "wrk": ({"peers", "shares"}, "apt-get install wrk"),
    "taskset": ({"peers", "shares"}, "apt-get install util-linux"),
    "redis-server": ({"queue"}, "apt-get install redis-server"),
    "nats-server": ({"queue"}, "pip install --requirement tests/engines/requirements.txt"),
}


def machine():
    kib = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1))
    return f"{os.cpu_count()} cores, {round(kib / 2**20)} GiB"


def say(line):
    print(line, file=sys.stderr, flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    arguments.add_argument("--builds", help="of `weight`, with commas between; all unless it's --quick")
    arguments.add_argument("--quick", action="store_true", help="a look, not a result")
    arguments.add_argument("--out", type=Path, help="where to write; benches/compare/results/ unless it's --quick")
    options = arguments.parse_args()
    builds = options.builds.split(",") if options.builds else None
    parts = options.only.split(",")
    if unknown := set(parts) - set(PARTS):
        arguments.error(f"no such part: {', '.join(unknown)}")
    for tool, (wanted, package) in TOOLS.items():
        if wanted & set(parts) and not shutil.which(tool):
            arguments.error(f"{tool} is missing: {package}")

    folder = options.out or (None if options.quick else RESULTS)
    kept = folder / "results.json" if folder else None
    data = json.loads(kept.read_text()) if kept and kept.exists() else {"ran": {}}
    programs = Programs()
    command = " ".join(["python3 benches/compare/run.py", *sys.argv[1:]])
    for part in parts:
        began = time.monotonic()
        more = {"builds": builds} if part == "weight" else {}
        data[part] = globals()[part](programs, options.quick, **more)
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
        data["ran"][part] = {"date": date, "command": command, "machine": machine()}
        say(f"{part}: {time.monotonic() - began:.0f} s")
        # Each time, so that an error in a part loses none of those before it.
        with tempfile.TemporaryDirectory() as nowhere:
            report = write_report(data, folder or Path(nowhere))
    print(report)


if __name__ == "__main__":
    main()
