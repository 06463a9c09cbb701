# SPDX-License-Identifier: Apache-2.0
# VARIANTS: getaddrinfo
"""Exactly which objects does the gen-0 collection take?  gc.DEBUG_SAVEALL keeps them in gc.garbage."""
import gc
import socket
import sys
import types
import _socket
from common import REC


class Session(object):
    pass


class Tracker(object):
    def request(self):
        return Session()


def fake_getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    return [(socket.AF_INET.value, 0, 0, "", ("127.0.0.1", 9190))]


_socket.getaddrinfo = fake_getaddrinfo


def connect():
    socket.getaddrinfo("127.0.0.1", 9190)
    return Tracker()


def check_remote():
    t = connect()
    r = t.request()
    return r


gc.collect()
gc.set_debug(gc.DEBUG_SAVEALL)
r = check_remote()
del r
n = gc.collect(0)
gc.set_debug(0)
out = []
for o in gc.garbage:
    if isinstance(o, types.FrameType):
        out.append("frame %s" % o.f_code.co_name)
    elif isinstance(o, types.TracebackType):
        out.append("traceback -> %s:%d" % (o.tb_frame.f_code.co_name, o.tb_lineno))
    elif isinstance(o, (BaseException, tuple, list)):
        out.append("%s %s" % (type(o).__name__, o if isinstance(o, BaseException) else repr(o)[:60]))
    else:
        out.append(type(o).__name__)
REC.mark("gc.collect(0) with DEBUG_SAVEALL", alive={}, collected=n, members=sorted(out))
REC.emit()
