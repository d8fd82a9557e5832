# SPDX-License-Identifier: Apache-2.0
# slow_line.py: a TCP proxy that lets only so many bytes a second through, in each direction.
import socket
import threading
import time

PIECE_SECONDS = 0.02


class SlowLine:
    def __init__(self, to_port, bytes_per_second):
        self.to_port, self.piece = to_port, int(bytes_per_second * PIECE_SECONDS)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.to_port))
            self.sockets += [near, far]
            for pair in ((near, far), (far, near)):
                # What the kernel would take ahead is not on the line yet.
                pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source, target):
        try:
            while data := source.recv(self.piece):
                target.sendall(data)
                time.sleep(PIECE_SECONDS * len(data) / self.piece)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.close()
        for one in self.sockets:
            one.close()
