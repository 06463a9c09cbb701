# SPDX-License-Identifier: Apache-2.0
# VARIANTS: lambda_registry default_arg weak_registry weakset bound_registry
"""A module-level registry reaches the session: reachable, so no collection ever frees it."""
import gc
import sys
import weakref
from common import REC, Session, settle, variant

V = variant("lambda_registry")
registry = []


def make():
    s = Session()
    if V == "lambda_registry":
        registry.append(lambda: s.close())
    elif V == "default_arg":
        registry.append(lambda s=s: s.close())
    elif V == "weak_registry":
        registry.append(weakref.ref(s))
    elif V == "bound_registry":
        registry.append(s.close)
    elif V == "weakset":
        global registry2
        registry2 = weakref.WeakSet([s])
    return s


settle()
s = make()
REC.mark("s = make()", refcount=sys.getrefcount(s))
del s
REC.mark("del s")
for k in (0, 1, 2):
    REC.mark("gc.collect(%d)" % k, collected=gc.collect(k))
del registry[:]
REC.mark("registry cleared")
REC.emit()
