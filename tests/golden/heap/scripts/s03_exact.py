# SPDX-License-Identifier: Apache-2.0
# VARIANTS: t700 t100 t700_dies_in_loop
"""Exact trigger point: no gc callback, nothing else allocated between reading the counter and
the loop.  start + n is the value the gen-0 counter had when the collection began."""
import gc
import sys
import weakref
from common import REC, variant

V = variant("t700")
T = {"t700": 700, "t100": 100, "t700_dies_in_loop": 700}[V]


class Node(object):
    __slots__ = ("x",)


class S(object):
    __slots__ = ("me", "__weakref__")


dead = [False]


def died(_):
    dead[0] = True


def measure(keep, idx, get=gc.get_count, collect=gc.collect):
    s = S()
    s.me = s
    w = weakref.ref(s, died)
    collect()
    collect(0)
    s = None                                   # garbage now, but old (gen 2)
    s = S()
    s.me = s                                   # this one stays in gen 0
    w = weakref.ref(s, died)
    dead[0] = False
    s = None
    it = iter(idx)                             # the iterator is a counted container: make it first
    get()                                      # fills the tuple free list
    start = get()[0]
    n = 0
    for i in it:
        keep[i] = Node()
        n += 1
        if dead[0]:
            break
    after = get()[0]
    return start, n, after, w


idx = list(range(5000))
keep = [None] * 5000
gc.set_threshold(T, 10, 10)
if V == "t700_dies_in_loop":
    # a deallocation lowers the counter again: 3 kept + 1 dropped per round -> net +2
    def m2(get=gc.get_count):
        gc.collect()
        s = S()
        s.me = s
        w = weakref.ref(s, died)
        s = None
        it = iter(range(0, 4500, 3))
        get()
        start = get()[0]
        rounds = 0
        for i in it:
            keep[i] = Node()
            keep[i + 1] = Node()
            keep[i + 2] = Node()
            keep[i + 2] = None
            rounds += 1
            if dead[0]:
                break
        return start, rounds, get()[0], w
    start, n, after, w = m2()
    REC.mark("rounds (3 allocations, 1 deallocation each) until death", alive={"session": w() is not None},
             count0_at_start=start, rounds=n, net_count=start + 2 * n, count0_after=after)
else:
    start, n, after, w = measure(keep, idx)
    REC.mark("kept allocations until death, threshold0=%d" % T, alive={"session": w() is not None},
             count0_at_start=start, allocations=n, start_plus_allocations=start + n, count0_after=after)
gc.set_threshold(700, 10, 10)
REC.emit()
