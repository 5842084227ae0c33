# SPDX-License-Identifier: AGPL-3.0-or-later
"""A disk that keeps writes back: an NBD server which applies each write after a random time and in any order, as a device with a
queue may, and judges the numbered sectors (blklog.py) in the order in which they reach the medium."""
import heapq
import os
import random
import socket
import struct
import threading
import time

import blklog

MAGIC, OPTION, REPLY_MAGIC = 0x4e42444d41474943, 0x49484156454f5054, 0x3e889045565a9
REQUEST_MAGIC, ANSWER_MAGIC = 0x25609513, 0x67446698
OPT_EXPORT_NAME, OPT_ABORT, OPT_GO = 1, 2, 7
REP_ACK, REP_INFO, REP_UNSUPPORTED = 1, 3, 0x80000001
READ, WRITE, DISC, FLUSH = 0, 1, 2, 3
HAS_FLAGS, SEND_FLUSH = 1, 4


class SlowDisk:
    """Serves `image` on a Unix socket. Writes are applied 0 to delay_s seconds after they came, by a fixed seed."""

    def __init__(self, image, delay_s, seed=1):
        with open(image, "rb") as f:
            self.data = bytearray(f.read())
        self.image, self.delay_s, self.random = image, delay_s, random.Random(seed)
        self.judge = blklog.Judge()
        self.in_flight_most = self.overtaken = 0
        self.path = image + ".nbd"
        self.url = f"nbd+unix:///?socket={self.path}"
        self._due, self._count, self._end = [], 0, False
        self._lock, self._wake = threading.Lock(), threading.Condition()
        self._listen = socket.socket(socket.AF_UNIX)
        self._listen.bind(self.path)
        self._listen.listen(1)
        for target in (self._serve, self._apply):
            threading.Thread(target=target, daemon=True).start()

    def close(self):
        """Ends the server; the image file gets what is on the medium."""
        with self._wake:
            self._end = True
            self._wake.notify()
        self._listen.close()
        with open(self.image, "wb") as f:
            f.write(self.data)
        os.unlink(self.path)

    def _take(self, count):
        data = b""
        while len(data) < count:
            part = self._peer.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def _negotiate(self):
        info = struct.pack(">HQH", 0, len(self.data), HAS_FLAGS | SEND_FLUSH)
        self._peer.sendall(struct.pack(">QQH", MAGIC, OPTION, 3))
        self._take(4)
        while True:
            _, option, size = struct.unpack(">QII", self._take(16))
            self._take(size)
            if option == OPT_EXPORT_NAME:
                self._peer.sendall(info[2:])
                return
            kinds = ((REP_INFO, info), (REP_ACK, b"")) if option == OPT_GO else ((REP_UNSUPPORTED, b""),)
            for kind, data in kinds:
                self._peer.sendall(struct.pack(">QIII", REPLY_MAGIC, option, kind, len(data)) + data)
            if option == OPT_GO:
                return

    def _serve(self):
        try:
            self._peer = self._listen.accept()[0]
            self._negotiate()
            while True:
                _, _, kind, cookie, at, size = struct.unpack(">IHHQQI", self._take(28))
                if kind == DISC:
                    return
                if kind == WRITE:
                    self._keep(cookie, at, self._take(size))
                else:
                    self._answer(cookie, bytes(self.data[at:at + size]) if kind == READ else b"")
        except OSError:
            return  # QEMU has ended

    def _answer(self, cookie, data=b""):
        with self._lock:
            self._peer.sendall(struct.pack(">IIQ", ANSWER_MAGIC, 0, cookie) + data)

    def _keep(self, cookie, at, data):
        with self._wake:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + self.random.random() * self.delay_s, self._count, cookie, at, data))
            self.in_flight_most = max(self.in_flight_most, len(self._due))
            self._wake.notify()

    def _apply(self):
        last = 0
        while True:
            with self._wake:
                while not self._due or self._due[0][0] > time.monotonic():
                    if self._end:
                        return
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else 0.2)
                _, count, cookie, at, data = heapq.heappop(self._due)
            self.overtaken += count < last
            last = max(last, count)
            self.data[at:at + len(data)] = data
            self.judge.write(at // blklog.SECTOR, data)
            try:
                self._answer(cookie)
            except OSError:
                pass  # QEMU has ended; the write was made all the same
