#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real TVM server, with a few functions that a plain one lacks.

    tvm_server.py HOST PORT KEY [TRACKER_HOST:TRACKER_PORT]

Takes exactly PORT (0: a free one), and answers on stdout with `ready PORT` when it listens; that is
after its registration was begun, so wait for the key at the tracker. Ends at the end of stdin, and
takes its worker with it. Where none of the functions below is needed,
`python -m tvm.exec.rpc_server --host H --port P --port-end P+1 --tracker H:P --key K` does as well.

    lastref.sleep SECONDS       sleeps in the session's process, in one go; returns SECONDS
    lastref.pid                 the session's process
    lastref.exit STATUS         ends the session's process at once
    lastref.length BYTES        the number of bytes that came

The server is three processes: this one, TVM's worker (which listens) and one a session, forked. A
signal to this program does not end the worker: start it in a group of its own and kill the group.
"""
import os
import socket
import sys

from tvm import rpc


def register_functions():
    # Runs in TVM's worker, to which this function travels pickled: what it needs, it imports.
    import os as worker_os
    import time

    import tvm as worker_tvm

    register = getattr(worker_tvm, "register_global_func", None) or worker_tvm.register_func

    def sleep(seconds):
        time.sleep(seconds)
        return seconds

    register("lastref.sleep", sleep)
    register("lastref.pid", worker_os.getpid)
    register("lastref.exit", lambda status: worker_os._exit(status))
    register("lastref.length", lambda data: len(data))


def free_port(host):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def main(arguments):
    if len(arguments) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    host, port, key = arguments[0], int(arguments[1]), arguments[2]
    port = port or free_port(host)
    tracker = None
    if len(arguments) == 4:
        tracker_host, _, tracker_port = arguments[3].rpartition(":")
        tracker = (tracker_host, int(tracker_port))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    server = rpc.Server(host, port, port + 1, tracker_addr=tracker, key=key,
                        server_init_callback=register_functions)
    answers.write("ready %d\n" % server.port)
    while sys.stdin.readline():
        pass
    server.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
