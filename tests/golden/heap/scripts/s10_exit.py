# SPDX-License-Identifier: Apache-2.0
# VARIANTS: global underscore two_globals main_and_import cycle report thread_local atexit_handler builtins_held sys_held os_exit registry_lambda class_attr main_kept order_probe order_probe_kept
"""Interpreter exit with the session still referenced.  Events are written with os.write
captured in a default argument, because module globals may already be gone."""
import os
import subprocess
import sys
from common import REC, variant

V = variant("global")
PRE = r'''
import os, sys, gc, atexit, weakref
gc.disable()
class Session(object):
    def __init__(self, name): self.name = name
    def __del__(self, _w=os.write, _g=globals):
        v = _g().get("os", 0)
        _w(1, ("__del__(%s) main.os=%s\n" % (self.name, "None" if v is None else "gone" if v == 0 else "set")).encode())
atexit.register(lambda _w=os.write: _w(1, b"atexit runs\n"))
'''
BODY = {
    "global": "session = Session('session')\n",
    "underscore": "session = Session('session')\n_session = Session('_session')\n",
    "two_globals": "a = Session('a')\nz = Session('z')\nm = Session('m')\n",
    "main_and_import": "import types\nmod = types.ModuleType('mod'); sys.modules['mod'] = mod\nmod.s = Session('mod.s')\ns = Session('main.s')\ndel mod\n",
    "cycle": "s = Session('cycle'); s.me = s\ndel s\ng = Session('global')\n",
    "report": """
import socket
def check_remote():
    socket._intenum_converter(0, socket.SocketKind)
    r = Session('report')
    return r
r = check_remote()
del r
os.write(1, b'after del r\\n')
""",
    "thread_local": "import threading\ntl = threading.local()\ntl.s = Session('main thread local')\ng = Session('global')\n",
    "atexit_handler": "session = Session('session')\natexit.register(lambda s=session, _w=os.write: _w(1, b'atexit sees session\\n'))\n",
    "builtins_held": "import builtins\nbuiltins.held = Session('builtins.held')\ng = Session('global')\n",
    "sys_held": "sys.held = Session('sys.held')\ng = Session('global')\n",
    "os_exit": "session = Session('session')\nos.write(1, b'os._exit now\\n')\nos._exit(0)\n",
    "registry_lambda": "registry = []\ndef mk():\n    s = Session('captured')\n    registry.append(lambda: s)\nmk()\n",
    "main_kept": "sys.keep = sys.modules['__main__']\nsession = Session('session')\n_session = Session('_session')\nother = Session('other')\n",
    "order_probe": "first = second = None\nsecond = Session('made first, name second')\nfirst = Session('made second, name first')\n",
    "order_probe_kept": "sys.keep = sys.modules['__main__']\nfirst = second = None\nsecond = Session('made first, name second')\nfirst = Session('made second, name first')\n",
    "class_attr": "class Holder(object):\n    s = Session('class attr')\n",
}
out = subprocess.check_output([sys.executable, "-c", PRE + BODY[V] + "os.write(1, b'end of main\\n')\n"], stderr=subprocess.STDOUT)
REC.mark("exit order", alive={}, order=out.decode().splitlines())
REC.emit()
