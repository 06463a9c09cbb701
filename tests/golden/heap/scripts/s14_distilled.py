# SPDX-License-Identifier: Apache-2.0
# VARIANTS: raise_local raise_local_finally raise_anonymous missing_raises missing_raises_finally returned_exc
"""The enum bug without enum: any frame that raises an exception bound to one of its own locals
and does not unbind it makes a cycle, on every version."""
import gc
import sys
from common import REC, Session, settle, variant

V = variant("raise_local")


def missing():
    raise ValueError("bad")


def convert():
    if V == "raise_local":                    # 3.8.8 / 3.9.0 / 3.10.0 enum: local ve_exc
        ve_exc = ValueError("bad")
        raise ve_exc
    if V == "raise_local_finally":            # 3.8.10 enum
        try:
            ve_exc = ValueError("bad")
            raise ve_exc
        finally:
            ve_exc = None
    if V == "raise_anonymous":                # 3.7.1 enum
        raise ValueError("bad")
    if V == "missing_raises":                 # 3.7.2 enum: local exc
        try:
            exc = None
            missing()
        except Exception as e:
            exc = e
        ve_exc = ValueError("bad2")
        exc.__context__ = ve_exc
        raise exc
    if V == "missing_raises_finally":
        try:
            exc = None
            missing()
        except Exception as e:
            exc = e
        try:
            ve_exc = ValueError("bad2")
            exc.__context__ = ve_exc
            raise exc
        finally:
            exc = None
            ve_exc = None
    if V == "returned_exc":                   # made here, raised by the caller
        return ValueError("bad")


def connect():
    try:
        x = convert()
        if x is not None:
            raise x
    except ValueError:
        pass


def check_remote():
    connect()
    r = Session()
    return r


settle()
r = check_remote()
REC.mark("r = check_remote()", refcount=sys.getrefcount(r))
del r
REC.mark("del r")
REC.mark("gc.collect(0)", collected=gc.collect(0))
REC.emit()
