# SPDX-License-Identifier: Apache-2.0
"""Makes getaddrinfo answer as on Windows: where no kind of socket was asked for, each kind is 0.

There it does so by itself. Elsewhere the C function that socket.getaddrinfo calls is put behind one that
leaves the kind out. Nothing above it knows the difference."""
import _socket


def install():
    resolve = _socket.getaddrinfo

    def getaddrinfo(host, port, family=0, type=0, proto=0, flags=0):
        found = resolve(host, port, family, type, proto, flags)
        if type != 0:
            return found
        answers = []
        for family, _, proto, name, address in found:
            if (family, 0, proto, name, address) not in answers:
                answers.append((family, 0, proto, name, address))
        return answers

    _socket.getaddrinfo = getaddrinfo
