# SPDX-License-Identifier: Apache-2.0
"""Shared recorder for the ground-truth scripts (works on CPython 3.7 .. 3.12)."""
import gc
import json
import sys
import weakref


class Recorder(object):
    def __init__(self):
        self.steps = []
        self.events = []
        self.refs = {}
        self.facts = {}

    def watch(self, name, obj):
        self.refs[name] = weakref.ref(obj)

    def event(self, text):
        self.events.append(text)

    def mark(self, step, refcount=None, collected=None, alive=None, **extra):
        """Record one step.  alive: per watched name, is the object still there?
        (taken from a plain weakref unless the caller overrides it)."""
        if alive is None:
            alive = dict((k, w() is not None) for k, w in self.refs.items())
        d = {"step": step, "alive": alive}
        if refcount is not None:
            d["getrefcount"] = refcount
        if collected is not None:
            d["gc_collect_returned"] = collected
        if self.events:
            d["events"] = self.events
            self.events = []
        d.update(extra)
        self.steps.append(d)

    def fact(self, key, value):
        self.facts[key] = value

    def emit(self):
        out = {"steps": self.steps}
        if self.facts:
            out["facts"] = self.facts
        sys.stdout.write("JSON " + json.dumps(out) + "\n")
        sys.stdout.flush()


REC = Recorder()


class Session(object):
    """Stand-in for the RPC session: __del__ is where the server is told goodbye."""

    def __init__(self, name="session"):
        self.name = name
        REC.watch(name, self)

    def close(self):
        REC.event("close(%s)" % self.name)

    def __del__(self):
        REC.event("__del__(%s)" % self.name)


def variant(default):
    return sys.argv[1] if len(sys.argv) > 1 else default


def settle():
    """Start every script from empty young generations."""
    gc.collect()
    gc.collect()
