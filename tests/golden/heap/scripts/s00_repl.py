# SPDX-License-Identifier: Apache-2.0
# VARIANTS: report
"""The report's transcript typed into a real interactive interpreter (python -i, statements on
stdin).  'Finish serving' is printed by the session's __del__, as the RPC server does."""
import subprocess
import sys
from common import REC

prog = r'''
import sys
import gc
import socket, _socket
_socket.getaddrinfo = lambda *a, **k: [(2, 0, 0, "", ("127.0.0.1", 9190))]

class Session(object):
    def __del__(self): print("Finish serving")

class Tracker(object):
    def request(self, key): return Session()

def connect_tracker(host, port):
    socket.getaddrinfo(host, port)
    return Tracker()

n = gc.collect()
def check_remote():
    t = connect_tracker("127.0.0.1", 9190)
    r = t.request("test")
    return r

r = check_remote()
print("getrefcount", sys.getrefcount(r))
del r; print("del r done")
print("collect(0) ->", gc.collect(0))
print("collect(1) ->", gc.collect(1))
print("collect(2) ->", gc.collect(2))
exit()
'''
p = subprocess.Popen([sys.executable, "-i", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
out = p.communicate(prog.encode())[0].decode()
lines = [l for l in out.splitlines() if l.strip()]
state = {"session": True}
rc = None
for l in lines:
    if l.startswith("getrefcount"):
        rc = int(l.split()[1])
dead_at = None
idx = [i for i, l in enumerate(lines) if l == "Finish serving"]
order = " / ".join(lines)
REC.mark("REPL transcript", refcount=rc, alive={}, order=lines)
REC.emit()
