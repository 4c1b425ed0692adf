"""An event listener written as superlance's are, with supervisor.childutils.

For each event it appends one line of JSON (unless it is about a process called "slow") to the file named by its first argument: the event's name, its pool,
whether the header's len was the payload's length in bytes, and the payload as childutils takes it apart.
"""

import json
import os
import sys

from supervisor import childutils


def main(path):
    stdin = sys.stdin
    while True:
        headers, payload = childutils.listener.wait(stdin, sys.stdout)
        name = headers["eventname"]
        record = {
            "name": name,
            "pool": headers["pool"],
            "server": headers["server"],
            "ver": headers["ver"],
            "keys": list(headers),
        }
        if name.startswith(("PROCESS_COMMUNICATION", "PROCESS_LOG", "REMOTE", "PROCESS_GROUP")):
            fields, data = childutils.eventdata(payload)
            record["fields"], record["data"] = fields, data
        else:
            record["fields"] = childutils.get_headers(payload)
        for key in ("pid", "when"):
            if key in record["fields"]:
                record["fields"][key] = key if int(record["fields"][key]) > 0 else "none"
        if record["fields"].get("processname") == "slow":
            childutils.listener.ok(sys.stdout)
            continue
        # Ticks come whenever they come: they have a file of their own, which keeps the last of each.
        tick = name.startswith("TICK")
        with open(path + "." + name if tick else path, "w" if tick else "a") as out:
            out.write(json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n")
        childutils.listener.ok(sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
