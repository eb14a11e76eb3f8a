"""Hostile and unlucky peers: what they do to an endpoint. Each knows SP and nothing else of stated."""

import random
import socket
import struct
import threading

import sp

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close that throws away what is on its way
DYING_AT_ONCE = 4


def dial(endpoint, timeout_s=5):
    """A plain connection that has said nothing yet."""
    scheme, address = endpoint.split("://", 1)
    if scheme == "ipc":
        peer = socket.socket(socket.AF_UNIX)
    else:
        peer = socket.socket(socket.AF_INET)
        host, port = address.rsplit(":", 1)
        address = (host, int(port))
    try:
        peer.connect(address)  # waits when the queue of a unix socket is full
    except OSError:
        peer.close()
        raise
    peer.settimeout(timeout_s)
    return peer


def die(peer):
    """Gone at once, with whatever was on its way."""
    if peer.family == socket.AF_INET:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()


def message(endpoint, body, number=1):
    """The bytes of a request."""
    mark = b"\x01" if endpoint.startswith("ipc://") else b""
    return mark + struct.pack(">QI", 4 + len(body), sp.REQUEST_ID_BIT | number) + body


def leave_while_greeted(endpoint, count=200):
    """Peers that leave before they have said or heard a word."""
    for _ in range(count):
        peer = dial(endpoint)
        if peer.family == socket.AF_INET:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            peer.shutdown(socket.SHUT_WR)
        peer.close()


def announce_and_stall(endpoint, count, size):
    """Peers that announce a message of size bytes, send a few of them, and then nothing; as many as
    were let in."""
    peers = []
    for _ in range(count):
        try:
            peer = dial(endpoint)
            peer.sendall(sp.HELLO_REQ + message(endpoint, b"x" * size)[:64])
            peers.append(peer)
        except OSError:
            break
    return peers


def say_nothing(endpoint, count):
    """Peers that connect and wait."""
    return [dial(endpoint) for _ in range(count)]


def read_nothing(endpoint, body, count):
    """A peer that asks count times and takes no answer."""
    peer = dial(endpoint)
    peer.sendall(sp.HELLO_REQ)
    for number in range(1, count + 1):
        try:
            peer.sendall(message(endpoint, body, number))
        except OSError:
            break  # nobody reads it any more, and that is an answer
    return peer


def die_in_traffic(endpoints, bodies, deaths, seed):
    """Peers that die while their requests come in and their replies go out, some at a time."""
    def run(chance):
        for _ in range(deaths // DYING_AT_ONCE):
            endpoint = chance.choice(endpoints)
            requests = b"".join(message(endpoint, chance.choice(bodies), number)
                                for number in range(1, chance.randrange(2, 20)))
            try:
                peer = dial(endpoint)
                peer.sendall(sp.HELLO_REQ + requests[:chance.randrange(len(requests) + 1)])
                peer.settimeout(0.002)
                for _ in range(chance.randrange(3)):
                    peer.recv(chance.choice((8, 100, 20000)))
            except OSError:
                pass  # dying anyway
            die(peer)

    threads = [threading.Thread(target=run, args=(random.Random(seed + i),), daemon=True)
               for i in range(DYING_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
