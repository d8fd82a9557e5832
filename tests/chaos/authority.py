# SPDX-License-Identifier: Apache-2.0
# authority.py: who may see what, and from when on no longer: the part of the checker about leaks.
"""A fence is in force for a client on a connection
  * in stream order: behind the place of the event that caused it,
  * at the instance that accepted it: for everything published after the answer,
  * as the server itself said: after `scope_changed`, or an `auth_ok` without the role.
"""
import bisect
import collections

from record import ADMIN, place

SYSTEM = {"policy_updated", "configuration_changed"}
SKEW = 5  # MCP_AUTH_FENCE_SKEW
ENDED = {4002: "removed", 4102: "no longer accepted"}


class Authority:
    def __init__(self, judge):
        self.judge_of = judge
        self.fences = collections.defaultdict(list)  # (tenant, user): publications
        for publication in judge.record.publications:
            if publication.fenced:
                self.fences[publication.tenant, publication.fenced[0]].append(publication)
        self.at = {}  # (epoch, tenant, id): n
        self.revoked = collections.defaultdict(list)  # (epoch, tenant, user): numbers
        for epoch, entries in judge.streams.items():
            for n, (tenant, name, kind, user) in entries.items():
                self.at.setdefault((epoch, tenant, name), n)
                if kind == "$revocation":
                    self.revoked[epoch, tenant, user].append(n)
        self.beats = None

    def say(self, rule, text):
        self.judge_of.say(rule, text)

    def healthy(self, instance):
        """When clients heard from this instance that its bus is ok."""
        if self.beats is None:
            self.beats = collections.defaultdict(list)
            for client in self.judge_of.record.clients:
                for connection in client.connections:
                    self.beats[connection.instance] += [
                        at for at, frame in connection.frames
                        if frame["type"] == "heartbeat" and frame["bus"] == "ok"]
        return self.beats[instance]

    @staticmethod
    def visible(publication, client, admin):
        if publication.kind not in SYSTEM and client.user in publication.about:
            return True
        return admin

    @staticmethod
    def covers(fence, connection):
        """For certain: the token was made before anyone asked for the fence."""
        return bool(fence.attempts) and connection.iat <= min(a.sent for a in fence.attempts)

    def privileged_up_to(self, walk):
        """None: it is owed nothing as an administrator; True: to the end; else (epoch, n): the last
        place at which it certainly was one."""
        client, connection = walk.client, walk.connection
        if ADMIN not in client.roles:
            return None
        mine = [f for f in self.fences[client.tenant, client.user]
                if self._takes(f, ADMIN)]
        if not client.session:
            return True if not mine else None
        last = None
        for _, frame in connection.frames:
            if frame["type"] in ("auth_ok", "scope_changed") and ADMIN not in frame["roles"]:
                return last
            if "position" in frame:
                last = place(frame["position"])[:2]
        return True

    @staticmethod
    def _takes(fence, role):
        return fence.fenced[1] is None or fence.fenced[1] == role

    def judge(self, walk):
        self._audience(walk)
        self._as_said(walk)
        self._without_cause(walk)
        for fence in self.fences[walk.client.tenant, walk.client.user]:
            if self.covers(fence, walk.connection):
                self._in_stream_order(walk, fence)
                self._at_its_instance(walk, fence)
                self._not_claimed(walk, fence)

    def _published(self, walk, frame):
        return self.judge_of.published.get((walk.client.tenant, frame["id"]))

    def _audience(self, walk):
        for _, frame, _, _, _ in walk.events:
            publication = self._published(walk, frame)
            if publication and not self.visible(publication, walk.client,
                                                ADMIN in walk.client.roles):
                self.say("leak", f"{walk.name}: {frame['id']} is for {publication.about}")

    def _lost_right(self, walk, fence, frame):
        """Whether this event could only come by what the fence took."""
        publication = self._published(walk, frame)
        if publication is None or publication is fence:
            return False
        if fence.fenced[1] is None:
            return True
        return fence.fenced[1] == ADMIN and not self.visible(publication, walk.client, False)

    def _place(self, fence, epoch):
        if fence.id:
            return self.at.get((epoch, fence.tenant, fence.id))
        # A revocation has no id that we know: behind the last of all is behind each.
        numbers = self.revoked[epoch, fence.tenant, fence.user]
        asked = [f for f in self.fences[fence.tenant, fence.user] if not f.id]
        return max(numbers) if numbers and len(numbers) == len(asked) else None

    def _in_stream_order(self, walk, fence):
        for _, frame, epoch, n, by_bus in walk.events:
            m = self._place(fence, epoch)
            if by_bus and m is not None and n > m and self._lost_right(walk, fence, frame):
                self.say("leak", f"{walk.name}: {frame['id']} at {n}, behind "
                         f"{fence.id or fence.kind} at {m}")

    def _at_its_instance(self, walk, fence):
        for attempt in fence.accepted:
            if attempt.instance != walk.connection.instance or attempt.duplicate:
                continue
            for _, frame, _, _, _ in walk.events:
                publication = self._published(walk, frame)
                if publication and publication.attempts and \
                        min(a.sent for a in publication.attempts) > attempt.answered and \
                        self._lost_right(walk, fence, frame):
                    self.say("leak", f"{walk.name}: {frame['id']} was published after "
                             f"{attempt.instance} had answered {fence.id or fence.kind}")

    def _not_claimed(self, walk, fence):
        """Where a connection begins at the live end, behind the fence, the role is gone."""
        first = walk.connection.frames[0][1] if walk.connection.frames else {}
        if first.get("type") != "auth_ok" or first["resumed"]:
            return
        epoch, n, _ = place(first["position"])
        m = self._place(fence, epoch)
        if m is None or n < m:
            return
        if fence.fenced[1] is None or fence.fenced[1] in first["roles"]:
            self.say("leak", f"{walk.name}: in with {first['roles']} at {n}, behind "
                     f"{fence.id or fence.kind} at {m}")

    def _as_said(self, walk):
        admin, deleted = None, False
        for _, frame in walk.connection.frames:
            if frame["type"] in ("auth_ok", "scope_changed"):
                if admin is False and ADMIN in frame["roles"]:
                    self.say("leak", f"{walk.name}: {frame['type']} gives back the role")
                admin = ADMIN in frame["roles"]
            if frame["type"] != "event":
                continue
            publication = self._published(walk, frame)
            if deleted:
                self.say("leak", f"{walk.name}: {frame['id']} after its user was deleted")
            if publication and admin is False and \
                    not self.visible(publication, walk.client, False):
                self.say("leak", f"{walk.name}: {frame['id']} after the role was taken")
            if publication and publication.kind == "user_deleted" and \
                    publication.fenced[0] == walk.client.user and \
                    self.covers(publication, walk.connection):
                deleted = True

    def _without_cause(self, walk):
        """Nobody loses a role or the connection before someone asked for it."""
        fences = self.fences[walk.client.tenant, walk.client.user]
        begun = sorted((a.sent, f.fenced[1] or "") for f in fences for a in f.attempts[:1])
        times = [at for at, _ in begun]

        def before(at, takes):
            return any(takes(role) for _, role in begun[:bisect.bisect_right(times, at)])

        for at, frame in walk.connection.frames:
            if frame["type"] in ("auth_ok", "scope_changed") and ADMIN in walk.client.roles and \
                    ADMIN not in frame["roles"] and \
                    not before(at, lambda role: role in (ADMIN, "")):
                self.say("authority", f"{walk.name}: {frame['type']} without the role")
        closed = walk.connection.closed
        if closed and closed[0] in ENDED and \
                not before(walk.connection.ended, lambda role: role == ""):
            self.say("authority", f"{walk.name}: closed {closed} without a cause")
