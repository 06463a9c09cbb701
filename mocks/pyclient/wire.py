# SPDX-License-Identifier: Apache-2.0
"""The bytes of the protocol: both planes, both dialects. Standard library alone, CPython 3.6 and newer."""
import json
import struct

TRACKER_MAGIC = 0x0002F271
SERVER_MAGIC = 0x000FF271
SERVER_NO_MATCH = 0x000FF273
PROTOCOL_VERSION = b"0.8.0"
PACKET_BYTES_MAX = 1 << 26
MESSAGE_BYTES_MAX = 1 << 24

# Codes of packets.
SHUTDOWN, INIT_SERVER, CALL_FUNC, RETURN, EXCEPTION = 1, 2, 3, 4, 5
GET_GLOBAL_FUNC, FREE_HANDLE = 9, 10

# Codes of tracker messages.
TRACKER_SUCCESS = 0
TRACKER_REQUEST, TRACKER_SUMMARY = 4, 6


class WireError(OSError):
    """The peer is gone, or what it sent is not of the protocol."""


class RemoteError(RuntimeError):
    """An exception of the server."""


class Handle(int):
    """A value that stands for something on the server."""


class Dialect(object):
    """How one dialect writes a packed sequence: the codes of its types, and where they stand."""

    def __init__(self, name, codes, interleaved):
        self.name = name
        self.codes = codes
        self.kinds = {code: kind for kind, code in codes.items()}
        self.interleaved = interleaved

    def code_of(self, value):
        if value is None:
            return self.codes["null"]
        if isinstance(value, Handle):
            return self.codes["handle"]
        if isinstance(value, int):
            return self.codes["int"]
        if isinstance(value, float):
            return self.codes["float"]
        if isinstance(value, str):
            return self.codes["str"]
        return self.codes["bytes"]

    @staticmethod
    def bytes_of(value):
        if value is None:
            return b""
        if isinstance(value, Handle):
            return struct.pack("<Q", value)
        if isinstance(value, int):
            return struct.pack("<q", value)
        if isinstance(value, float):
            return struct.pack("<d", value)
        data = value.encode("utf-8") if isinstance(value, str) else bytes(value)
        return struct.pack("<Q", len(data)) + data

    def pack(self, *values):
        codes = [struct.pack("<i", self.code_of(value)) for value in values]
        bodies = [self.bytes_of(value) for value in values]
        count = struct.pack("<i", len(values))
        if self.interleaved:
            return count + b"".join(code + body for code, body in zip(codes, bodies))
        return count + b"".join(codes) + b"".join(bodies)

    def unpack(self, data):
        """The values of a whole sequence; what is no sequence of this dialect is a WireError."""
        reader = Reader(data)
        count = reader.number("<i")
        if not 0 <= count <= len(data) // 4:
            raise WireError("a sequence of %d values in %d bytes" % (count, len(data)))
        if self.interleaved:
            values = [self.read_value(reader, reader.number("<i")) for _ in range(count)]
        else:
            codes = [reader.number("<i") for _ in range(count)]
            values = [self.read_value(reader, code) for code in codes]
        if not reader.at_end():
            raise WireError("bytes behind the end of a sequence: the other dialect?")
        return values

    def read_value(self, reader, code):
        kind = self.kinds.get(code)
        if kind == "null":
            return None
        if kind in ("int", "bool"):
            return reader.number("<q")
        if kind == "float":
            return reader.number("<d")
        if kind == "handle":
            return Handle(reader.number("<Q"))
        if kind in ("str", "bytes"):
            data = reader.take(reader.number("<Q"))
            return data.decode("utf-8", "replace") if kind == "str" else data
        raise WireError("a value of type %d: the other dialect?" % code)


class Reader(object):
    """Takes numbers and bytes from the front of a packet."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise WireError("a packet ends within a value: the other dialect?")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, layout):
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def at_end(self):
        return self.at == len(self.data)


LEGACY = Dialect("legacy", {"int": 0, "float": 2, "handle": 3, "null": 4, "str": 11, "bytes": 12},
                 interleaved=False)
FFI = Dialect("ffi", {"null": 0, "int": 1, "bool": 2, "float": 3, "handle": 4, "str": 8, "bytes": 9},
              interleaved=True)
DIALECTS = {"legacy": LEGACY, "ffi": FFI}

# The types of a function as a result; the legacy one is said too when its handle is freed.
FUNCTION_CODES = {"legacy": 10, "ffi": 68}


def receive_exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(min(count - len(data), 65536))
        if not more:
            raise WireError("the peer has closed the connection")
        data += more
    return data


def receive_number(sock, layout="<i"):
    return struct.unpack(layout, receive_exactly(sock, struct.calcsize(layout)))[0]


# ---- tracker -------------------------------------------------------------------------------------


def greet_tracker(sock):
    sock.sendall(struct.pack("<i", TRACKER_MAGIC))
    magic = receive_number(sock)
    if magic != TRACKER_MAGIC:
        raise WireError("this is no tracker: it said %#x" % magic)


def ask_tracker(sock, *message):
    data = json.dumps(message).encode("utf-8")
    sock.sendall(struct.pack("<i", len(data)) + data)
    size = receive_number(sock)
    if not 0 < size <= MESSAGE_BYTES_MAX:
        raise WireError("a tracker message of %d bytes" % size)
    return json.loads(receive_exactly(sock, size).decode("utf-8"))


# ---- server --------------------------------------------------------------------------------------


def greet_server(sock, key):
    """The client's half of the handshake; returns the server's key."""
    data = key.encode("utf-8")
    sock.sendall(struct.pack("<ii", SERVER_MAGIC, len(data)) + data)
    answer = receive_number(sock)
    if answer != SERVER_MAGIC:
        raise WireError("the server refuses %r: %s" % (
            key, "no match" if answer == SERVER_NO_MATCH else "%#x" % answer))
    size = receive_number(sock)
    if not 0 <= size <= MESSAGE_BYTES_MAX:
        raise WireError("a key of %d bytes" % size)
    return receive_exactly(sock, size).decode("utf-8", "replace")


def send_packet(sock, code, body=b""):
    sock.sendall(struct.pack("<Qi", len(body) + 4, code) + body)


def receive_packet(sock):
    """The (code, body) of the next packet that is not empty."""
    size = 0
    while size == 0:
        size = receive_number(sock, "<Q")
    if not 4 <= size <= PACKET_BYTES_MAX:
        raise WireError("a packet of %d bytes" % size)
    data = receive_exactly(sock, size)
    return struct.unpack("<i", data[:4])[0], data[4:]


def ask_server(sock, dialect, code, body):
    """Sends a packet; the values of its Return. An Exception is raised."""
    send_packet(sock, code, body)
    answer, data = receive_packet(sock)
    if answer == RETURN:
        return dialect.unpack(data)
    if answer == EXCEPTION:
        raise RemoteError(str(dialect.unpack(data)[0]))
    raise WireError("a packet with code %d where a return was due" % answer)


def init_server(sock, dialect):
    version = struct.pack("<Q", len(PROTOCOL_VERSION)) + PROTOCOL_VERSION
    # A server of the other dialect answers with the other null.
    ask_server(sock, dialect, INIT_SERVER, version + dialect.pack())
