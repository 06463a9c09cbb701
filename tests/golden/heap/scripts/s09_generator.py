# SPDX-License-Identifier: Apache-2.0
# VARIANTS: del_gen self_cycle close_first exhausted never_started local_plain
"""Generator suspended inside `with session:`."""
import gc
import sys
from common import REC, Session, settle, variant

V = variant("del_gen")


class CM(Session):
    def __enter__(self):
        REC.event("__enter__")
        return self

    def __exit__(self, t, v, tb):
        REC.event("__exit__(%s)" % (t.__name__ if t else None))


def gen(box=None):
    if V == "local_plain":
        s = CM()
        yield 1
        yield 2
        return
    with CM() as s:
        yield 1
        yield 2


def gen_cycle(box):
    me = box                                  # box[0] is this generator: gen -> frame -> me -> gen
    with CM() as s:
        yield 1


settle()
if V == "self_cycle":
    box = []
    g = gen_cycle(box)
    box.append(g)
    del box
else:
    g = gen()
if V != "never_started":
    next(g)
REC.mark("generator suspended", refcount_gen=sys.getrefcount(g))
if V == "exhausted":
    for _ in g:
        pass
    REC.mark("generator exhausted, g still bound")
if V == "close_first":
    g.close()
    REC.mark("g.close()")
del g
REC.mark("del g")
REC.mark("gc.collect(0)", collected=gc.collect(0))
REC.emit()
