# SPDX-License-Identifier: Apache-2.0
# VARIANTS: report_auto report_auto_churn report_auto_freelist report_auto_threshold50 report_auto_threshold0 report_collect_then_del oncycle_g0 oncycle_g1 oncycle_g2 oncycle_g2_big explicit_g0 explicit_g1 explicit_g2 promote_while_handling
"""When does the collector run on its own?  Node has one slot, so each instance is exactly one
counted container allocation with no free list; kept instances make the count rise."""
import gc
import socket
import sys
import weakref
from common import REC, Session, settle, variant

V = variant("report_auto")


class Node(object):
    __slots__ = ("x",)


LIMIT = 3000000
dead = [False]
log = []                                    # generations that ran, in order
armed = [False]


def on_gc(phase, info):
    if armed[0] and phase == "start":
        log.append(info["generation"])


def allocate(keep, n):
    """Keep n new Nodes; stop when the session dies.  Returns the number of allocations made."""
    for i in range(n):
        keep[i] = Node()
        if dead[0]:
            return i + 1
    return -1


def churn(n):
    for i in range(n):
        Node()
        if dead[0]:
            return i + 1
    return -1


def churn_list(n):
    for i in range(n):
        x = [i]
        if dead[0]:
            return i + 1
    return -1


def connect():
    socket._intenum_converter(0, socket.SocketKind)


def check_remote():
    connect()
    r = Session()
    return r


def died(_):
    dead[0] = True


def run_alloc(n, how):
    keep = [None] * n
    del log[:]
    count0 = gc.get_count()
    armed[0] = True
    made = allocate(keep, n) if how == "keep" else churn(n) if how == "churn" else churn_list(n)
    armed[0] = False
    runs = {"gen0": log.count(0), "gen1": log.count(1), "gen2": log.count(2)}
    last = log[-1] if log else None
    REC.mark("automatic: %s until death" % how, allocations_until_death=made, gc_count_before=list(count0),
             collections_seen=runs, generation_that_freed_it=last if dead[0] else None)


gc.callbacks.append(on_gc)
REC.fact("threshold", gc.get_threshold())

if V.startswith("report"):
    if V == "report_auto_threshold50":
        gc.set_threshold(50, 10, 10)
    if V == "report_auto_threshold0":
        gc.set_threshold(0)
    big = [None] * 10
    settle()
    r = check_remote()
    w = weakref.ref(r, died)
    REC.mark("r = check_remote()", refcount=sys.getrefcount(r))
    if V == "report_collect_then_del":
        REC.mark("gc.collect(0) with r bound", collected=gc.collect(0), getrefcount_after=sys.getrefcount(r))
    del r
    REC.mark("del r")
    if not dead[0]:
        if V == "report_auto_churn":
            run_alloc(2000000, "churn")
        elif V == "report_auto_freelist":
            run_alloc(2000000, "churn_list")
        elif V == "report_auto_threshold0":
            run_alloc(200000, "keep")
        else:
            run_alloc(20000, "keep")
    REC.mark("gc.collect()", collected=gc.collect())
elif V == "promote_while_handling":
    # the only way the report's cycle can grow old: a collection while the handler is still running
    import enum

    class E(enum.Enum):
        A = 1

        @classmethod
        def _missing_(cls, value):
            gc.collect()
            return None

    def connect2():
        try:
            E(0)
        except ValueError:
            gc.collect(0)                    # the exception is being handled: everything is reachable
            gc.collect(1)

    def check2():
        connect2()
        r = Session()
        return r
    settle()
    r = check2()
    REC.mark("r = check2() (gen0+gen1 collected inside the handler)", refcount=sys.getrefcount(r))
    del r
    REC.mark("del r")
    REC.mark("gc.collect(0)", collected=gc.collect(0))
    REC.mark("gc.collect(1)", collected=gc.collect(1))
    REC.mark("gc.collect(2)", collected=gc.collect(2))
else:
    g = 2 if V == "oncycle_g2_big" else int(V[-1])
    if V == "oncycle_g2_big":
        big = [Node() for i in range(400000)]   # raises long_lived_total: the 25% rule now matters
    settle()
    s = Session()
    s.on_close = s.close                     # the session itself is in the cycle
    w = weakref.ref(s, died)
    REC.mark("s.on_close = s.close", refcount=sys.getrefcount(s))
    if g >= 1:
        gc.collect(0)
        REC.mark("gc.collect(0) while s is bound: session now in gen 1")
    if g >= 2:
        gc.collect(1)
        REC.mark("gc.collect(1) while s is bound: session now in gen 2")
    del s
    REC.mark("del s")
    if V.startswith("explicit"):
        for k in (0, 1, 2):
            REC.mark("gc.collect(%d)" % k, collected=gc.collect(k))
    else:
        run_alloc(LIMIT, "keep")
        REC.mark("gc.collect()", collected=gc.collect())
REC.emit()
