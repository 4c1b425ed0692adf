"""Runs compatibility scenarios against the reference (supervisor 4.3.0) and writes down what was observable.

The format of a scenario, and what is normalised and why, is described in README.md beside this file.
The same files are replayed, without Python, by tests/tests/compat_*.rs; tests/src/compat mirrors this module.
"""

import concurrent.futures
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
HELPERS = os.path.join(HERE, "helpers")
DEADLINE = 60.0

BASE = """[supervisord]
logfile=<dir>/supervisord.log
pidfile=<dir>/supervisord.pid
childlogdir=<dir>/logs
nodaemon=true
silent=true
[unix_http_server]
file=<dir>/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}")
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]{4} .*)", re.S)
OWNERS = [
    re.compile(p)
    for p in (
        r"spawned: '([^']*)' with pid",
        r"(?:exited|stopped): (\S+) \(",
        r"(?:success|gave up): (\S+) entered",
        r"waiting for (\S+) to stop",
        r"killing '([^']*)' \(",
        r"process '([^']*)' already",
        r"(\S+): (?:has entered|bad result|event was|READY|ACKNOWLEDGED|BUSY)",
        r"'(\S+)' (?:stdout|stderr) output:",
    )
]
# Lines whose presence depends on when the reference happened to look: reports of a client's wait, and RUNNING with
# startsecs=0, which is not logged when the exit is noticed first.
HASTE = re.compile(r"INFO waiting for \S+ to stop$|INFO success: .* > than 0 seconds")
# The headers of HTTP answers that are recorded; the text is recorded if it is plain.
HEADERS = ("content-type", "location", "www-authenticate", "transfer-encoding", "connection")


class Failed(Exception):
    """The scenario did not get where it wanted to."""


class Scenario:
    """One parsed file: directives, files to lay out, steps, and the recording at its end."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.directives = []
        self.files = []
        self.config = ""
        self.steps = []
        self.recorded = ""
        with open(path, encoding="utf-8") as f:
            text = f.read()
        head, found, recorded = text.partition("\n== recorded\n")
        self.head = head.rstrip("\n") + "\n"
        if found:
            self.recorded = recorded
        section, body = "", []
        for line in self.head.split("\n") + ["== end"]:
            if line.startswith("== "):
                self._section(section, body)
                section, body = line[3:].strip(), []
            else:
                body.append(line)

    def _section(self, section, body):
        words = section.split()
        if not words:
            self.directives = [l.split(None, 1) for l in body if l.strip() and not l.startswith("#")]
        elif words[0] == "config":
            self.config = "\n".join(body).rstrip("\n") + "\n"
        elif words[0] == "file":
            mode = int(words[2], 8) if len(words) > 2 else 0o644
            self.files.append((words[1], "\n".join(body).rstrip("\n") + "\n", mode))
        elif words[0] == "steps":
            self.steps = [l.strip() for l in body if l.strip() and not l.strip().startswith("#")]
        else:
            raise Failed("unknown section " + section)

    def all(self, key):
        return [d[1] if len(d) > 1 else "" for d in self.directives if d[0] == key]

    def has(self, key):
        return bool(self.all(key))


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


def xml_value(value):
    """One argument of a call: JSON, with {"$raw": XML} for what JSON cannot say."""
    esc = lambda s: s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if isinstance(value, bool):
        return "<value><boolean>%d</boolean></value>" % value
    if isinstance(value, int):
        return "<value><int>%d</int></value>" % value
    if isinstance(value, float):
        return "<value><double>%r</double></value>" % value
    if isinstance(value, str):
        return "<value><string>%s</string></value>" % esc(value)
    if isinstance(value, list):
        return "<value><array><data>%s</data></array></value>" % "".join(map(xml_value, value))
    if isinstance(value, dict) and "$raw" in value:
        return value["$raw"]
    if isinstance(value, dict):
        members = "".join(
            "<member><name>%s</name>%s</member>" % (esc(k), xml_value(value[k])) for k in sorted(value)
        )
        return "<value><struct>%s</struct></value>" % members
    raise Failed("cannot encode %r" % (value,))


def xml_call(method, args):
    params = "".join("<param>%s</param>" % xml_value(a) for a in args)
    return (
        "<?xml version='1.0'?><methodCall><methodName>%s</methodName><params>%s</params></methodCall>"
        % (method, params)
    )


def contents(path):
    with open(path, "rb") as f:
        return f.read().decode("utf-8", "backslashreplace")


class Run:
    """One run of one scenario in its own directory."""

    def __init__(self, scenario, binary, python):
        self.s = scenario
        self.binary = binary
        self.python = python
        self.dir = tempfile.mkdtemp(prefix="visor-compat-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self.ports = {"<port>": free_port(), "<port2>": free_port()}
        self.results = []
        self.pending = {}
        self.states = None
        self.daemon = None

    # -- set-up

    def subst(self, text):
        for key, value in self.variables():
            text = text.replace(key, value)
        return text

    def variables(self):
        return [
            ("<dir>", self.dir), ("<helpers>", HELPERS), ("<python>", self.python), ("<supervisord>", self.binary)] + [
            (k, str(v)) for k, v in self.ports.items()
        ]

    def at(self, path):
        return os.path.join(self.dir, path)

    def configure(self, text):
        base = "" if "none" in self.s.all("base") else BASE
        with open(self.at("supervisord.conf"), "w", encoding="utf-8") as f:
            f.write(self.subst(base + text))

    def launch(self):
        os.mkdir(self.at("logs"))
        os.chmod(self.at("logs"), 0o777)
        for path, text, mode in self.s.files:
            full = self.at(path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(self.subst(text))
            os.chmod(full, mode)
        self.configure(self.s.config)
        env = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": "/root",
            "VISOR_COMPAT": self.dir,
        }
        for pair in self.s.all("env"):
            key, _, value = pair.partition("=")
            env[key] = self.subst(value)
        args = [a for line in self.s.all("args") for a in shlex.split(self.subst(line))]
        self.out = open(self.at("daemon.stdout"), "wb")
        self.err = open(self.at("daemon.stderr"), "wb")
        self.daemon = subprocess.Popen(
            [self.binary, "-c", self.at("supervisord.conf")] + args,
            cwd=self.dir, env=env, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err, umask=0o022,
        )
        self.until(lambda: "supervisord started with pid" in self.log() or os.path.exists(self.at("supervisord.pid"))
                   or self.daemon.poll() is not None,
                   "the daemon to start")

    # -- observing

    def log(self):
        """The activity log; a scenario that moves it away calls the old part supervisord.old.log."""
        text = ""
        for name in ("supervisord.old.log", "supervisord.log"):
            try:
                text += contents(self.at(name))
            except OSError:
                pass
        return text

    def until(self, condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                raise Failed("waited in vain for " + what)
            time.sleep(0.02)

    def request(self, body, path="/RPC2"):
        conn = UnixHTTP(self.at("s.sock"))
        conn.request("POST", path, body.encode("utf-8"), {"Content-Type": "text/xml"})
        answer = conn.getresponse()
        data = answer.read().decode("utf-8", "backslashreplace")
        conn.close()
        return answer.status, answer.getheader("Content-Type"), data

    def converse(self, text, until):
        """Sends a request as it is written, reads until the answer ends (or holds a text), and keeps what counts."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(DEADLINE)
            s.connect(self.at("s.sock"))
            s.sendall((text.rstrip("\n") + "\n\n").replace("\n", "\r\n").encode("utf-8"))
            answer = b""
            while not (until and until.encode() in answer):
                data = s.recv(65536)
                if not data:
                    break
                answer += data
        head, _, body = answer.decode("utf-8", "backslashreplace").partition("\r\n\r\n")
        first, *fields = head.split("\r\n")
        kept = [f.split(": ", 1) for f in fields]
        kept = sorted("%s: %s" % (k.title(), v) for k, v in kept if k.lower() in HEADERS)
        if "Transfer-Encoding: chunked" in kept:
            body = "<chunk>\r\n" + body.partition("\r\n")[2]
        plain = [k for k in kept if k.startswith("Content-Type: text/plain")]
        return "\n".join([first] + kept + ([body.replace("\r\n", "\n")] if plain else []))

    def rpc(self, method, args):
        status, _, data = self.request(xml_call(method, args))
        if status != 200:
            return {"$http": status}
        try:
            (value,), _ = xmlrpc.client.loads(data, use_builtin_types=True)
            return value
        except xmlrpc.client.Fault as fault:
            return {"$fault": [fault.faultCode, fault.faultString]}

    def info(self, name):
        try:
            value = self.rpc("supervisor.getProcessInfo", [name])
        except OSError:
            return {}
        return value if "statename" in value else {}

    def pid(self, target):
        if target == "daemon":
            return self.daemon.pid
        if target.startswith("@"):
            path = self.at(target[1:])
            self.until(lambda: os.path.exists(path) and contents(path).strip(), "a pid in " + target)
            return int(re.search(r"\d+", contents(path)).group())
        return self.info(target)["pid"]

    def count(self, text, needle):
        return text.count(self.subst(needle))

    # -- steps

    def step(self, line):
        verb, _, rest = line.partition(" ")
        rest = rest.strip()
        words = rest.split()
        if verb == "wait":
            self.until(lambda: self.info(words[0]).get("statename") in words[1:], line)
        elif verb == "wait-log":
            times, text = counted(rest)
            self.until(lambda: self.count(self.log(), text) >= times, line)
        elif verb == "wait-file":
            path, _, rest = rest.partition(" ")
            times, text = counted(rest)
            full = self.at(path)
            self.until(lambda: os.path.exists(full) and self.count(contents(full), text) >= times, line)
        elif verb == "wait-empty":
            full = self.at(rest)
            self.until(lambda: os.path.exists(full) and not os.path.getsize(full), line)
        elif verb == "wait-exists":
            self.until(lambda: os.path.exists(self.at(rest)), line)
        elif verb == "wait-no-file":
            self.until(lambda: not os.path.lexists(self.at(rest)), line)
        elif verb == "wait-exit":
            self.until(lambda: self.daemon.poll() is not None, line)
        elif verb == "wait-dead":
            pid = self.pid(rest)
            self.until(lambda: not alive(pid), line)
        elif verb == "wait-fault":
            # Until the daemon answers this call with a fault: the way to know that it is shutting down.
            method, args = call_of(self.subst(rest))
            self.until(lambda: "$fault" in (self.rpc(method, args) or {}) , line)
        elif verb == "rpc":
            self.results.append((line, self.rpc(*call_of(self.subst(rest)))))
        elif verb == "quiet":
            self.rpc(*call_of(self.subst(rest)))
        elif verb == "call":
            status, _, data = self.request(xml_call(*call_of(self.subst(rest))))
            self.results.append((line, Raw("HTTP %d\n%s" % (status, data if status == 200 else ""))))
        elif verb == "post":
            text = next(t for p, t, _ in self.s.files if p == words[0])
            status, kind, data = self.request(self.subst(text), *words[1:2])
            text = "HTTP %d %s\n" % (status, kind) + (data if status == 200 else "")
            self.results.append((line, Raw(text)))
        elif verb == "http":
            text = next(t for p, t, _ in self.s.files if p == words[0])
            until = self.subst(rest.partition(" ")[2])
            self.results.append((line, Raw(self.converse(self.subst(text), until))))
        elif verb == "start":
            ident, _, rest = rest.partition(" ")
            box = []
            call = call_of(self.subst(rest))
            thread = threading.Thread(target=lambda: box.append(self.rpc(*call)))
            thread.start()
            self.pending[ident] = (thread, box)
        elif verb == "join":
            thread, box = self.pending.pop(rest)
            thread.join(DEADLINE)
            if not box:
                raise Failed("no answer for " + line)
            self.results.append((line, box[0]))
        elif verb == "signal":
            os.kill(self.pid(words[0]), getattr(signal, "SIG" + words[1]))
        elif verb in ("write", "append"):
            path, _, text = rest.partition(" ")
            with open(self.at(path), "w" if verb == "write" else "a", encoding="utf-8") as f:
                f.write(self.subst(json.loads(text)))
        elif verb == "remove":
            full = self.at(rest)
            shutil.rmtree(full) if os.path.isdir(full) and not os.path.islink(full) else os.unlink(full)
        elif verb == "mkdir":
            os.mkdir(self.at(rest))
        elif verb == "chmod":
            os.chmod(self.at(words[1]), int(words[0], 8))
        elif verb == "rename":
            os.rename(self.at(words[0]), self.at(words[1]))
        elif verb == "copy":
            shutil.copyfile(self.at(words[0]), self.at(words[1]))
        elif verb == "config":
            self.configure(next(t for p, t, _ in self.s.files if p == rest))
        elif verb == "show":
            self.results.append((line, Raw(shown(contents(self.at(rest))))))
        elif verb == "ls":
            full = self.at(rest)
            names = sorted(self.normal(n) for n in os.listdir(full))
            self.results.append((line, Raw("\n".join(names))))
        elif verb == "stat":
            if not os.path.lexists(self.at(rest)):
                self.results.append((line, Raw("missing")))
                return
            st = os.lstat(self.at(rest))
            kind = "socket" if stat.S_ISSOCK(st.st_mode) else "file" if stat.S_ISREG(st.st_mode) else "other"
            text = "%s %03o %d:%d" % (kind, st.st_mode & 0o7777, st.st_uid, st.st_gid)
            self.results.append((line, Raw(text)))
        elif verb == "alive":
            self.results.append((line, Raw("alive" if alive(self.pid(rest)) else "dead")))
        elif verb == "daemon":
            self.results.append((line, Raw("running" if self.daemon.poll() is None else "gone")))
        else:
            raise Failed("unknown step: " + line)

    def play(self):
        """Runs the steps, ends the daemon, and returns the recording."""
        try:
            self.launch()
            for line in self.s.steps:
                self.step(line)
            if self.daemon.poll() is None:
                try:
                    states = self.rpc("supervisor.getAllProcessInfo", [])
                    self.states = states if isinstance(states, list) else None
                except OSError:
                    pass
                self.daemon.send_signal(signal.SIGTERM)
                self.until(lambda: self.daemon.poll() is not None, "the daemon to end")
            return self.recording()
        except Exception as error:
            raise Failed("%s: %r\n%s\n%s\n%s" % (
                self.s.name, error, self.log(), contents(self.at("daemon.stderr")), self.results))
        finally:
            self.clean()

    def clean(self):
        mark = ("VISOR_COMPAT=" + self.dir).encode()
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit():
                    with open("/proc/%s/environ" % entry, "rb") as f:
                        if mark in f.read().split(b"\0"):
                            os.kill(int(entry), signal.SIGKILL)
            except OSError:
                pass
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- the recording

    def normal(self, text):
        """What differs from run to run is replaced by a name in angle brackets."""
        for key, value in self.variables():
            text = text.replace(value, key)
        text = STAMP.sub("<stamp>", text)
        text = re.sub(r"(---[^\s/]*?-)[a-z0-9_]{8}\.log", r"\1<random>.log", text)
        text = re.sub(r"((?:\bpid[ :=]))(\d+)", self.pid_name, text)
        text = re.sub(r"(' \()(\d+)(?=\))", self.pid_name, text)
        text = re.sub(r"when:\d+", "when:<when>", text)
        text = re.sub(r"\blen:\d+", "len:<len>", text)
        text = re.sub(r"uptime \d+:\d\d:\d\d", "uptime <uptime>", text)
        text = re.sub(r"[A-Z][a-z]{2}%20[A-Z][a-z]{2}%20(%20)?\d{1,2}%20\d\d%3A\d\d%3A\d\d%20\d{4}", "<time>", text)
        text = re.sub(r"[A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M", "<date>", text)
        return re.sub(r"socket:\[\d+\]", "socket:[<inode>]", text)

    def pid_name(self, match):
        return match.group(1) + self.named(match.group(2))

    def named(self, number):
        if number == "0":
            return "0"
        return self.pids.get(number, "<pid>")

    def value(self, value, key=""):
        """A result of an RPC call, with clocks and pids replaced."""
        if isinstance(value, dict):
            return {k: self.value(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(v) for v in value]
        if isinstance(value, str):
            return self.normal(value)
        if isinstance(value, int) and not isinstance(value, bool):
            if key in ("start", "stop", "now") and value:
                return "<time>"
            if key == "pid" or value == self.daemon.pid:
                return self.named(str(value)) if value else 0
        return value

    def raw(self, text):
        """The text of an answer, with clocks and pids replaced."""
        text = re.sub(r"(<name>(?:start|stop|now)</name>\s*<value><int>)[1-9]\d*", r"\1<time>", text)
        text = re.sub(r"(<name>pid</name>\s*<value><int>)(\d+)", self.pid_name, text)
        text = re.sub(r"(<int>)(%d)(?=</int>)" % self.daemon.pid, self.pid_name, text)
        return self.normal(text)

    def lines(self):
        """The activity log as (owner, text) pairs; continuation lines are joined with their first line."""
        found = []
        for line in self.log().split("\n"):
            match = LOG_LINE.match(line)
            if match:
                found.append(match.group(1))
            elif found and line:
                found[-1] += "\n  | " + line
        return found

    def owner(self, text):
        for pattern in OWNERS:
            match = pattern.search(text)
            if match:
                return match.group(1)
        return "daemon"

    def streams(self):
        keep, drop = self.s.all("keep"), self.s.all("drop")
        total = "total" in self.s.all("order")
        streams = {}
        for line in self.lines():
            if "Supervisor is running as root." in line:
                continue
            if keep and not any(k in line for k in keep) or any(d in line for d in drop):
                continue
            text = self.normal(line)
            stream = streams.setdefault("all" if total else self.owner(line), [])
            if HASTE.match(text) or ("waiting for " in text and text in stream):
                continue
            stream.append(text)
        return streams

    def recording(self):
        self.pids, spawns = {str(self.daemon.pid): "<daemon>"}, {}
        for name, number in re.findall(r"spawned: '([^']*)' with pid (\d+)", self.log()):
            spawns[name] = spawns.get(name, 0) + 1
            self.pids[number] = "<%s.%d>" % (name, spawns[name])
        out = []
        for line, value in self.results:
            out.append("> " + line)
            if isinstance(value, Raw):
                out.append(self.raw(value.text).rstrip("\n"))
            else:
                out.append(json.dumps(self.value(value), sort_keys=True, ensure_ascii=False, separators=(",", ":")))
        if "results" in self.s.all("only"):
            return "\n".join(out) + "\n"
        out += ["-- exit", str(self.daemon.returncode)]
        if self.states is not None:
            out.append("-- states")
            out += sorted(self.state_line(self.value(s)) for s in self.states)
        for owner, lines in sorted(self.streams().items()):
            out += ["-- log " + owner] + lines
        for name, text in self.outputs():
            out += ["-- file " + name, text]
        return "\n".join(out) + "\n"

    def state_line(self, s):
        q = lambda v: json.dumps(v, ensure_ascii=False)
        return "%s:%s %s pid=%s exitstatus=%s spawnerr=%s description=%s" % (
            s["group"], s["name"], s["statename"], s["pid"], s["exitstatus"], q(s["spawnerr"]), q(s["description"]))

    def outputs(self):
        """Every file the run left behind, other than what the scenario itself laid out."""
        known = {p for p, _, _ in self.s.files} | {"supervisord.conf", "supervisord.log", "supervisord.old.log"}
        ignored = self.s.all("ignore")
        found = []
        for folder, _, names in os.walk(self.dir):
            for name in names:
                full = os.path.join(folder, name)
                path = os.path.relpath(full, self.dir)
                if path in known or any(i in path for i in ignored):
                    continue
                if not stat.S_ISREG(os.lstat(full).st_mode):
                    text = "(not a file)"
                else:
                    text = shown(contents(full))
                    if name.startswith("pid") and text.isdigit():
                        text = self.named(text)
                shown_path = self.normal(path)
                if text == "(empty)" and ("<random>" in shown_path or path.startswith("daemon.std")):
                    continue
                found.append((shown_path, self.normal(text)))
        return sorted(found)


class Raw:
    """A result that is text, kept until the pids are known."""

    def __init__(self, text):
        self.text = text


def shown(text):
    if not text:
        return "(empty)"
    if len(text) > 20000:
        return "(%d bytes)" % len(text)
    if not text.endswith("\n"):
        return text + "<no newline>"
    return text[:-1]


def counted(rest):
    match = re.match(r"x(\d+) (.*)", rest)
    return (int(match.group(1)), match.group(2)) if match else (1, rest)


def call_of(rest):
    method, _, args = rest.partition(" ")
    return method, json.loads(args) if args.strip() else []


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def record(path, binary, python, check):
    scenario = Scenario(path)
    text = Run(scenario, binary, python).play()
    if check:
        if text != scenario.recorded:
            raise Failed("%s: recording differs\n%s" % (scenario.name, diff(scenario.recorded, text)))
        return
    with open(path, "w", encoding="utf-8") as f:
        f.write(scenario.head + "\n== recorded\n" + text)


def diff(old, new):
    import difflib
    return "\n".join(difflib.unified_diff(old.split("\n"), new.split("\n"), "recorded", "now", lineterm="", n=1))


def main(folder, description):
    import argparse
    root = os.path.dirname(os.path.dirname(HERE))
    ap = argparse.ArgumentParser(description=description)
    ap.add_argument("scenario", nargs="*", help="names (default: all)")
    ap.add_argument("--reference", default=os.path.join(root, "target", "reference", "bin"),
                    help="directory that holds the reference's supervisord and python")
    ap.add_argument("--jobs", type=int, default=16)
    ap.add_argument("--check", action="store_true", help="compare with what is recorded, write nothing")
    ap.add_argument("--new", action="store_true", help="only those that have no recording yet")
    args = ap.parse_args()
    binary, python = (os.path.join(args.reference, n) for n in ("supervisord", "python"))
    paths = sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".txt"))
    if args.scenario:
        paths = [p for p in paths if os.path.splitext(os.path.basename(p))[0] in args.scenario]
    if args.new:
        paths = [p for p in paths if not Scenario(p).recorded]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = {pool.submit(record, p, binary, python, args.check): p for p in paths}
        for job in concurrent.futures.as_completed(jobs):
            try:
                job.result()
            except Exception as error:
                failed += 1
                print("FAILED %s\n%s\n" % (jobs[job], error), file=sys.stderr)
    print("%d scenarios, %d failed" % (len(paths), failed))
    return 1 if failed else 0
