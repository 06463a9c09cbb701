# SPDX-License-Identifier: Apache-2.0
# VARIANTS: intenum getaddrinfo local_try no_local other_frame rebind_none finally_del two_levels collect_before_del collect_inside tracker_too
"""The report's shape.  Windows returns socket kind 0 from getaddrinfo; Linux does not,
so the C function is replaced by one that returns kind 0 (variant getaddrinfo) or the
converter is called exactly as getaddrinfo calls it (variant intenum)."""
import gc
import socket
import sys
import _socket
from common import REC, Session, settle, variant

V = variant("getaddrinfo")


def fake_getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    return [(socket.AF_INET.value, 0, 0, "", ("127.0.0.1", 9190))]   # kind 0 == what Windows gives


if V != "intenum":
    _socket.getaddrinfo = fake_getaddrinfo      # socket.getaddrinfo looks it up in _socket


class Tracker(object):
    def __init__(self):
        if V == "tracker_too":
            REC.watch("tracker", self)

    def request(self):
        return Session()


def connect():
    if V == "intenum":
        socket._intenum_converter(0, socket.SocketKind)
    elif V == "local_try":
        try:
            socket.SocketKind(0)
        except ValueError:
            pass
    else:
        socket.getaddrinfo("127.0.0.1", 9190)
    return Tracker()


if V == "no_local":
    def check_remote():
        t = connect()
        return t.request()                       # never bound to a local of this frame
elif V == "other_frame":
    def make(t):
        r = t.request()
        return r

    def check_remote():
        t = connect()
        return make(t)                           # bound only in a frame that is no ancestor of connect
elif V == "rebind_none":
    def check_remote():
        t = connect()
        r = t.request()
        box = [r]
        r = None
        return box.pop()
elif V == "finally_del":
    def check_remote():
        t = connect()
        r = t.request()
        try:
            return r
        finally:
            del r
elif V == "collect_inside":
    def check_remote():
        t = connect()
        REC.mark("gc.collect(0) inside check_remote, after connect()", collected=gc.collect(0))
        r = t.request()
        return r
else:
    def check_remote():
        t = connect()
        r = t.request()
        return r

settle()
if V == "two_levels":
    def outer():
        outer_session = Session("outer_session")
        inner = check_remote()
        return inner
    r = outer()
else:
    r = check_remote()
REC.mark("r = check_remote()", refcount=sys.getrefcount(r))
if V == "collect_before_del":
    REC.mark("gc.collect(0) with r still bound", collected=gc.collect(0))
    REC.mark("getrefcount again", refcount=sys.getrefcount(r))
del r
REC.mark("del r")
n = gc.collect(0)
REC.mark("gc.collect(0)", collected=n)
n = gc.collect(1)
REC.mark("gc.collect(1)", collected=n)
n = gc.collect(2)
REC.mark("gc.collect(2)", collected=n)
REC.emit()
