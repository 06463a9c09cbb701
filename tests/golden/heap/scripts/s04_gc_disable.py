# SPDX-License-Identifier: Apache-2.0
# VARIANTS: report cycle
import gc
import socket
import sys
from common import REC, Session, settle, variant

V = variant("report")


class Node(object):
    __slots__ = ("x",)


def check_remote():
    socket._intenum_converter(0, socket.SocketKind)
    r = Session()
    return r


settle()
gc.disable()
if V == "report":
    r = check_remote()
else:
    r = Session()
    r.on_close = r.close
REC.mark("session made, gc disabled", refcount=sys.getrefcount(r))
del r
REC.mark("del r")
keep = [Node() for i in range(100000)]
REC.mark("100000 kept allocations", gc_count=list(gc.get_count())[1:], count0_at_least_100000=gc.get_count()[0] >= 100000)
del keep
gc.enable()
REC.mark("gc.enable() alone")
gc.disable()
REC.mark("gc.collect(0) while disabled", collected=gc.collect(0))
REC.emit()
