"""Asks the reference (supervisor 4.3.0) what a configuration means.

`ask` runs in a child process, so that every question meets a fresh reference: it gives the settings that came of a
configuration, or what the reference said and its exit status. Run with the reference's own interpreter.
"""

import grp
import io
import json
import os
import pwd
import socket
import sys
import tempfile
import traceback

from supervisor import datatypes, events, options


def mode(number):
    return None if number is None else "%04o" % (number & 0o7777)


def user(uid):
    return None if uid is None else pwd.getpwuid(uid).pw_name


def owner(pair):
    if pair is None or pair == (-1, -1):
        return None
    return str(pair[0]) if pair[1] == -1 else "%d:%d" % pair


def log(value):
    if value is datatypes.Automatic:
        return "AUTO"
    return "NONE" if value is None else value


def count(number):
    """Numbers that count something; 64 bits are enough for everybody, and less than nothing is nothing."""
    return max(0, min(number, 2**64 - 1))


def whole(number):
    return max(-(2**63), min(number, 2**63 - 1))


def small(number):
    return max(0, min(number, 2**32 - 1))


RESTART = {
    datatypes.RestartUnconditionally: "true",
    False: "false",
    datatypes.RestartWhenExitUnexpected: "unexpected",
}


def process(config):
    settings = {
        "name": config.name,
        "command": config.command,
        "priority": whole(config.priority),
        "autostart": config.autostart,
        "startsecs": whole(config.startsecs),
        "startretries": whole(config.startretries),
        "autorestart": RESTART[config.autorestart],
        "exitcodes": config.exitcodes,
        "stopsignal": int(config.stopsignal),
        "stopwaitsecs": whole(config.stopwaitsecs),
        "stopasgroup": config.stopasgroup,
        "killasgroup": config.killasgroup,
        "user": user(config.uid),
        "directory": config.directory,
        "umask": mode(config.umask),
        "serverurl": config.serverurl or None,
        "environment": config.environment,
        "redirect_stderr": config.redirect_stderr,
    }
    for stream in ("stdout", "stderr"):
        def get(key):
            return getattr(config, "%s_%s" % (stream, key))

        settings[stream + "_logfile"] = log(get("logfile"))
        settings[stream + "_logfile_maxbytes"] = count(get("logfile_maxbytes"))
        settings[stream + "_logfile_backups"] = small(get("logfile_backups"))
        settings[stream + "_capture_maxbytes"] = count(get("capture_maxbytes"))
        settings[stream + "_events_enabled"] = get("events_enabled")
        settings[stream + "_syslog"] = get("syslog")
    return settings


def event_name(kind):
    return [name for name, known in vars(events.EventTypes).items() if known is kind][0]


def group(config):
    settings = {"name": config.name, "kind": "plain", "priority": whole(config.priority)}
    if isinstance(config, options.EventListenerPoolConfig):
        settings["kind"] = "eventlistener"
        settings["buffer_size"] = small(config.buffer_size)
        settings["events"] = sorted(event_name(kind) for kind in config.pool_events)
    if isinstance(config, options.FastCGIGroupConfig):
        sock = config.socket_config
        settings["kind"] = "fcgi"
        settings["socket"] = sock.url
        settings["socket_backlog"] = sock.get_backlog()
        if sock.url.startswith("unix:"):
            settings["socket_owner"] = owner(sock.get_owner())
            settings["socket_mode"] = mode(sock.get_mode())
    # The order within a group is that of (priority, name), and of equal names the last one is used.
    used = {}
    for one in config.process_configs:
        used[one.name] = process(one)
    settings["processes"] = sorted(used.values(), key=lambda one: (one["priority"], one["name"]))
    return settings


def server(config):
    settings = {"section": config["section"], "username": config["username"], "password": config["password"]}
    if config["family"] == socket.AF_INET:
        settings["port"] = "%s:%d" % (config["host"] or "*", config["port"])
    else:
        settings["file"] = config["file"]
        settings["chmod"] = mode(config["chmod"])
        settings["chown"] = owner(config["chown"])
    return settings


LEVELS = {50: "critical", 40: "error", 30: "warn", 20: "info", 10: "debug", 5: "trace", 3: "blather"}


def daemon(found):
    section = found.configroot.supervisord
    groups = {}
    for config in section.process_group_configs:
        # The first of equal names is the one that gets started.
        groups.setdefault(config.name, group(config))
    return {
        "supervisord": {
            "logfile": found.logfile,
            "logfile_maxbytes": count(found.logfile_maxbytes),
            "logfile_backups": small(found.logfile_backups),
            "loglevel": LEVELS[found.loglevel],
            "pidfile": found.pidfile,
            "umask": mode(found.umask),
            "nodaemon": bool(found.nodaemon),
            "silent": bool(found.silent),
            "minfds": count(found.minfds),
            "minprocs": count(found.minprocs),
            "nocleanup": bool(found.nocleanup),
            "childlogdir": found.childlogdir,
            "user": user(found.uid),
            "directory": found.directory,
            "strip_ansi": bool(found.strip_ansi),
            "environment": section.environment,
            "identifier": found.identifier,
        },
        "servers": [server(config) for config in section.server_configs],
        "rpcinterfaces": [name for name, _, _ in section.rpcinterface_factories],
        "groups": list(groups.values()),
    }


def ctl(found):
    section = found.configroot.supervisorctl
    names = ("serverurl", "username", "password", "prompt", "history_file")
    return {name: getattr(section, name) for name in names}


def look(program, args):
    """What the reference makes of `args`: settings and messages, or its words and exit status."""
    found = options.ServerOptions() if program == "supervisord" else options.ClientOptions()
    found.stderr = sys.stderr
    words = io.StringIO()
    stderr, sys.stderr = sys.stderr, words
    try:
        found.progname = program
        found.stderr = words
        found.realize(args)
        if program != "supervisord":
            return {"settings": ctl(found), "messages": []}
        messages = [["crit", text] for text in found.parse_criticals]
        messages += [["warn", text] for text in found.parse_warnings]
        messages += [["info", text] for text in found.parse_infos]
        return {"settings": daemon(found), "messages": messages}
    except SystemExit as why:
        return {"exit": why.code, "stderr": words.getvalue()}
    except BaseException:
        return {"exit": None, "stderr": traceback.format_exc()}
    finally:
        sys.stderr = stderr


def ask(program, args, directory, environment):
    """`look` in a child process with that directory and environment."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(out)
            os.chdir(directory)
            os.environ.clear()
            os.environ.update(environment)
            tempfile.tempdir = None
            answer = json.dumps(look(program, args), sort_keys=True)
            with os.fdopen(into, "w") as pipe:
                pipe.write(answer)
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else {"exit": None, "stderr": "no answer"}


# Kept for callers that want to know which users and groups a recording may name.
ACCOUNTS = {
    "users": {one: [pwd.getpwnam(one).pw_uid, pwd.getpwnam(one).pw_gid] for one in ("root", "daemon", "nobody")},
    "groups": {one: grp.getgrnam(one).gr_gid for one in ("root", "daemon", "nogroup")},
}
