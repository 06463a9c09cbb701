# SPDX-License-Identifier: Apache-2.0
# VARIANTS: max_seen freelist_kept freelist_drop noncontainer container_drop members_s01 members_s06
"""Direct checks of counter rules that other scripts only imply.  max_seen reads the counter itself
after every kept allocation: the largest value ever readable is the last one before a collection,
so no offset from the script's own bookkeeping enters."""
import gc
import sys
import types
from common import REC, variant

V = variant("max_seen")


class Node(object):
    __slots__ = ("x",)


def max_seen(T, keep, get=gc.get_count):
    gc.set_threshold(T, 10, 10)
    gc.collect()
    hi = 0
    for i in range(3 * T):
        keep[i] = Node()
        c = get()[0]
        if c > hi:
            hi = c
    gc.set_threshold(700, 10, 10)
    return hi


def delta(kind, get=gc.get_count):
    keep = [None] * 100
    a, b = get(), get()                      # warm the tuple free list
    del a, b
    if kind == "freelist_kept":              # 60 lists dropped into the free list, then 50 taken from it
        tmp = [[] for _ in range(60)]
        del tmp
        c0 = get()[0]
        for i in range(50):
            keep[i] = []
        return get()[0] - c0
    if kind == "freelist_drop":              # 40 live lists dropped: do they lower the counter?
        for i in range(40):
            keep[i] = []
        c0 = get()[0]
        for i in range(40):
            keep[i] = None
        return get()[0] - c0
    if kind == "noncontainer":
        c0 = get()[0]
        for i in range(50):
            keep[i] = float(i) + 0.5
        return get()[0] - c0
    if kind == "container_drop":
        for i in range(50):
            keep[i] = Node()
        c0 = get()[0]
        for i in range(50):
            keep[i] = None
        return get()[0] - c0


def names():
    out = []
    for o in gc.garbage:
        if isinstance(o, types.FrameType):
            out.append("frame " + o.f_code.co_name)
        elif isinstance(o, types.TracebackType):
            out.append("traceback -> " + o.tb_frame.f_code.co_name)
        else:
            out.append(type(o).__name__)
    return sorted(out)


class Session(object):
    def __init__(self):
        self.name = "session"

    def close(self):
        pass


def boom():
    raise ValueError("boom")


def f01():
    s = Session()
    try:
        boom()
    except ValueError as e:
        saved = e
    return s


if V == "max_seen":
    for T in (100, 300, 700):
        REC.mark("largest count0 ever readable, threshold0=%d" % T, alive={}, max_count0=max_seen(T, [None] * 2100))
elif V.startswith("members"):
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    if V == "members_s01":
        r = f01()
    else:
        r = Session()
        r.on_close = r.close
    del r
    n = gc.collect(0)
    gc.set_debug(0)
    REC.mark("gc.collect(0) with DEBUG_SAVEALL", alive={}, collected=n, members=names())
else:
    gc.collect()
    gc.disable()
    REC.mark("change of count0: " + {"freelist_kept": "50 lists kept, taken from the free list",
             "freelist_drop": "40 live lists dropped", "noncontainer": "50 floats kept",
             "container_drop": "50 live Nodes dropped"}[V], alive={}, delta=delta(V))
REC.emit()
