# SPDX-License-Identifier: Apache-2.0
# VARIANTS: worker_local worker_frame main_local dead_thread_exception
import gc
import sys
import threading
from common import REC, Session, settle, variant

V = variant("worker_local")
tl = threading.local()
go, ready = threading.Event(), threading.Event()


def worker():
    if V == "worker_local":
        tl.session = Session()
    else:
        s = Session()
    ready.set()
    go.wait()


settle()
if V in ("worker_local", "worker_frame"):
    t = threading.Thread(target=worker)
    t.start()
    ready.wait()
    REC.mark("worker running, session held by the worker")
    REC.mark("gc.collect() in main thread", collected=gc.collect())
    go.set()
    t.join()
    REC.mark("worker joined (thread object t still bound)")
elif V == "main_local":
    tl.session = Session()
    REC.mark("tl.session = Session() in the main thread", refcount=sys.getrefcount(tl.session))
    REC.mark("gc.collect()", collected=gc.collect())
    del tl
    REC.mark("del tl (the local object itself goes)")
elif V == "dead_thread_exception":
    seen = []

    def hook(*a):
        pass
    if hasattr(threading, "excepthook"):
        threading.excepthook = hook
    else:
        sys.stderr = open("/dev/null", "w")

    def bad():
        s = Session()
        raise ValueError("in thread")
    t = threading.Thread(target=bad)
    t.start()
    t.join()
    REC.mark("thread died with an uncaught exception, joined")
REC.emit()
