"""ask_cache - GETs pages of `nightjar serve-cache`, over a Unix socket or loopback.

    ask_cache.py unix:/PATH | HOST:PORT PATH...          prints each body; of an answer that is not 200, its code and path
"""
import http.client
import socket
import sys


def connect(address):
    if not address.startswith("unix:"):
        return http.client.HTTPConnection(address, timeout=20)
    connection = http.client.HTTPConnection("lists")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(address[len("unix:"):])
    return connection


def main():
    connection = connect(sys.argv[1])  # one, kept open for all
    for path in sys.argv[2:]:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode()
        if response.status == 200 and response.getheader("Content-Type") == "application/json":
            print(body, end="")
        else:
            print(response.status, path)


if __name__ == "__main__":
    main()
