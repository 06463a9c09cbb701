#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of real TVM for the bench: life TRACKER_PORT CLIENTS, or array TRACKER_PORT BYTES.

Says "ready VERSION"; then each line "go MS" on stdin is a run of at least that long, answered by "COUNT NS":
whole lives of sessions, or bytes copied both ways.
"""

import sys
import threading
import time

import numpy
import tvm
from tvm import rpc

KEY = "bench"


def live_until(tracker, until, counts):
    count = 0
    while count == 0 or time.monotonic_ns() < until:
        session = tracker.request(KEY)
        addone = session.get_function("rpc.test.addone")
        assert addone(5) == 6
        del addone, session
        count += 1
    counts.append(count)


def make_lives(port, clients):
    trackers = [rpc.connect_tracker("127.0.0.1", port) for _ in range(clients)]

    def run(until):
        counts = []
        threads = [threading.Thread(target=live_until, args=(t, until, counts)) for t in trackers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(counts) == clients, "a client has failed"
        return sum(counts)

    return run


def make_array(port, size):
    session = rpc.connect_tracker("127.0.0.1", port).request(KEY)
    data = numpy.full(size, 0x5A, dtype="uint8")
    # Up to v0.21 arrays are made by tvm.nd.
    make = getattr(tvm.runtime, "empty", None) or tvm.nd.empty
    remote = make((size,), "uint8", session.cpu(0))

    def run(until):
        count = 0
        while count == 0 or time.monotonic_ns() < until:
            remote.copyfrom(data)
            back = remote.numpy()
            assert back.nbytes == size and back[-1] == 0x5A
            count += 2 * size
        return count

    return run


def main():
    kind, port, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    run = {"life": make_lives, "array": make_array}[kind](port, number)
    print("ready", tvm.__version__, flush=True)
    for line in sys.stdin:
        began = time.monotonic_ns()
        count = run(began + int(line.split()[1]) * 1_000_000)
        print(count, time.monotonic_ns() - began, flush=True)


main()
