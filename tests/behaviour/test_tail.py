# SPDX-License-Identifier: Apache-2.0
# test_tail.py: `mcp-auth tail` shows every event once, through restarts, freezes and slow readers.
import contextlib
import json
import os
import pty
import signal
import subprocess
import time

import pytest

from events import event
from serving import API_KEY, Server, clean_environment, program, run
from tailing import Lines, following, tail
from tokens import mint, unique

BEAT = {"WEBSOCKET_HEARTBEAT_INTERVAL": 1}


def news(user, tenant=None, **more):
    return event("user_updated", user_id=user, tenant_id=tenant, id=unique("tail"), **more)


def test_each_event_is_one_line_of_json_as_it_happens(server):
    user, tenant = unique("u"), unique("t")
    with following(server, user, tenant=tenant) as shown:
        for _ in range(3):
            sent = news(user, tenant, data={"a": [1, 2]})
            server.publish(sent)
            shown.id(sent["id"], seconds=3)  # flushed: not only when some buffer is full
        assert shown.events[-1]["data"] == {"a": [1, 2]}
        assert shown.interrupt(signal.SIGINT) == 0
        assert len(shown.out) == 3


def test_a_line_for_people_names_level_type_and_who_without_control_characters(server):
    user, tenant = unique("u"), unique("t")
    with following(server, user, json_lines=False, tenant=tenant) as shown:
        server.publish(event("role_assigned", target_user_id=user, tenant_id=tenant,
                             security_level="HIGH", role_name="editor", message="one\ntwo"))
        shown.line("one?two")
        for word in ("HIGH", "role_assigned", f"target={user}", "role=editor"):
            assert word in shown.out[0]
        assert "\033" not in shown.out[0], "colours are for terminals"


def test_a_terminal_sees_colours(server):
    user, tenant = unique("u"), unique("t")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [program(), "tail", "--url", server.url, "--token", mint(user, tenant), "--count", "1"],
        stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        env=clean_environment(TERM="xterm", NO_COLOR=None))
    try:
        assert b"following" in process.stderr.readline()
        server.publish(news(user, tenant, security_level="CRITICAL"))
        assert process.wait(15) == 0
        assert b"\033[31m" in os.read(ours, 65536)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        os.close(ours)
        os.close(theirs)


def test_filters_are_the_servers(server):
    user, tenant = unique("u"), unique("t")
    with following(server, user, "--event-type", "user_updated,role_assigned", "--min-level=HIGH",
                   "--resource", "doc/*", "--resource", "x", tenant=tenant) as shown:
        wanted = [news(user, tenant, security_level="HIGH", resource="doc/1"),
                  news(user, tenant, security_level="CRITICAL", resource="x")]
        server.publish([
            wanted[0],
            news(user, tenant, security_level="LOW", resource="doc/1"),
            news(user, tenant, security_level="HIGH", resource="other"),
            event("user_created", user_id=user, tenant_id=tenant, security_level="HIGH", resource="x"),
            wanted[1]])
        shown.id(wanted[1]["id"])
        assert shown.ids == [w["id"] for w in wanted]


def test_a_position_gives_first_what_came_behind_it(server):
    user, tenant = unique("u"), unique("t")
    sent = [news(user, tenant) for _ in range(5)]
    positions = [answer["position"] for answer in server.publish(sent)]
    with tail(server, user, "--since-position", positions[1], "--count", 3, tenant=tenant) as shown:
        assert shown.end() == 0
        assert shown.ids == [s["id"] for s in sent[2:]]
        assert any("resumed" in note for note in shown.notes)


def test_the_position_told_at_the_end_goes_on_from_there(server):
    user, tenant = unique("u"), unique("t")
    first, second = news(user, tenant), news(user, tenant)
    with following(server, user, tenant=tenant) as shown:
        server.publish(first)
        shown.id(first["id"])
        assert shown.interrupt(signal.SIGTERM) == 0
    position = shown.notes[-1].split()[-1]
    server.publish(second)
    with tail(server, user, "--since-position", position, "--count", 1, tenant=tenant) as shown:
        assert shown.end() == 0
        assert shown.ids == [second["id"]]


def test_killed_and_started_again_the_server_is_found_and_the_loss_is_said(launch):
    server = launch(BEAT)
    with following(server, "alice") as shown:
        before, after = news("alice"), news("alice")
        server.publish(before)
        shown.id(before["id"])
        server.expected_status = -signal.SIGKILL
        server.signal(signal.SIGKILL)
        server.wait_end()
        shown.note("trying again")
        again = launch(BEAT, port=server.port)
        shown.note("position lost")  # its memory is gone, and tail does not hide it
        again.publish(after)
        shown.id(after["id"])
        assert shown.ids == [before["id"], after["id"]]
        assert shown.interrupt(signal.SIGINT) == 0


def test_a_server_that_stops_in_order_is_found_again(launch):
    server = launch(BEAT)
    with following(server, "alice") as shown:
        server.stop()
        shown.note("4200")
        again = launch(BEAT, port=server.port)
        sent = news("alice")
        shown.note("following", 2)
        again.publish(sent)
        shown.id(sent["id"])


def test_a_frozen_server_is_left_and_nothing_retained_is_lost(launch):
    server = launch(BEAT)
    with following(server, "alice") as shown:
        first, second = news("alice"), news("alice")
        server.publish(first)
        shown.id(first["id"])
        server.signal(signal.SIGSTOP)
        try:
            shown.note("nothing was heard")
        finally:
            server.signal(signal.SIGCONT)
        server.publish(second)
        shown.id(second["id"], 30)
        assert shown.ids == [first["id"], second["id"]]


def test_a_frozen_tail_comes_back_for_all_it_missed(launch):
    server = launch(BEAT)
    with following(server, "alice") as shown:
        shown.process.send_signal(signal.SIGSTOP)
        sent = []
        for _ in range(20):  # 4 MiB: more than the socket's buffers and the server's outbox hold
            batch = [news("alice", message="x" * 2000) for _ in range(100)]
            server.publish(batch)
            sent += [b["id"] for b in batch]
        time.sleep(3)  # two heartbeats without a pong
        shown.process.send_signal(signal.SIGCONT)
        shown.id(sent[-1], 40)
        assert shown.ids == sent


@contextlib.contextmanager
def into_a_pipe(server, token, *arguments):
    """(process, end) when it follows; that end of its pipe is yours to read, or to close."""
    read_end, write_end = os.pipe()
    process = subprocess.Popen([program(), "tail", "--url", server.url, "--token", token,
                                *arguments], stdout=write_end, stderr=subprocess.PIPE,
                               env=clean_environment())
    os.close(write_end)
    try:
        assert b"following" in process.stderr.readline()
        yield process, read_end
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_slow_reader_behind_a_pipe_misses_nothing(launch):
    server = launch(BEAT)
    with into_a_pipe(server, mint("alice"), "--json", "--count", "1500") as (process, read_end):
        sent = []
        for _ in range(15):
            batch = [news("alice", message="x" * 2000) for _ in range(100)]
            server.publish(batch)
            sent += [b["id"] for b in batch]
        time.sleep(2.5)  # it cannot write, so it answers no ping: the server leaves it
        with os.fdopen(read_end) as pipe:
            assert [json.loads(line)["id"] for line in pipe] == sent
        assert process.wait(20) == 0


def test_interrupted_while_its_reader_sleeps_it_ends_with_a_whole_line(server):
    user, tenant = unique("u"), unique("t")
    with into_a_pipe(server, mint(user, tenant), "--json") as (process, read_end):
        sent = [news(user, tenant, message="x" * 2000) for _ in range(100)]
        server.publish(sent)  # 200 KiB and more; a pipe holds 64
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        with os.fdopen(read_end) as pipe:
            seen = [json.loads(line)["id"] for line in pipe]
        assert seen == [s["id"] for s in sent[:len(seen)]] and 0 < len(seen) < 100
        assert process.wait(15) == 0


def test_a_reader_that_goes_away_ends_it(server):
    user, tenant = unique("u"), unique("t")
    with into_a_pipe(server, mint(user, tenant)) as (process, read_end):
        os.close(read_end)
        server.publish(news(user, tenant))
        assert process.wait(15) == 1
        assert b"Sanitizer" not in process.stderr.read()


def test_a_removed_user_is_told_why_and_does_not_come_back(server):
    user, tenant = unique("u"), unique("t")
    with following(server, user, tenant=tenant) as shown:
        server.publish(event("user_deleted", target_user_id=user, tenant_id=tenant, id=unique("d")))
        assert shown.end() == 1
        assert shown.events[0]["event_type"] == "user_deleted"
        assert any("4002" in note for note in shown.notes)


def test_a_token_file_is_read_again_before_the_token_ends(server, tmp_path):
    user, tenant = unique("u"), unique("t")
    file = tmp_path / "token"
    file.write_text(mint(user, tenant, lasts=4) + "\n")
    with Lines([program(), "tail", "--json", "--url", server.url, "--token-file", file]) as shown:
        shown.note("following")
        file.write_text(mint(user, tenant) + "\n")
        time.sleep(6)
        sent = news(user, tenant)
        server.publish(sent)
        shown.id(sent["id"])
        assert len(shown.notes) == 1, "renewed where it was, without another connection"


def test_an_expired_token_without_another_ends_it(server):
    with tail(server, unique("u"), token=mint("x", lasts=-100)) as shown:
        assert shown.end() == 1
    assert any("4101" in note for note in shown.notes), shown.notes


def test_the_api_key_is_no_user(server):
    with tail(server, None, token=API_KEY) as shown:
        assert shown.end() == 1
    assert any("4001" in note and "API key" in note for note in shown.notes), shown.notes


def test_it_goes_over_a_unix_socket(tmp_path):
    path = tmp_path / "socket"
    server = Server({"MCP_AUTH_LISTEN": f"unix:{path}"})
    server.wait_log("listening")
    try:
        tail_over(path)
    finally:
        server.stop()


def tail_over(path):
    with Lines([program(), "tail", "--json", "--url", f"unix:{path}", "--token", mint("alice"),
                "--count", "1"]) as shown:
        shown.note("following")
        done = run("publish", "--url", f"unix:{path}", "--token", API_KEY, "--type", "user_updated",
                   "--user", "alice", "--id", "over-unix")
        assert done.returncode == 0, done.stderr
        assert shown.end() == 0
        assert shown.ids == ["over-unix"]


@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["extra"], ["--count", "0"], ["--count"], ["--json=1"],
    ["--event-type", "role_asigned"], ["--min-level", "HIHG"],
    ["--url", "wss://localhost"], ["--url", "nonsense"], ["--since-position", "a b"]])
def test_a_wrong_use_is_status_2_and_says_why(arguments):
    done = run("tail", "--token", "t", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("mcp-auth tail: "), done


def test_no_token_is_status_2_and_help_is_status_0():
    assert run("tail").returncode == 2
    done = run("tail", "--help")
    assert done.returncode == 0 and done.stdout.startswith("Usage: mcp-auth tail")


def test_a_server_that_is_none_ends_it(server):
    done = run("tail", "--token", "t", "--url", server.ws.replace("/ws", "/nowhere"))
    assert done.returncode == 1 and "404" in done.stderr
