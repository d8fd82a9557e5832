# SPDX-License-Identifier: Apache-2.0
# test_checker.py: the checker finds what is doctored into a good record, and nothing in the good one.
import copy

import pytest

from checker import judge
from record import Attempt, Client, Connection, Publication, Record, written

EPOCH, TENANT = 7, "t"
BEGIN = 1000.0


class Run:
    """Ten events for alice and two administrators, of which the fifth takes bob's role away."""

    def __init__(self):
        self.record = Record()
        self.entries = self.record.streams[EPOCH] = {}
        for n in range(1, 11):
            self.publish(f"e{n}", "user_updated" if n != 5 else "role_revoked", user="alice",
                         target="bob" if n == 5 else None, role="admin" if n == 5 else None)
        self.record.last = [EPOCH, 10]
        self.alice = self.client("alice", session=True)
        self.plain = self.client("alice", session=False)
        self.root = self.client("root", roles=["admin"])
        self.bob = self.client("bob", roles=["admin"])
        for client in (self.alice, self.plain, self.root):
            self.join(client, "A#1")
            self.deliver(client, range(1, 11))
        self.join(self.bob, "B#1")
        self.deliver(self.bob, range(1, 5))
        self.say(self.bob, type="scope_changed", roles=[], permissions=[])
        self.deliver(self.bob, [5])
        self.say(self.bob, type="heartbeat", position=written(EPOCH, 10), bus="ok")

    def publish(self, name, kind, user=None, target=None, role=None, degraded=False, stored=True,
                tenant=TENANT):
        n = max(self.entries, default=0) + 1
        sent = BEGIN + 10 * n
        attempt = Attempt("A#1", sent, sent + 1, 202, degraded,
                          None if degraded else written(EPOCH, n))
        publication = Publication(name, tenant, kind, user, target, role, [attempt])
        self.record.publications.append(publication)
        if stored:
            self.entries[n] = [tenant, name, kind, user]
        return publication

    def client(self, user, session=True, roles=(), tenant=TENANT):
        made = Client(f"{user}-{'session' if session else 'plain'}", tenant, user, session,
                      list(roles))
        self.record.clients.append(made)
        return made

    def join(self, client, instance, asked=None, at=0, resumed=None, epoch=EPOCH):
        connection = Connection(instance, BEGIN, BEGIN - 100, asked)
        client.connections.append(connection)
        if client.session:
            self.say(client, type="auth_ok", roles=list(client.roles),
                     resumed=asked is not None if resumed is None else resumed,
                     position=asked or written(epoch, at))
        return connection

    def say(self, client, place=None, **frame):
        frames = client.connections[-1].frames
        frame = dict(frame)
        frames.insert(len(frames) if place is None else place, [BEGIN + 500 + len(frames), frame])

    def frame(self, n, position=None, name=None, epoch=EPOCH):
        tenant, stored, kind, _ = self.entries[n]
        publication = next(p for p in self.record.publications if p.id == (name or stored))
        found = {"type": "event", "id": publication.id, "event_type": publication.kind,
                 "user_id": publication.user, "target_user_id": publication.target,
                 "position": written(epoch, n if position is None else position)}
        return {k: v for k, v in found.items() if v is not None}

    def deliver(self, client, numbers, **more):
        for n in numbers:
            self.say(client, **self.frame(n, **more))

    def frames(self, client):
        return client.connections[-1].frames

    def rules(self):
        return [rule for rule, _ in judge(self.record)]


@pytest.fixture
def run():
    return Run()


def test_a_good_record_has_no_findings(run):
    assert judge(run.record) == []


@pytest.mark.parametrize("who", ["alice", "plain", "root"])
def test_a_missing_event_is_found(run, who):
    frames = run.frames(getattr(run, who))
    del frames[[f.get("id") for _, f in frames].index("e6")]
    assert run.rules() == ["missing"]


def remove_alice(run):
    run.publish("gone", "user_deleted", user="alice")
    for client in (run.alice, run.plain, run.root):
        run.deliver(client, [11])
    for client in (run.alice, run.plain):
        client.connections[-1].closed = [4002, "Account removed"]
        client.connections[-1].ended = BEGIN + 600


@pytest.mark.parametrize("instance, rules", [("A#1", []), ("B#1", ["missing"])])
def test_what_removes_an_account_takes_hold_before_its_turn_only_where_it_is_asked_for(
        run, instance, rules):
    remove_alice(run)
    assert run.rules() == []
    run.alice.connections[-1].instance = instance
    frames = run.frames(run.alice)
    del frames[[f.get("id") for _, f in frames].index("e10")]
    assert run.rules() == rules


def test_who_is_removed_is_owed_what_stands_before_other_news(run):
    remove_alice(run)
    frames = run.frames(run.alice)
    del frames[[f.get("id") for _, f in frames].index("e9")]
    assert run.rules() == ["missing"]


def test_a_client_with_a_filter_is_owed_what_passes_it_and_gets_nothing_else(run):
    kinds = {kind for _, _, kind, _ in run.entries.values()}
    run.alice.types = ["user_updated"]
    frames = run.frames(run.alice)
    assert len(kinds) > 1 and set(run.rules()) == {"filter"}
    frames[:] = [f for f in frames if f[1].get("event_type", "user_updated") == "user_updated"]
    assert run.rules() == []
    del frames[[f["type"] for _, f in frames].index("event")]
    assert run.rules() == ["missing"]


def test_a_role_that_a_renewal_gives_back_is_a_leak(run):
    run.say(run.bob, type="auth_ok", roles=["admin"], resumed=False, position=written(EPOCH, 10))
    assert run.rules() == ["leak"]


def test_a_heartbeat_ahead_of_what_was_sent_is_a_missing_event(run):
    run.publish("e11", "user_updated", user="alice")
    run.say(run.alice, type="heartbeat", position=written(EPOCH, 11), bus="ok")
    assert run.rules() == ["missing"]


def test_a_doubled_event_is_found(run):
    run.frames(run.alice).append(copy.deepcopy(run.frames(run.alice)[-1]))
    assert set(run.rules()) == {"doubled", "order"}


def test_what_came_alone_and_once_more_by_the_bus_is_doubled(run):
    run.say(run.alice, place=3, **run.frame(6, position=2))
    assert run.rules() == ["doubled"]


def test_what_came_alone_is_not_missing_at_its_place(run):
    frames = run.frames(run.alice)
    del frames[6]
    run.say(run.alice, place=3, **run.frame(6, position=2))
    assert run.rules() == []


def test_reordered_events_are_found(run):
    frames = run.frames(run.alice)
    frames[4], frames[5] = frames[5], frames[4]
    assert "order" in run.rules()


def test_a_heartbeat_that_goes_back_is_found(run):
    run.say(run.alice, type="heartbeat", position=written(EPOCH, 3), bus="ok")
    assert run.rules() == ["order"]


def test_another_users_event_is_a_leak(run):
    carol = run.client("carol")
    run.join(carol, "A#1", at=10)
    run.deliver(carol, [3], position=10)
    assert set(run.rules()) == {"leak"}


def test_another_tenants_event_is_a_leak(run):
    stranger = run.client("alice", tenant="t2")
    run.join(stranger, "A#1", at=10)
    run.deliver(stranger, [3], position=10)
    assert run.rules() == ["leak"]


def test_an_event_nobody_published_is_found(run):
    run.say(run.alice, type="event", id="ghost", event_type="user_updated", user_id="alice",
            position=written(EPOCH, 10))
    assert run.rules() == ["invented"]


def test_a_changed_event_is_found(run):
    run.frames(run.alice)[4][1]["target_user_id"] = "mallory"
    assert run.rules() == ["changed"]


def test_a_demoted_administrator_sees_nothing_more_in_stream_order(run):
    plain = run.client("bob", session=False, roles=["admin"])
    run.join(plain, "C#1")
    run.deliver(plain, [1, 2, 5])
    assert run.rules() == []  # what a plain client still sees as an administrator is not owed
    run.deliver(plain, [7])
    assert run.rules() == ["leak"]


def test_a_demoted_administrator_sees_nothing_after_scope_changed(run):
    run.say(run.bob, place=6, **run.frame(3, position=4))
    assert "leak" in run.rules()


def test_at_the_accepting_instance_it_holds_from_the_answer_on(run):
    plain = run.client("bob", session=False, roles=["admin"])
    run.join(plain, "A#1")
    run.publish("late", "user_updated", user="alice", degraded=True, stored=False)
    run.deliver(plain, [4])
    run.say(plain, **run.frame(5, name="late", position=4))
    assert "leak" in run.rules()
    plain.connections[-1].instance = "B#1"  # elsewhere it may not be known yet
    assert "leak" not in run.rules()


def test_signing_in_behind_the_fence_with_the_role_is_a_leak(run):
    run.join(run.bob, "C#1", at=8)
    assert run.rules() == ["leak"]


def test_a_newer_token_has_the_role_again(run):
    run.join(run.bob, "C#1", at=8).iat = BEGIN + 60
    run.deliver(run.bob, [9, 10])
    assert run.rules() == []


def test_a_deleted_user_gets_nothing_more(run):
    run.publish("gone", "user_deleted", user="alice")
    for client in (run.alice, run.plain, run.root):
        run.deliver(client, [11])
    assert run.rules() == []
    run.publish("after", "user_updated", user="alice")
    run.deliver(run.root, [12])
    run.deliver(run.alice, [12])
    assert set(run.rules()) == {"leak"}


def test_a_revoked_user_gets_nothing_more(run):
    attempt = Attempt("A#1", BEGIN + 105, BEGIN + 106, 200, False)
    run.record.publications.append(Publication(None, TENANT, "$revocation", "alice",
                                               attempts=[attempt]))
    run.entries[11] = [TENANT, "", "$revocation", "alice"]
    assert run.rules() == []
    run.publish("after", "user_updated", user="alice")
    run.deliver(run.root, [12])
    run.deliver(run.alice, [12])
    assert set(run.rules()) == {"leak"}


def test_a_role_taken_or_a_close_without_cause_is_found(run):
    run.say(run.root, type="scope_changed", roles=[], permissions=[])
    assert run.rules() == ["authority"]
    run.frames(run.root).pop()
    run.alice.connections[-1].closed = [4102, "Token no longer accepted"]
    run.alice.connections[-1].ended = BEGIN + 600
    assert run.rules() == ["authority"]


@pytest.mark.parametrize("code", [4301, 4302])
def test_a_needless_resync_is_found(run, code):
    run.plain.connections[-1].closed = [code, ""]
    assert run.rules() == ["resync"]


def test_a_needless_resumed_false_is_found(run):
    asked = written(EPOCH, 10)
    run.join(run.alice, "B#1", asked)
    assert run.rules() == []
    run.frames(run.alice)[0][1]["resumed"] = False
    assert run.rules() == ["resync"]
    run.alice.connections[-1].asked = written(0, 10)  # of an instance that never met Redis
    assert run.rules() == []


def test_an_end_that_an_outage_may_not_cause_is_found(run):
    run.alice.connections[-1].closed = [4208, "Internal error"]
    assert run.rules() == ["closed"]


def test_an_accepted_event_that_is_gone_is_missing(run):
    lost = run.publish("lost", "user_updated", user="alice", stored=False)
    lost.attempts[0].position = None
    lost.attempts[0].degraded = True
    assert run.rules() == ["missing"]
    run.record.killed["A#1"] = BEGIN + 400  # it may have died with what waited
    assert run.rules() == []
    run.say(run.alice, type="heartbeat", position=written(EPOCH, 10), bus="ok")
    run.frames(run.alice)[-1][0] = BEGIN + 300  # but after this it had given everything to Redis
    assert run.rules() == ["missing"]


def test_what_came_without_the_bus_is_owed_to_who_was_there(run):
    attempt = run.publish("alone", "user_updated", user="alice", degraded=True).attempts[0]
    for connection in (c.connections[-1] for c in run.record.clients):
        connection.frames[0][0], connection.ended = BEGIN, attempt.answered + 60
    assert run.rules() == ["missing", "missing"]
    for client in (run.alice, run.plain):
        run.deliver(client, [11], position=10)
    assert run.rules() == []


def test_an_entry_twice_in_the_stream_or_a_hole_is_found(run):
    run.entries[11] = list(run.entries[10])
    assert "stream" in run.rules()
    run.entries[13] = run.entries.pop(11)
    assert "stream" in run.rules()


def test_an_answer_with_another_events_place_is_found(run):
    run.record.publications[3].attempts[0].position = written(EPOCH, 6)
    assert run.rules() == ["answer"]


def test_who_stayed_must_have_the_last_event(run):
    run.alice.settled = "e10"
    assert run.rules() == []
    run.frames(run.alice).pop()
    assert run.rules() == ["unsettled"]


def test_an_instance_that_dies_by_itself_is_found(run):
    run.record.crashed.append("A#1: assertion failed")
    assert run.rules() == ["crash"]


def lose_tail(run):
    """A failover after the eighth: the last two are gone, and another takes the ninth place."""
    run.record.losses.append(BEGIN + 900)
    run.record.before[EPOCH] = dict(run.entries)
    run.record.streams[8] = {n: list(e) for n, e in run.entries.items() if n <= 8}
    run.record.last = [8, 9]
    old, run.entries = run.entries, run.record.streams[8]
    run.publish("new", "user_updated", user="alice").attempts[0].position = written(8, 9)
    return old


def test_after_a_lost_tail_who_saw_it_is_told(run):
    lose_tail(run)
    assert run.rules() == []
    run.say(run.alice, **run.frame(9, epoch=8))
    assert run.rules() == ["stays"]
    run.say(run.plain, **run.frame(9, epoch=8))
    assert run.rules() == ["stays"]  # a plain client stays


def test_after_a_lost_tail_what_follows_the_common_place_is_owed(run):
    lose_tail(run)
    carol = run.client("alice")
    run.join(carol, "B#1", at=6)
    run.deliver(carol, [7, 8])
    run.say(carol, type="heartbeat", position=written(8, 9), bus="ok")
    assert run.rules() == ["missing"]
    run.frames(carol).pop()
    run.deliver(carol, [9], epoch=8)
    assert run.rules() == []


@pytest.mark.parametrize("joined, delivered, missing", [(901, [12], 0), (901, [], 1), (899, [12], 3)])
def test_the_old_epoch_goes_on_for_a_while_after_the_loss(run, joined, delivered, missing):
    """Who comes then is owed what follows; who had that place before the loss, more than that."""
    lose_tail(run)
    for n in (10, 11, 12):
        made = run.publish(f"new-{n}", "user_updated", user="alice")
        made.attempts[0].position = written(8, n)
    carol = run.client("alice")
    run.join(carol, "B#1", at=11)
    run.frames(carol)[0][0] = BEGIN + joined
    run.deliver(carol, delivered, epoch=8)
    run.say(carol, type="heartbeat", position=written(8, 12), bus="ok")
    assert run.rules() == ["missing"] * missing


def test_what_was_missing_before_the_tail_was_lost_is_found(run):
    lose_tail(run)
    del run.frames(run.alice)[4]
    assert run.rules() == ["missing"]


def test_a_record_is_the_same_after_it_was_kept(run, tmp_path):
    run.record.save(tmp_path / "record.json")
    assert Record.load(tmp_path / "record.json") == run.record
