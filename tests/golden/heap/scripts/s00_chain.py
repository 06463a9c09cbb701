# SPDX-License-Identifier: Apache-2.0
# VARIANTS: getaddrinfo intenum local_try
"""Who keeps the session alive after `del r`?  Snapshot the whole heap graph with
gc.get_objects()/gc.get_referents() (before any f_locals is touched, because reading
f_locals itself adds an edge), keep only the ancestors of the session, name each edge,
and find the strongly connected components (= the true cycles)."""
import gc
import json
import socket
import sys
import types
import weakref
import _socket
from common import variant

V = variant("getaddrinfo")


def fake_getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
    return [(socket.AF_INET.value, 0, 0, "", ("127.0.0.1", 9190))]


if V != "intenum":
    _socket.getaddrinfo = fake_getaddrinfo


class Session(object):
    pass


class Tracker(object):
    def request(self):
        return Session()


def connect():
    if V == "intenum":
        socket._intenum_converter(0, socket.SocketKind)
    elif V == "local_try":
        try:
            socket.SocketKind(0)
        except ValueError:
            pass
    else:
        socket.getaddrinfo("127.0.0.1", 9190)
    return Tracker()


def check_remote():
    t = connect()
    r = t.request()
    return r


def name(o):
    if isinstance(o, types.FrameType):
        return "frame<%s>" % o.f_code.co_name
    if isinstance(o, types.TracebackType):
        return "traceback<frame=%s,line=%d>" % (o.tb_frame.f_code.co_name, o.tb_lineno)
    if isinstance(o, BaseException):
        return "%s(%s)#%s" % (type(o).__name__, o, "tb" if o.__traceback__ else "no-tb")
    return "%s" % type(o).__name__


def edge(src, dst):
    out = []
    if isinstance(src, types.FrameType):
        if src.f_back is dst:
            out.append("f_back")
        for k, v in src.f_locals.items():
            if v is dst:
                out.append("local %s" % k)
    elif isinstance(src, types.TracebackType):
        if src.tb_frame is dst:
            out.append("tb_frame")
        if src.tb_next is dst:
            out.append("tb_next")
    elif isinstance(src, BaseException):
        for a in ("__traceback__", "__context__", "__cause__"):
            if getattr(src, a) is dst:
                out.append(a)
    elif isinstance(src, dict):
        out.extend("[%r]" % k for k, v in src.items() if v is dst)
    return out or ["?"]


def sccs(nodes, succ):
    index, low, on, st, res, c = {}, {}, set(), [], [], [0]
    sys.setrecursionlimit(10000)

    def go(v):
        index[v] = low[v] = c[0]
        c[0] += 1
        st.append(v)
        on.add(v)
        for w in succ[v]:
            if w not in index:
                go(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            comp = []
            while True:
                w = st.pop()
                on.discard(w)
                comp.append(w)
                if w == v:
                    break
            res.append(comp)
    for v in nodes:
        if v not in index:
            go(v)
    return res


def walk(w):
    objs = gc.get_objects()
    me = id(objs)
    byid = dict((id(o), o) for o in objs if id(o) != me)
    target = id(w())
    parents = {}
    skip = set([me, id(byid), id(sys._getframe()), id(sys._getframe(1)), id(globals()), id(parents)])
    for i, o in byid.items():
        if i in skip:
            continue
        for x in gc.get_referents(o):
            parents.setdefault(id(x), set()).add(i)
    anc, todo = set([target]), [target]
    while todo:
        for p in parents.get(todo.pop(), ()):
            if p not in anc and p not in skip:
                anc.add(p)
                todo.append(p)
    succ = dict((i, [id(x) for x in gc.get_referents(byid[i]) if id(x) in anc]) for i in anc if i in byid)
    return byid, target, anc, parents, succ


gc.collect()
gc.disable()
r = check_remote()
w = weakref.ref(r)
rc = sys.getrefcount(r)
del r
result = {"steps": [{"step": "r = check_remote()", "getrefcount": rc, "alive": {"session": True}},
                    {"step": "del r", "alive": {"session": w() is not None}}], "facts": {}}
if w() is None:
    result["facts"]["chain"] = "session freed at del r: nothing to walk"
    leftover = [name(o) for o in gc.get_objects() if isinstance(o, (types.TracebackType, ValueError))]
    result["facts"]["tracebacks_or_ValueErrors_left"] = leftover
else:
    byid, target, anc, parents, succ = walk(w)
    text = []
    for i in anc:
        for j in succ.get(i, ()):
            for e in edge(byid[i], byid[j]):
                text.append("%s --%s--> %s" % (name(byid[i]), e, name(byid[j])))
    result["facts"]["ancestors_of_session"] = sorted(name(byid[i]) for i in anc if i != target)
    result["facts"]["edges"] = sorted(set(text))
    cyc = [sorted(name(byid[i]) for i in c) for c in sccs(sorted(anc), succ) if len(c) > 1]
    result["facts"]["cycles_scc"] = cyc
    # shortest holder path, walking referrers up from the session
    path, cur, seen = [], target, set([target])
    while True:
        ps = sorted((p for p in parents.get(cur, ()) if p in anc and p not in seen),
                    key=lambda p: (not isinstance(byid[p], types.FrameType), name(byid[p])))
        # prefer the frame reached through f_back that is not the _missing_ side branch
        ps = [p for p in ps if not name(byid[p]).startswith("frame<_missing_")] or ps
        if not ps:
            break
        p = ps[0]
        path.append("%s  is held by  %s  via %s" % (name(byid[cur]), name(byid[p]), "/".join(edge(byid[p], byid[cur]))))
        seen.add(p)
        cur = p
    closing = [name(byid[p]) + " via " + "/".join(edge(byid[p], byid[cur])) for p in parents.get(cur, ()) if p in anc]
    path.append("%s  is held by  %s   <- cycle closes" % (name(byid[cur]), closing))
    result["facts"]["holder_path"] = path
print("JSON " + json.dumps(result))
