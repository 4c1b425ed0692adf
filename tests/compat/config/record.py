"""Records what the reference makes of the configurations in cases.txt, into recorded.json.

    python3 -m venv target/reference && target/reference/bin/pip install supervisor==4.3.0
    target/reference/bin/python tests/compat/config/record.py            # as root on Debian
    target/reference/bin/python tests/compat/config/record.py --check    # compares, writes nothing

tests/tests/config_corpus.rs replays the recording without Python. In cases.txt a case begins with `=== NAME`; lines with
`@` say how it is run, the rest is the configuration `s.conf`, and `--- FILE` begins a further file.

    @args WORDS   further arguments        @env K=V     a variable of the environment     @mkdir DIR   a directory
    @ctl          asks supervisorctl       @raw         files have Python's escapes       @run         really starts it
    @file PATH    the argument of -c

`<dir>` stands for the case's own directory, which is also the current one. Every case that the reference refuses is
also given to its real program, whose words and exit status are what is recorded.
"""

import codecs
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

import reference

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.dirname(sys.executable)
# With a locale of its own, Python adds no variable.
ENVIRONMENT = {"HOME": "/root", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}


def cases():
    """The cases of cases.txt: name to what is to be run."""
    found, name = {}, None
    with open(os.path.join(HERE, "cases.txt"), encoding="utf-8") as text:
        for line in text:
            if line.startswith("=== "):
                name, file = line[4:].strip(), "s.conf"
                assert name not in found, name
                found[name] = {"program": "supervisord", "path": "s.conf", "args": [], "env": {}, "mkdir": [], "run": False, "files": {file: ""}}
                case, raw = found[name], False
            elif name is None or line.startswith("=#"):
                continue
            elif line.startswith("@"):
                word, _, rest = line[1:].strip().partition(" ")
                if word == "args":
                    case["args"] = rest.split()
                elif word == "env":
                    key, _, value = rest.partition("=")
                    case["env"][key] = value
                elif word == "mkdir":
                    case["mkdir"].append(rest)
                elif word == "file":
                    case["path"] = rest
                elif word == "ctl":
                    case["program"] = "supervisorctl"
                elif word == "run":
                    case["run"] = True
                elif word == "raw":
                    case["raw"] = True
                else:
                    raise ValueError(line)
            elif line.startswith("--- "):
                file = line[4:].strip()
                case["files"][file] = ""
            else:
                case["files"][file] += line
    for case in found.values():
        if case.pop("raw", False):
            for file, text in case["files"].items():
                data = codecs.escape_decode(text.replace("\n", "").encode("utf-8"))[0]
                case["files"][file] = data.decode("latin-1")
            case["latin1"] = True
        else:
            case["files"] = {file: text.strip("\n") + "\n" for file, text in case["files"].items()}
    return found


def record(case, directory):
    """Runs one case in `directory`."""
    for name in case["mkdir"]:
        os.makedirs(os.path.join(directory, name))
    for file, text in case["files"].items():
        path = os.path.join(directory, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            text = text.replace("<dir>", directory)
            out.write(text.encode("latin-1" if case.get("latin1") else "utf-8"))
    env = dict(ENVIRONMENT, **{key: value.replace("<dir>", directory) for key, value in case["env"].items()})
    fill = [word.replace("<dir>", directory) for word in ["-c", case["path"]] + case["args"]]
    if case["program"] == "supervisorctl":
        # An action keeps it from opening its shell; reading options does nothing else.
        fill.append("version")
    answer = reference.ask(case["program"], fill, directory, env)
    if "exit" in answer or case["run"]:
        command = [sys.executable, os.path.join(BIN, case["program"])] + fill
        if case["program"] == "supervisord":
            command.append("-n")
        run = subprocess.run(command, cwd=directory, env=env, timeout=20, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        said = run.stderr.replace(os.path.join(BIN, case["program"]), case["program"])
        answer = {"exit": run.returncode, "stderr": said}
    text = json.dumps(answer, ensure_ascii=False)
    return json.loads(text.replace(directory, "<dir>").replace(socket.gethostname(), "<host>"))


def main():
    everything = {"accounts": reference.ACCOUNTS, "cases": {}}
    for name, case in cases().items():
        # Neither too short nor changing: reprs and padding must not depend on the machine.
        directory = os.path.join(tempfile.gettempdir(), "visor-config-case")
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        try:
            everything["cases"][name] = dict(case, recorded=record(case, directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    text = json.dumps(everything, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path = os.path.join(HERE, "recorded.json")
    if "--check" in sys.argv:
        with open(path, encoding="utf-8") as old:
            sys.exit(0 if old.read() == text else "recorded.json is not what the reference says now")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    print(len(everything["cases"]), "cases recorded")


if __name__ == "__main__":
    main()
