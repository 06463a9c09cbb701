# SPDX-License-Identifier: Apache-2.0
# VARIANTS: refcount cycle
"""__del__ puts self back into a global.  PEP 442: __del__ runs once only."""
import gc
import sys
import weakref
from common import REC, settle, variant

V = variant("refcount")
saved = []
cb = []


class S(object):
    def __del__(self):
        REC.event("__del__")
        saved.append(self)


settle()
s = S()
if V == "cycle":
    s.me = s
w = weakref.ref(s, lambda _: REC.event("weakref callback"))


def mark(label, **kw):
    REC.mark(label, alive={"reachable_from_saved": bool(saved), "weakref": w() is not None}, **kw)


mark("s created", refcount=sys.getrefcount(s))
del s
mark("del s")
mark("gc.collect()", collected=gc.collect())
mark("gc.collect() again", collected=gc.collect())
if saved:
    w2 = weakref.ref(saved[0], lambda _: REC.event("second weakref callback"))
    saved.pop()
    mark("saved.pop() (drop the resurrected object)", second_weakref=w2() is not None)
    mark("gc.collect()", collected=gc.collect(), second_weakref=w2() is not None)
REC.emit()
