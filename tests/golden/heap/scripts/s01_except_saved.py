# SPDX-License-Identifier: Apache-2.0
# VARIANTS: saved_local not_saved saved_cleared saved_elsewhere_frame tb_local
"""except E as e: saved = e, with the session in a local of the same frame."""
import gc
import sys
from common import REC, Session, settle, variant

V = variant("saved_local")


def boom():
    raise ValueError("boom")


def f():
    s = Session()
    if V == "saved_local":
        try:
            boom()
        except ValueError as e:
            saved = e                      # frame f -> saved -> __traceback__ -> tb_frame == frame f
    elif V == "not_saved":
        try:
            boom()
        except ValueError as e:
            pass                           # 'e' is deleted at the end of the clause
    elif V == "saved_cleared":
        try:
            boom()
        except ValueError as e:
            saved = e
        saved.__traceback__ = None
    elif V == "tb_local":
        try:
            boom()
        except ValueError:
            tb = sys.exc_info()[2]
    elif V == "saved_elsewhere_frame":
        g()                                # callee frame makes the cycle; f is only reachable by f_back
    return s


def g():
    try:
        boom()
    except ValueError as e:
        saved = e


settle()
r = f()
REC.mark("r = f()", refcount=sys.getrefcount(r))
del r
REC.mark("del r")
REC.mark("gc.collect(0)", collected=gc.collect(0))
REC.emit()
