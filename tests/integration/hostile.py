#!/usr/bin/env python3
"""Connects to a coordinator's port and behaves badly until the port is closed.

    hostile.py PORT SILENT           SILENT connections that say nothing, and others that send garbage and half greetings
    hostile.py PORT SILENT --zmtp    the same, and whole ZMTP 3.0 handshakes without encryption, followed by bad messages

Exit status 0 when the port has closed; 1 when it is still open after a minute.
"""
import random
import socket
import sys
import time

GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + b"\x00" + bytes(31)
CURVE_GREETING = GREETING.replace(b"NULL" + bytes(16), b"CURVE" + bytes(15))
READY = b"\x05READY" + b"\x0bSocket-Type" + (6).to_bytes(4, "big") + b"DEALER"


def command(body):
    return b"\x04" + bytes([len(body)]) + body


def frame(body, more=False):
    if len(body) < 256:
        return bytes([1 if more else 0, len(body)]) + body
    return bytes([3 if more else 2]) + len(body).to_bytes(8, "big") + body


def bad_bytes(chance):
    """One piece of rudeness before or in the handshake."""
    kind = chance.randrange(8)
    if kind == 0:
        return chance.randbytes(chance.randrange(1, 2000))
    if kind == 1:
        return GREETING[: chance.randrange(1, len(GREETING))]
    if kind == 2:
        return CURVE_GREETING[: chance.randrange(1, len(CURVE_GREETING))]
    if kind == 3:
        return CURVE_GREETING + command(b"\x05HELLO" + chance.randbytes(194))
    if kind == 4:
        return CURVE_GREETING + command(b"\x05HELLO\x01\x00" + chance.randbytes(192))
    if kind == 5:
        return GREETING + command(READY[: chance.randrange(len(READY))])
    if kind == 6:
        return GREETING + b"\x06" + (1 << 62).to_bytes(8, "big") + b"x"  # a command of 4 exabytes
    return b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def bad_messages(chance):
    """A whole handshake without encryption, then what no worker would say."""
    hello = b"\x98\x01\x01\xa1w\xc4\x10" + chance.randbytes(16) + b"\xa10\x91\xa5exact\x01\x00"
    messages = [
        frame(chance.randbytes(chance.randrange(0, 600))),
        frame(hello) + frame(b"\x93\x01\x05\xce\xff\xff\xff\xff"),  # takes part, and wants four billion leases
        frame(b"\xdd\xff\xff\xff\xff"),  # an array of four billion
        frame(b"\x91" * 5000),  # nested without an end
        frame(b"\x97\x01\x07\xce\xff\xff\xff\xff\x01\x01\xc4\x20" + bytes(32)),
        b"".join(frame(b"part", more=True) for _ in range(2000)) + frame(b"end"),
        b"\x02" + (1 << 40).to_bytes(8, "big") + b"x" * 1000,  # announces a terabyte
        frame(hello) * 50,
    ]
    return command(READY) + chance.choice(messages)


def open_connection(port):
    return socket.create_connection(("127.0.0.1", port), timeout=2)


def open_silent(port, wanted):
    """As many connections as the coordinator takes: one that is short of descriptors does not answer strangers."""
    silent = []
    try:
        while len(silent) < wanted:
            silent.append(open_connection(port))
    except TimeoutError:
        pass
    return silent


def main():
    port, silent_count, talks = int(sys.argv[1]), int(sys.argv[2]), "--zmtp" in sys.argv
    chance = random.Random(7)
    silent = open_silent(port, silent_count)
    print(f"{len(silent)} silent connections are open", file=sys.stderr, flush=True)
    deadline = time.monotonic() + 60
    rude = []
    count = 0
    while time.monotonic() < deadline:
        try:
            one = open_connection(port)
        except TimeoutError:
            continue
        except OSError:
            print(f"{count} hostile connections, until the port closed", file=sys.stderr)
            return 0
        count += 1
        try:
            if talks and count % 2:
                one.sendall(GREETING)
                one.recv(len(GREETING), socket.MSG_WAITALL)  # libzmq cuts off who says the rest before that
                one.sendall(bad_messages(chance))
            else:
                one.sendall(bad_bytes(chance))
        except OSError:
            pass  # cut off before everything was said
        rude.append(one)  # some stay open and never say the rest
        if len(rude) > 100:
            rude.pop(chance.randrange(len(rude))).close()
        time.sleep(0.005)
    return 1


sys.exit(main())
