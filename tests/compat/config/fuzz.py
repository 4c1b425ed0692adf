"""Compares what the reference and visor make of random, but plausible configurations.

    cargo build -p visor-tests --bin config-probe
    target/reference/bin/python tests/compat/config/fuzz.py [--cases 10000] [--seed 1]

Ends with status 1 at the first difference that nothing in `explained` accounts for, after printing the files. A seed and
a case number give the same files again: `--seed 7 --only 123`.
"""

import argparse
import difflib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

import reference

HERE = os.path.dirname(os.path.abspath(__file__))
ENVIRONMENT = {"HOME": "/root", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "X": "x y", "P": "50%", "D": "sub", "N": "7"}

INTEGERS = ["0", "1", "5", "-3", "+7", "1_000", " 12", "x", "", "1.5", "0x1", "%(ENV_N)s", "%(process_num)d", "10 ; ten", "4#5"]
BOOLEANS = ["true", "false", "yes", "No", "ON", "0", "1", "maybe", "", "true ; comment", "%(ENV_N)s"]
SIZES = ["0", "50MB", "1kb", "12 KB", "2GB", "1.5MB", "5m", "", "-1", "10MB # ten"]
OCTAL = ["022", "0o77", "777", "9", "", "1_7", "0700"]
TEXTS = ["a", "%(here)s", "%(here)s/%(program_name)s", "%(program_name)s_%(process_num)02d", "%(ENV_X)s", "%(ENV_P)s", "%%", "50%%", "%(nope)s", "%", "%d", "%(here)", "%(numprocs)d", "%(group_name)s", "%(host_node_name)s", "%(process_num)5d|", "%(process_num)-5x|", "%(here).4s", "%(ENV_D)10s", "h\u00e9", "a;b", "a ; b", "a # b", "'q'", '"q"', "x=y:z", "%(a(b)s", "%(process_num)+.2e", "%(here)r", "%()s", "%(process_num)c", "%5%", "%(ENV_X)d"]
LOGS = ["AUTO", "none", "Off", "syslog", "x.log", "%(here)s/x.log", "/nope/x.log", "~/x.log", "sub/%(program_name)s.log", "%(program_name)s-%(process_num)d.log", "~nobody/x", "", "%(here)s/a%%b.log", "x%%(here)s"]
PAIRS = ['A="1"', "A=1,B=2", 'A="%(here)s",B="x,y"', 'A="1"\n  ,B="2"', "A=1;B=2", "A", "A=", 'A="x', "A=%(ENV_X)s", 'A="%(ENV_X)s"', 'A="%(process_num)d"', 'X="own"', 'A="say \\"hi\\""', "A='it''s'", 'A="50%%"', "A=a#b", 'A="a" # b', "A=(x):/y.z+-", "A=\u00e9", 'N%(process_num)d="x"', "", "A=1,A=2", 'PATH="/opt:%(ENV_PATH)s"']
USERS = ["root", "0", "daemon", "nobody", "nope", "99999", "", "%(ENV_N)s"]
OWNERS = USERS + ["root:root", "daemon:nogroup", "root:nope", "1:1", ":", "root:"]
SIGNALS = ["TERM", "SIGKILL", "hup", "9", "0", "64", "RTMAX", "35", "-1", "nope", "", "Usr1"]
CODES = ["0", "0,2", "", "1, 2", "256", "-1", "x", "0,", "0,,1"]
RESTARTS = ["true", "false", "unexpected", "Unexpected", "1", "never", ""]
LEVELS = ["info", "DEBUG", "trace", "blather", "warn", "warning", "critical", "error", ""]
NAMES = ["%(program_name)s", "%(program_name)s_%(process_num)02d", "%(process_num)d", "x", "a b", "a/b", " y ", "%(nope)s", "%(ENV_X)s", ""]
DIRECTORIES = ["/tmp", "%(here)s", "/nope", "~", "sub", ""]
PATHS = ["x", "%(here)s/x", "/nope/x", "sub/x", "~/x", "", "syslog", "../x", "/tmp//y/../z"]
EVENTS = ["EVENT", "tick_5,TICK_60", "PROCESS_STATE, process_state_exited", "", "NOPE", "TICK,", "PROCESS_LOG"]
SOCKETS = ["unix:///tmp/f.sock", "unix://%(here)s/%(program_name)s.sock", "tcp://localhost:9000", "tcp://x", "localhost:1", "", "unix://rel", "tcp://a:b:1", "tcp://h:99999", "tcp://h :1"]
ADDRESSES = ["9001", "*:9001", "127.0.0.1:9001", ":80", "x", "h:", "h:0", "70000", "HOST:1", "[::1]:80", "", "%(ENV_N)s"]

PROGRAM = {
    "command": ["/bin/cat", "/bin/sh -c 'x ; y'", "%(here)s/run %(process_num)d", "x\n  y\n\n  z"] + TEXTS,
    "process_name": NAMES,
    "numprocs": ["1", "2", "3", "0", "-1", "x", "1", "1"],
    "numprocs_start": ["0", "5", "-2", "x"],
    "priority": INTEGERS, "startsecs": INTEGERS, "startretries": INTEGERS, "stopwaitsecs": INTEGERS,
    "autostart": BOOLEANS, "stopasgroup": BOOLEANS, "killasgroup": BOOLEANS, "redirect_stderr": BOOLEANS,
    "autorestart": RESTARTS, "exitcodes": CODES, "stopsignal": SIGNALS, "user": USERS, "umask": OCTAL,
    "environment": PAIRS, "directory": TEXTS + DIRECTORIES, "serverurl": ["AUTO", "auto", "", "http://x"] + TEXTS,
}
for stream in ("stdout", "stderr"):
    PROGRAM[stream + "_logfile"] = LOGS
    PROGRAM[stream + "_logfile_maxbytes"] = SIZES
    PROGRAM[stream + "_logfile_backups"] = INTEGERS
    PROGRAM[stream + "_capture_maxbytes"] = SIZES
    PROGRAM[stream + "_events_enabled"] = BOOLEANS
    PROGRAM[stream + "_syslog"] = BOOLEANS
LISTENER = dict(PROGRAM, events=EVENTS, buffer_size=INTEGERS, result_handler=["supervisor.dispatchers:default_handler", "nope:nope"])
FCGI = dict(PROGRAM, socket=SOCKETS, socket_backlog=INTEGERS + ["65536"], socket_owner=OWNERS, socket_mode=OCTAL)
DAEMON = {
    "logfile": PATHS, "logfile_maxbytes": SIZES, "logfile_backups": INTEGERS, "loglevel": LEVELS, "pidfile": PATHS, "umask": OCTAL,
    "nodaemon": BOOLEANS, "silent": BOOLEANS, "minfds": INTEGERS, "minprocs": INTEGERS, "nocleanup": BOOLEANS,
    "childlogdir": DIRECTORIES, "user": USERS, "directory": DIRECTORIES, "strip_ansi": BOOLEANS, "environment": PAIRS,
    "identifier": TEXTS,
}
UNIX = {"file": PATHS + TEXTS, "chmod": OCTAL, "chown": OWNERS, "username": TEXTS, "password": TEXTS}
INET = {"port": ADDRESSES, "username": TEXTS, "password": TEXTS}
FACTORY = ["supervisor.rpcinterface:make_main_rpcinterface", "nope:nope", ""]


class Generator:
    """Files of one case."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        # Most files have few mistakes; otherwise only the first mistake of each would ever be looked at.
        self.wildness = self.random.choice([0.0, 0.0, 0.03, 0.1, 0.4])

    def pick(self, values):
        if self.random.random() < self.wildness:
            return self.random.choice(values)
        return self.random.choice(values[:3])

    def chance(self, share):
        return self.random.random() < share

    def option(self, key, value):
        key = key.upper() if self.chance(0.02) else key
        delimiter = self.random.choice(["=", "=", " = ", ":", "= "])
        end = self.random.choice(["", "", "", "", "", " ; c", "\t# c", " ", "\r"]) if "\n" not in value else ""
        return "%s%s%s%s\n" % (key, delimiter, value, end)

    def section(self, name, keys, required=()):
        text = "[%s]\n" % name
        chosen = [key for key in keys if key in required and not self.chance(self.wildness / 5) or self.chance(0.12)]
        self.random.shuffle(chosen)
        for key in chosen:
            text += self.option(key, self.pick(keys[key]))
            if self.chance(0.04):
                text += self.random.choice(["\n", "; comment\n", "  # comment\n", "   \n"])
            if self.chance(self.wildness / 8):
                text += self.random.choice(["nonsense\n", "  deeper\n", "=1\n", "[\n", "[]\n", "[x\n", "unknown=1\n", " [y]\n", "\x0b z\n"])
        return text

    def sections(self):
        names = self.random.sample(["a", "b", "web", "x-1", "c.d", "Q"], self.random.randint(0, 4))
        if self.chance(self.wildness):
            names.append(self.random.choice(["", "a b", "a:b", " s ", "a/b", "a"]))
        kinds = {"program": (PROGRAM, ("command",)), "eventlistener": (LISTENER, ("command", "events")), "fcgi-program": (FCGI, ("command", "socket"))}
        text = []
        for name in names:
            kind = self.random.choice(["program"] * 6 + ["eventlistener", "fcgi-program"])
            keys, required = kinds[kind]
            body = self.section("%s:%s" % (kind, name), keys, required)
            if re.search(r"(?im)^numprocs *[=:]", body) and self.chance(0.9):
                body += "process_name=%(program_name)s_%(process_num)02d\n"
            text.append(body)
        if names and self.chance(0.3):
            members = self.random.sample(names, self.random.randint(1, len(names)))
            if self.chance(self.wildness):
                members.append(self.random.choice(["nope", "", "%(here)s"]))
            group = {"programs": [",".join(members)], "priority": INTEGERS}
            text.append(self.section("group:" + self.random.choice(["g", "h", "a"]), group, ("programs",)))
        if self.chance(0.3):
            text.append(self.section("unix_http_server", UNIX, ("file",)))
        if self.chance(0.2):
            text.append(self.section(self.random.choice(["inet_http_server", "inet_http_server:x"]), INET, ("port",)))
        if self.chance(0.2):
            text.append(self.section("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": FACTORY[:1] if self.chance(0.8) else FACTORY}, ("supervisor.rpcinterface_factory",)))
        if self.chance(0.1):
            text.append(self.section("DEFAULT", {key: PROGRAM[key] for key in self.random.sample(sorted(PROGRAM), 3)}))
        if self.chance(0.1):
            text.append("[unknown]\na=1\n")
        self.random.shuffle(text)
        return text

    def files(self):
        main = [self.section("supervisord", DAEMON)] if not self.chance(self.wildness / 10) else []
        files = {}
        if self.chance(0.25):
            patterns = self.random.choice(["conf.d/*.conf", "conf.d/[ab].conf", "%(here)s/%(ENV_D)s/?.conf", "nope/*.conf conf.d/b.conf", "conf.d/*.conf\n  sub/*.conf"])
            main.append("[include]\nfiles=%s\n" % patterns)
            for name in ("conf.d/a.conf", "conf.d/b.conf", "sub/c.conf"):
                files[name] = "".join(self.sections())
        main += self.sections()
        self.random.shuffle(main)
        files["s.conf"] = "".join(main)
        return files


def explained(files, reference_says, ours):
    """Whether a difference is one of those we want, or beyond what can be compared."""
    said = reference_says.get("stderr", "")
    text = "".join(files.values())
    warned = " ".join(message for _, message in ours.get("messages", []))
    checks = [
        # A bare %s gives the table of all names there.
        "a percent sign without a name" in warned,
        # Values expanded twice, where the second time fails.
        re.search(r"for '(environment|std(out|err)_logfile)' is badly formatted", said) and ("settings" in ours or "%%" in text or "ENV_P" in text),
        # \" within quotes.
        '\\"' in text and re.search("Unexpected end of key/value pairs|No closing quotation", said),
        # A Python tuple instead of a sentence.
        "('Bad socket format" in said or "('Unix socket path" in said,
        # Plug-ins are Python code.
        "cannot be resolved within" in said and "it is Python code" in ours.get("error", ""),
        # The arguments of the RPC interface are looked at when the servers are opened, which is later than this.
        "settings" in reference_says and ours.get("error", "").startswith("Could not make "),
        # Ports beyond 65535 cannot be bound.
        "tcp://h:99999" in text and "Bad socket format" in ours.get("error", ""),
        "Traceback" in said,
    ]
    return any(checks)


def same(reference_says, ours):
    if "settings" not in reference_says:
        words = reference_says["stderr"]
        if not words.startswith("Error: "):
            return False
        return "error" in ours and words[len("Error: "):].startswith(ours["error"] + "\nFor help, use ")
    if reference_says["settings"] != ours.get("settings"):
        return False
    wanted = []
    for message in reference_says["messages"]:
        if message not in wanted:
            wanted.append(message)
    return [message for message in ours["messages"] if message in wanted] == wanted


def lay_out(files, directory):
    shutil.rmtree(directory, ignore_errors=True)
    for name in ("conf.d", "sub"):
        os.makedirs(os.path.join(directory, name))
    for name, text in files.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8", newline="") as out:
            out.write(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--probe", default=os.path.join(HERE, "../../../target/debug/config-probe"))
    args = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="visor-config-fuzz-")
    probe = subprocess.Popen([args.probe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    counts = {"accepted": 0, "refused": 0, "explained": 0}
    for number in [args.only] if args.only is not None else range(args.first, args.cases):
        files = Generator("%d/%d" % (args.seed, number)).files()
        lay_out(files, directory)
        says = reference.ask("supervisord", ["-c", "s.conf"], directory, ENVIRONMENT)
        question = {"directory": directory, "path": "s.conf", "environment": ENVIRONMENT}
        probe.stdin.write(json.dumps(question) + "\n")
        probe.stdin.flush()
        ours = json.loads(probe.stdout.readline())
        if same(says, ours):
            counts["accepted" if "settings" in says else "refused"] += 1
        elif explained(files, says, ours):
            counts["explained"] += 1
        else:
            for name, text in sorted(files.items()):
                print("--- %s\n%s" % (name, text))
            texts = [json.dumps(answer, indent=1, sort_keys=True).split("\n") for answer in (says, ours)]
            print("\n".join(difflib.unified_diff(*texts, "reference", "ours", n=2, lineterm="")))
            print("seed %d, case %d differs" % (args.seed, number))
            sys.exit(1)
    probe.stdin.close()
    probe.wait()
    shutil.rmtree(directory)
    print("%d cases without an unexplained difference: %s" % (sum(counts.values()), counts))


if __name__ == "__main__":
    main()
