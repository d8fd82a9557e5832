# SPDX-License-Identifier: Apache-2.0
# test_redis_address.py: where Redis is and how one gets in: database, user, socket, TLS, passwords.
import pytest

from events import event
from fleets import AWAY, BACK, lines, publish, stored_ids, wait_bus
from serving import free_port


def works(server, redis_server, **more):
    wait_bus(server)
    degraded, names = publish(server, event("user_updated", user_id="u"))
    assert not degraded and stored_ids(redis_server, **more) == names
    assert not lines(server, AWAY)


def test_a_database_number(launch, redis_server):
    works(launch({"REDIS_URL": redis_server.url + "/3"}), redis_server, db=3)
    assert redis_server.client().keys("*") == []


def test_a_user_and_a_password_in_the_address(launch, redis_server):
    redis_server.client().execute_command(
        "ACL SETUSER fleet on >p%ss ~* &* +@all".replace("%", ":"))
    works(launch({"REDIS_URL": f"redis://fleet:p%3Ass@127.0.0.1:{redis_server.port}"}),
          redis_server)


def test_a_password_in_the_address_wins(launch, start_redis):
    redis_server = start_redis("--requirepass", "right")
    works(launch({"REDIS_URL": f"redis://:right@127.0.0.1:{redis_server.port}",
                  "REDIS_PASSWORD": "wrong"}), redis_server)


def test_a_password_of_its_own_setting(launch, start_redis):
    redis_server = start_redis("--requirepass", "right")
    server = launch({"REDIS_URL": redis_server.url, "REDIS_PASSWORD": "right"})
    works(server, redis_server)
    assert "right" not in server.log.replace("all right", "")


@pytest.mark.parametrize("database", [0, 2])
def test_a_unix_socket(launch, redis_server, database):
    more = f"?db={database}" if database else ""
    works(launch({"REDIS_URL": f"unix://{redis_server.socket}{more}"}), redis_server, db=database)


def test_a_host_name(launch, redis_server):
    works(launch({"REDIS_URL": f"redis://localhost:{redis_server.port}"}), redis_server)


@pytest.fixture
def secure(start_redis, authority):
    """A redis-server that also speaks TLS, and its port for that."""
    port = free_port()
    return start_redis("--tls-port", port, "--tls-cert-file", authority / "server.pem",
                       "--tls-key-file", authority / "server.key", "--tls-auth-clients", "no",
                       "--tls-ca-cert-file", authority / "ca.pem"), port


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_with_an_authority_of_ones_own(launch, secure, authority, host):
    redis_server, port = secure
    works(launch({"REDIS_URL": f"rediss://{host}:{port}",
                  "MCP_AUTH_REDIS_CA_FILE": authority / "ca.pem"}), redis_server)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(launch, secure):
    redis_server, port = secure
    server = launch({"REDIS_URL": f"rediss://localhost:{port}"})
    server.wait_log(AWAY)
    assert publish(server, event("user_updated", user_id="u"))[0] is True
    assert redis_server.client().keys("*") == []


@pytest.mark.parametrize("case", ["wrong", "none where one is needed", "needless"])
def test_a_wrong_password_degrades_with_one_warning_and_recovers_when_it_becomes_right(
        launch, redis_server, case):
    client = redis_server.client()
    if case != "needless":
        client.config_set("requirepass", "secret")
        redis_server.password = "secret"
        client = redis_server.client()
    password = {"wrong": "mistaken", "needless": "mistaken"}.get(case)
    server = launch({"REDIS_URL": redis_server.url, "REDIS_PASSWORD": password})
    server.wait_log(AWAY)
    degraded, first = publish(server, event("user_updated", user_id="u"))
    assert degraded and server.stats()["bus"] == "degraded"
    client.config_set("requirepass", password or "")
    redis_server.password = password
    wait_bus(server)
    degraded, second = publish(server, event("user_updated", user_id="u"))
    assert not degraded and stored_ids(redis_server) == first + second
    assert len(lines(server, AWAY)) == 1 and len(lines(server, BACK)) == 1
    assert "mistaken" not in server.log
