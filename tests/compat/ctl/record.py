#!/usr/bin/env python3
"""Records what the reference's supervisorctl prints when it talks to the reference's supervisord.

    tests/compat/ctl/record.py [DIRECTORY OF THE REFERENCE'S PROGRAMS] [SESSION...]

Rewrites the recorded lines of the sessions beside this file; README.md describes their format.
"""
import glob
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = """[supervisord]
logfile={dir}/supervisord.log
pidfile={dir}/supervisord.pid
childlogdir={dir}
[unix_http_server]
file={dir}/s.sock
[supervisorctl]
serverurl=unix://{dir}/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
LIMIT_SECONDS = 30


def normal(text, directory, port):
    """Replaces what differs from run to run."""
    text = text.replace(directory, "{dir}").replace(port, "{port}")
    text = re.sub(r"pid \d+, uptime (\d+ days?, )?\d+:\d\d:\d\d", "pid PID, uptime TIME", text)
    text = re.sub(r"^[1-9]\d*$", "PID", text, flags=re.M)
    text = re.sub(r"[A-Z][a-z][a-z] \d\d \d\d:\d\d [AP]M", "DATE", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "STAMP", text)
    # The head is not as long everywhere.
    text = re.sub(r"\[line +\d+\]", "[line N]", text)
    # Behind a Python class the reference names its own source file.
    text = re.sub(r": file: .* line: \d+$", ": file: FILE line: N", text, flags=re.M)
    return re.sub(r"with pid \d+", "with pid PID", text)


class Transport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        import http.client
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.path)
        return connection


class Session:
    def __init__(self, path, programs):
        self.path = path
        self.programs = programs
        self.directory = tempfile.mkdtemp(prefix="visor-ctl-")
        os.chmod(self.directory, 0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        self.daemon = None

    def fill(self, text):
        return text.replace("{dir}", self.directory).replace("{port}", self.port)

    def write_config(self, text):
        with open(self.directory + "/supervisord.conf", "w") as f:
            f.write(self.fill(HEAD + text))

    def rpc(self):
        transport = Transport(self.directory + "/s.sock")
        return xmlrpc.client.ServerProxy("http://localhost", transport).supervisor

    def until(self, what, condition):
        end = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except (OSError, xmlrpc.client.Fault):
                pass
            time.sleep(0.05)
        raise SystemExit(f"{self.path}: {what} did not come about")

    def start(self):
        self.daemon = subprocess.Popen(
            [self.programs + "/supervisord", "-n", "-c", self.directory + "/supervisord.conf"],
            cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.until("the daemon", lambda: self.rpc().getState()["statename"] == "RUNNING")

    def directive(self, words):
        if words[0] == "start":
            self.start()
        elif words[0] == "wait":
            self.until(" ".join(words), lambda: self.rpc().getProcessInfo(words[1])["statename"] == words[2])
        elif words[0] == "gone":
            self.daemon.wait(LIMIT_SECONDS)
        elif words[0] == "file":
            with open(self.fill(words[1]), "w") as f:
                f.write(self.fill("".join(word + "\n" for word in words[2:])))
        else:
            raise SystemExit(f"{self.path}: unknown directive {words}")

    def run(self, line, options, typed):
        words = shlex.split(self.fill(line))
        if "raw" not in options:
            words = ["-c", self.directory + "/supervisord.conf", *words]
        done = subprocess.run([self.programs + "/supervisorctl", *words], cwd=self.directory, text=True,
                              input=self.fill("".join(t + "\n" for t in typed)), capture_output=True,
                              timeout=120)
        out = normal(done.stdout, self.directory, self.port)
        lines = ["|" + (" " + text if text else "") for text in out.split("\n")[:-1]]
        if "class" in options or "first" in options:
            # The rest is not compared: in ours it has other words.
            lines = lines[:1] if "first" in options else ["| ..."] * bool(out)
        elif out and not out.endswith("\n"):
            lines.append("\\ " + out.rsplit("\n", 1)[-1])
        return lines + [f"= {done.returncode}" + (" stderr" if done.stderr else "")]

    def record(self):
        with open(self.path) as f:
            source = f.read().split("\n")
        result, config, i = [], None, 0
        while i < len(source):
            line = source[i]
            i += 1
            if config is not None:
                result.append(line)
                if line == "%end":
                    self.write_config("".join(text + "\n" for text in config))
                    config = None
                else:
                    config.append(line)
            elif line.startswith("%config"):
                result.append(line)
                config = []
            elif line.startswith("%"):
                result.append(line)
                self.directive(line[1:].split())
            elif line.startswith("$"):
                match = re.fullmatch(r"\$(?:\[([a-z,]*)\])? ?(.*)", line)
                result.append(line)
                typed = []
                while i < len(source) and source[i].startswith("<"):
                    typed.append(source[i][1:].removeprefix(" "))
                    result.append(source[i])
                    i += 1
                while i < len(source) and source[i][:1] in ("|", "=", "\\"):
                    i += 1
                result += self.run(match[2], (match[1] or "").split(","), typed)
            else:
                result.append(line)
        with open(self.path, "w") as f:
            f.write("\n".join(result))

    def end(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(LIMIT_SECONDS)
        shutil.rmtree(self.directory, ignore_errors=True)


def main():
    arguments = sys.argv[1:]
    programs = os.path.join(HERE, "../../../target/reference/bin")
    if arguments and os.path.isdir(arguments[0]):
        programs = arguments.pop(0)
    names = arguments or sorted(glob.glob(HERE + "/*.session"))
    for name in names:
        session = Session(os.path.join(HERE, name), os.path.abspath(programs))
        try:
            session.record()
        finally:
            session.end()
        print("recorded", os.path.basename(name))


if __name__ == "__main__":
    main()
