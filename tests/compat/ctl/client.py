"""Runs the reference's supervisorctl many times from one interpreter: a process each, but nothing is imported anew.

Each line of standard input is a JSON object: `words` of the command line, files `stdin`, `stdout` and `stderr`, `directory`. Each is
answered with a line: the exit status.
"""
import json
import os
import sys

from supervisor import supervisorctl


def run(request):
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        os.dup2(os.open(request[name], flags), number)
    os.chdir(request["directory"])
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
    sys.argv = ["supervisorctl", *request["words"]]
    try:
        supervisorctl.main()
        status = 0
    except SystemExit as end:
        status = end.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        run(json.loads(line))
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
