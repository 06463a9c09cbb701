# SPDX-License-Identifier: Apache-2.0
# VARIANTS: handler_active handler_left sys_last sys_last_saved_in_frame repl
"""A live traceback outside any cycle: sys.exc_info during a handler, sys.last_traceback after
an uncaught exception in the REPL."""
import gc
import os
import subprocess
import sys
import traceback
from common import REC, Session, settle, variant

V = variant("handler_active")


def f():
    s = Session()
    raise ValueError("boom")


settle()
if V == "handler_active":
    try:
        f()
    except ValueError:
        REC.mark("inside except (exc_info holds the traceback)")
        REC.mark("gc.collect() inside except", collected=gc.collect())
    REC.mark("except clause left")
elif V == "handler_left":
    def g():
        try:
            f()
        except ValueError:
            pass
    g()
    REC.mark("g() returned")
elif V == "sys_last":
    import code
    ns = {"f": f}
    con = code.InteractiveInterpreter(ns)
    con.write = lambda text: None
    con.runsource("f()")                       # uncaught: showtraceback() stores sys.last_*
    REC.mark("uncaught exception in interactive interpreter; sys.last_traceback is %s" % type(sys.last_traceback).__name__)
    REC.mark("gc.collect()", collected=gc.collect())
    sys.last_traceback = None
    REC.mark("sys.last_traceback = None (sys.last_value still set)")
    sys.last_value = None
    REC.mark("sys.last_value = None")
    if hasattr(sys, "last_exc"):
        sys.last_exc = None
        REC.mark("sys.last_exc = None (3.12+)")
elif V == "sys_last_saved_in_frame":
    def h():
        s = Session()
        try:
            raise ValueError("x")
        except ValueError as e:
            sys.last_value = e                 # holder outside, no cycle
        del s                                  # `del` in the frame: the name is unbound
        REC.mark("after `del s` in the frame whose traceback is held")
    h()
    REC.mark("h() returned")
    sys.last_value = None
    REC.mark("sys.last_value = None")
elif V == "repl":
    prog = b"""
import sys, weakref, gc
class S(object): pass

def f():
    s = S()
    globals()['w'] = weakref.ref(s)
    raise ValueError('boom')

f()
print('alive after uncaught', w() is not None)
n = gc.collect()
print('alive after gc.collect()', w() is not None)
1/0
print('alive after next uncaught exception', w() is not None)
"""
    p = subprocess.Popen([sys.executable, "-i", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = p.communicate(prog)[0].decode()
    for line in out.replace(">>> ", "").replace("... ", "").splitlines():
        if line.startswith("alive"):
            k, v = line.rsplit(" ", 1)
            REC.mark("REPL: " + k, alive={"session": v == "True"})
REC.emit()
