# SPDX-License-Identifier: Apache-2.0
# VARIANTS: bound_method function weak_method unset_first order
import gc
import sys
import weakref
from common import REC, Session, settle, variant

V = variant("bound_method")
settle()
s = Session()
if V in ("bound_method", "unset_first", "order"):
    s.on_close = s.close
elif V == "function":
    s.on_close = Session.close
elif V == "weak_method":
    s.on_close = weakref.WeakMethod(s.close)
if V == "order":
    w = weakref.ref(s, lambda _: REC.event("weakref callback"))
REC.mark("s.on_close set", refcount=sys.getrefcount(s))
if V == "unset_first":
    s.on_close = None
    REC.mark("s.on_close = None", refcount=sys.getrefcount(s))
del s
REC.mark("del s")
REC.mark("gc.collect(0)", collected=gc.collect(0))
REC.emit()
