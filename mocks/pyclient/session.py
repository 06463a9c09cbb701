# SPDX-License-Identifier: Apache-2.0
"""Sessions with the lifetime that TVM's Python client gives them.

Nothing but the last reference ends a session: there is no close() and no scope. The tracker is reached
through socket.getaddrinfo, in as many frames as TVM has between its connect_tracker and the library;
the server is not, as TVM connects to it in native code.
"""
import socket
import time

import wire

REQUEST_TRIES = 5
CONNECT_PAUSE_SECONDS = 0.5


def address_family(address):
    """Where the defective enum raises: getaddrinfo makes each kind that it finds an enum, a kind of 0
    is none, and the ValueError is handled within the socket module."""
    found = socket.getaddrinfo(address[0], address[1], 0, 0, socket.IPPROTO_TCP)
    return found[0][0]


def connect_with_retry(address, timeout=10):
    began = time.time()
    while True:
        try:
            sock = socket.socket(address_family(address), socket.SOCK_STREAM)
            sock.connect(address)
            return sock
        except OSError:
            if time.time() - began > timeout:
                raise
            time.sleep(CONNECT_PAUSE_SECONDS)


def connect_native(host, port):
    """As code that is not Python's does: the socket module resolves a numeric host by itself."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


class Session(object):
    """A session at a server, from its handshake to its last reference.

    Its connection is a mere number, as TVM's is native: a socket object would be garbage together with the
    session, and might be finalized, and so closed, before Shutdown could be said on it."""

    ended = []  # the names of those that have ended, in order

    def __init__(self, sock, dialect):
        self.name = None  # its keeper's
        self.dialect = dialect
        self.family = int(sock.family)
        self.descriptor = sock.detach()

    def __del__(self):
        with self.borrow() as sock:
            try:
                wire.send_packet(sock, wire.SHUTDOWN)
            except OSError:
                pass  # the server was quicker
        self.ended.append(self.name)

    def borrow(self):
        return socket.socket(self.family, socket.SOCK_STREAM, 0, self.descriptor)

    def ask(self, code, body):
        sock = self.borrow()
        try:
            return wire.ask_server(sock, self.dialect, code, body)
        finally:
            sock.detach()

    def get_function(self, name):
        handle = self.ask(wire.GET_GLOBAL_FUNC, self.dialect.pack(name))[0]
        if not handle:
            raise AttributeError("the server has no function %r" % name)
        return Function(self, handle)


class Function(object):
    """A remote function: a reference to its session, too."""

    def __init__(self, session, handle):
        self.session = session
        self.handle = handle

    def __call__(self, *values):
        pack = self.session.dialect.pack
        body = wire.struct.pack("<Q", self.handle) + pack(*values)
        kind, result = (self.session.ask(wire.CALL_FUNC, body) + [None])[:2]
        if kind == wire.FUNCTION_CODES[self.session.dialect.name]:
            return Function(self.session, result)
        return result

    def __del__(self):
        session = self.session
        words = [wire.Handle(self.handle)]
        if session.dialect is wire.LEGACY:
            words.append(wire.FUNCTION_CODES["legacy"])
        try:
            session.ask(wire.FREE_HANDLE, session.dialect.pack(*words))
        except (OSError, wire.RemoteError):
            pass  # with its session goes the function


def connect(host, port, key, dialect, session_timeout=0):
    """A session straight from a server."""
    sock = connect_native(host, port)
    try:
        option = " -timeout=%s" % session_timeout if session_timeout else ""
        wire.greet_server(sock, "client:" + key + option)
        wire.init_server(sock, dialect)
    except BaseException:
        sock.close()
        raise
    return Session(sock, dialect)


class TrackerSession(object):
    """A connection to a tracker."""

    def __init__(self, address, dialect):
        self.address = address
        self.dialect = dialect
        self.sock = None
        self.connect()

    def __del__(self):
        self.disconnect()

    def connect(self):
        self.sock = connect_with_retry(self.address)
        wire.greet_tracker(self.sock)

    def disconnect(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def ask(self, *message):
        answer = wire.ask_tracker(self.sock, *message)
        if not isinstance(answer, list) or answer[0] != wire.TRACKER_SUCCESS:
            raise wire.WireError("the tracker answers %r" % (answer,))
        return answer[1]

    def summary(self):
        return self.ask(wire.TRACKER_SUMMARY)["queue_info"]

    def request(self, key, session_timeout=0):
        """A session from the next free server of |key|; waits as long as it takes."""
        tries = 0
        while True:
            tries += 1
            try:
                if self.sock is None:
                    self.connect()
                host, port, matchkey = self.ask(wire.TRACKER_REQUEST, key, "", 1)
                return connect(host, port, matchkey, self.dialect, session_timeout)
            except OSError:
                self.disconnect()
                if tries == REQUEST_TRIES:
                    raise


def connect_tracker(host, port, dialect):
    return TrackerSession((host, port), dialect)
