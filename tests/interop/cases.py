# SPDX-License-Identifier: Apache-2.0
"""The cases of the interop matrix. Each is what a user of TVM does with a device farm.

A case gets the world (a tracker, a server) and two client programs, a and b, that are connected to
the tracker under the name T and hold no session. It raises StepFailed when something is not as it
must be; it may return a remark, printed beside its result: something that real TVM itself does
wrong, which is expected of it and of nobody else.
"""
import time

from parts import HOST, lastref_command, query_command, run_command, tvm_version
from processes import StepFailed, wait_until

MEGABYTE = 1048576
CASES = []


def case(title, client=None):
    """Registers a case; |client| names the kind of client it is for, if it is not for both."""

    def register(function):
        CASES.append((title, function, client))
        return function

    return register


def must(condition, text):
    if not condition:
        raise StepFailed(text)


def open_session(client, name="S", timeout=""):
    client.ok(("request %s T test %s" % (name, timeout)).rstrip())


@case("request")
def request(world, a, b):
    must(world.free() == 1, "not free before the request")
    open_session(a)
    must(world.free() == 0, "still free while a session is open")
    a.ok("invoke S rpc.test.addone 1", "i:2")
    a.ok("del S")
    world.wait_free()
    for number in range(5):
        open_session(a)
        a.ok("invoke S rpc.test.addone %d" % number, "i:%d" % (number + 1))
        a.ok("del S")


@case("direct connect is refused without the matchkey")
def mismatch(world, a, b):
    a.fails("connect S %s %d wrong:0.5" % (HOST, world.server_port))
    open_session(a)
    a.ok("invoke S rpc.test.addone 1", "i:2")


@case("functions")
def functions(world, a, b):
    open_session(a)
    a.ok("func F S rpc.test.addone")
    a.ok("call F 41", "i:42")
    a.ok("call F -9000000000", "i:-8999999999")
    a.ok("invoke S rpc.test.addone f:0.25", "f:1.25")
    a.ok("func A S rpc.test.add_to_lhs")
    a.ok("callto B A 10", "function")
    a.ok("callto C A 20", "function")
    a.ok("call B 5", "i:15")
    a.ok("call C 5", "i:25")
    a.ok("del B")
    a.ok("call C 6", "i:26")
    kind, text = a.fails("func X S no.such.function")
    must(kind == "AttributeError" and "no.such.function" in text, "%s: %s" % (kind, text))
    a.ok("call F 1", "i:2")


@case("strings")
def strings(world, a, b):
    open_session(a)
    a.ok("invoke S rpc.test.strcat abc 11", "s:abc:11")
    # Lengths around 7 bytes matter: ffi writes short strings and long ones differently.
    for left, right in (("", ""), ("a", ""), ("abc", "defg"), ("abcd", "efgh"),
                        ("h%C3%A9", "%E6%97%A5%E6%9C%AC"), ("x" * 300, "y%20z")):
        a.ok("invoke S rpc.test.runtime_str_concat s:%s s:%s" % (left, right),
             "s:%s%s" % (left, right))


@case("bytes")
def bytes_(world, a, b):
    open_session(a)
    for left, right in (("00", "ff"), ("0001020304", "0506"), ("00ff" * 20, "0a0d")):
        a.ok("invoke S rpc.test.runtime_str_concat b:%s b:%s" % (left, right),
             "b:" + left + right)


@case("array of 1 MB there and back")
def array(world, a, b):
    open_session(a)
    a.ok("roundtrip S %d 1" % MEGABYTE, str(MEGABYTE))
    a.ok("array X S %d 2" % MEGABYTE)
    a.ok("array Y S 1 3")
    a.ok("read X 2", str(MEGABYTE))
    a.ok("read Y 3", "1")
    # What the comparison is worth: the wrong pattern must be seen.
    kind, _ = a.fails("read X 4")
    must(kind == "Mismatch", "a wrong pattern was taken for the right one")


@case("array outlives the session's name")
def array_holds(world, a, b):
    open_session(a)
    a.ok("array X S 1000 7")
    a.ok("del S")
    a.ok("read X 7", "1000")
    must(world.free() == 0, "requestable again while an array of the session is in use")
    a.ok("del X")
    world.wait_free()


@case("upload and download")
def files(world, a, b):
    open_session(a)
    for name, count in (("a.bin", MEGABYTE), ("empty", 0), ("two%20words", 10)):
        a.ok("upload S %s %d 5" % (name, count))
        a.ok("download S %s %d 5" % (name, count), str(count))
    path = a.ok("workpath S a.bin")
    must(path.startswith("s:") and path.endswith("/a.bin"), "workpath: %s" % path)
    a.ok("remove S a.bin")
    kind, _ = a.fails("download S a.bin")
    must(kind == "RPCError", "a missing file: %s" % kind)
    a.ok("invoke S rpc.test.addone 1", "i:2")
    a.ok("del S")
    world.wait_free()
    open_session(a)
    must(a.fails("download S empty")[0] == "RPCError", "a file outlived its session")


@case("load_module of what is no module")
def load(world, a, b):
    open_session(a)
    a.ok("upload S not.so 100 1")
    kind, text = a.fails("load M S not.so")
    must(kind == "RPCError", "%s: %s" % (kind, text))
    a.ok("invoke S rpc.test.addone 1", "i:2")


@case("remote exception")
def exception(world, a, b):
    open_session(a)
    kind, text = a.fails("invoke S rpc.test.except boom-4711")
    must(kind == "RPCError", "%s: %s" % (kind, text))
    a.ok("invoke S rpc.test.addone 1", "i:2")
    a.ok("del S")
    world.wait_free()
    if "boom-4711" not in text:
        must(world.dialect == "legacy" and world.kinds["server"] == "real",
             "the exception's text was lost: %s" % text)
        return "TVM v0.14 to v0.20 empties the text of an error that a Python function raised"


def released_after_timeout(world, begun):
    world.wait_free(10)
    lasted = time.monotonic() - begun
    must(lasted >= 1.0, "a session with a timeout of 1 s was over after %.2f s" % lasted)


@case("session timeout, idle")
def timeout_idle(world, a, b):
    begun = time.monotonic()
    open_session(a, timeout="1")
    released_after_timeout(world, begun)
    _, text = a.fails("invoke S rpc.test.addone 1")
    a.ok("del S")
    open_session(b)
    b.ok("invoke S rpc.test.addone 1", "i:2")
    return None if "RPCSessionTimeoutError" in text else "the client saw: " + text[-60:]


@case("session timeout, in a call")
def timeout_in_call(world, a, b):
    begun = time.monotonic()
    open_session(a, timeout="1")
    answer = a.step("begin long-call S 8000")
    if answer == "begun": # an end that comes without a word can come before the call
        answer = a.answer("long-call", 15)
    lasted = time.monotonic() - begun
    silent = world.kinds["server"] == "real" and tvm_version(world.dialect) < (0, 13)
    must(answer.startswith("error ") and (silent or "RPCSessionTimeoutError" in answer), answer)
    must(1.0 <= lasted < 8.0, "the call was over after %.2f s" % lasted)
    released_after_timeout(world, begun)
    a.ok("del S")
    open_session(a)
    a.ok("invoke S rpc.test.addone 1", "i:2")
    return "TVM before v0.13 ends a session without an exception" if silent else None


@case("summary")
def summary(world, a, b):
    a.ok("summary T", "test:servers=1,free=1,pending=0")
    open_session(a)
    a.ok("summary T", "test:servers=1,free=0,pending=0")
    b.ok("spawn J request S T test")
    must(wait_until(lambda: world.pending() == 1, 5), "a waiting request is not counted")
    a.ok("summary T", "test:servers=1,free=0,pending=1")
    a.ok("del S")
    b.ok("join J 10")
    b.ok("del S")
    world.wait_free()
    a.ok("summary T", "test:servers=1,free=1,pending=0")


@case("two clients compete for one server")
def competition(world, a, b):
    open_session(a)
    a.ok("invoke S rpc.test.addone 1", "i:2")
    b.ok("spawn J request S T test")
    must(wait_until(lambda: world.pending() == 1, 5), "the second request does not wait")
    must(b.step("join J") == "pending", "the second client was served while the first was")
    a.ok("invoke S rpc.test.addone 2", "i:3")
    a.ok("del S")
    b.ok("join J 10")
    b.ok("invoke S rpc.test.addone 3", "i:4")
    a.ok("spawn J request S T test")
    must(wait_until(lambda: world.pending() == 1, 5), "the first client does not wait again")
    b.ok("del S")
    a.ok("join J 10")
    a.ok("invoke S rpc.test.addone 4", "i:5")


@case("close at once")
def close(world, a, b):
    open_session(a)
    a.ok("func F S rpc.test.addone")
    a.ok("array X S 1000")
    if a.kind == "real" and tvm_version(world.dialect) < (0, 11):
        kind, text = a.fails("close S")
        must(kind == "AttributeError" and "CloseRPCConnection" in text, "%s: %s" % (kind, text))
        return "TVM before v0.11 cannot"
    a.ok("close S")
    world.wait_free()
    a.fails("call F 1")
    a.fails("invoke S rpc.test.addone 1")
    a.ok("del X F S")
    open_session(a)
    a.ok("invoke S rpc.test.addone 1", "i:2")


@case("the query command")
def query(world, a, b):
    status, out, errors = run_command(query_command(
        a.kind, world.dialect, world.tracker_port))
    must(status == 0, "exit status %d: %s" % (status, errors[-200:]))
    for want in (["%s:%d" % (HOST, world.server_port), "server:test"], ["test", "1", "1", "0"]):
        must(want in [line.split() for line in out.splitlines()],
             "no line %r in:\n%s" % (" ".join(want), out))


@case("the call command", client="ours")
def call(world, a, b):
    place = ["--tracker", "%s:%d" % (HOST, world.tracker_port), "--key", world.key]
    for arguments, want in ((["rpc.test.addone", "41"], "42"),
                            (["rpc.test.strcat", "abc", "7"], "abc:7")):
        status, out, errors = run_command([lastref_command(), "call"] + place + arguments)
        must(status == 0, "exit status %d: %s" % (status, errors[-200:]))
        must(want in out, "%s printed %r" % (arguments, out))
        world.wait_free()
    status, out, errors = run_command(
        [lastref_command(), "call"] + place + ["rpc.test.except", "boom"])
    must(status != 0, "a remote exception is no success")
    world.wait_free()
