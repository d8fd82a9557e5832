# SPDX-License-Identifier: Apache-2.0
# test_serving.py: what the tests start servers with: a port is theirs from when it was chosen.
import errno
import socket

import pytest

from serving import free_port


def test_a_free_port_is_given_to_no_other_program_before_the_server_listens_and_after(launch):
    port = free_port()

    def others_are_kept_out():
        with socket.socket() as other, pytest.raises(OSError) as refused:
            other.bind(("127.0.0.1", port))
        assert refused.value.errno == errno.EADDRINUSE

    others_are_kept_out()
    for _ in range(2):
        server = launch(port=port)
        assert server.request("GET", "/healthz").status == 200
        server.stop()
        others_are_kept_out()
    with socket.socket() as client:  # nothing listens: refused, not accepted and forgotten
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
