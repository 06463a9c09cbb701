# SPDX-License-Identifier: Apache-2.0
# VARIANTS: refcount cycle captures_session detach at_exit at_exit_off report
import gc
import os
import subprocess
import socket
import sys
import weakref
from common import REC, Session, settle, variant

V = variant("refcount")
if V in ("at_exit", "at_exit_off"):
    prog = r'''
import weakref, os, sys
class S(object):
    def __del__(self, _w=os.write): _w(1, b"__del__\n")
s = S()
f = weakref.finalize(s, os.write, 1, b"finalize callback\n")
%s
import atexit
atexit.register(os.write, 1, b"atexit registered after finalize\n")
os.write(1, b"end of main\n")
''' % ("f.atexit = False" if V == "at_exit_off" else "")
    out = subprocess.check_output([sys.executable, "-c", prog], stderr=subprocess.STDOUT)
    REC.mark("exit order", alive={}, order=out.decode().splitlines())
    REC.emit()
    sys.exit(0)
settle()
if V == "report":
    def check_remote():
        socket._intenum_converter(0, socket.SocketKind)
        r = Session()
        return r
    s = check_remote()
else:
    s = Session()
if V == "cycle":
    s.me = s
if V == "captures_session":
    f = weakref.finalize(s, s.close)             # the classic mistake: the callback holds the object
else:
    f = weakref.finalize(s, REC.event, "finalize callback")
    f.atexit = False
REC.mark("finalize registered", refcount=sys.getrefcount(s), finalizer_alive=f.alive)
if V == "detach":
    f.detach()
    REC.mark("f.detach()", finalizer_alive=f.alive)
del s
REC.mark("del s", finalizer_alive=f.alive)
REC.mark("gc.collect()", collected=gc.collect(), finalizer_alive=f.alive)
if V == "captures_session":
    f.detach()
    REC.mark("f.detach() result dropped", finalizer_alive=f.alive)
REC.emit()
