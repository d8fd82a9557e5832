# SPDX-License-Identifier: Apache-2.0
# checker.py: judges a record by the contract: nothing missing, doubled, leaked, reordered, needless.
"""judge(record) is a list of findings, each (rule, what was seen). An empty list is a good run.

What is owed to a client is said without clocks: a frame with position P says that everything up to
P that this client may see has been sent on this connection, since the position it began with. At
the end each client that stayed has had an event of its own behind everything else.
"""
import bisect
import collections

from authority import Authority
from record import place

# Codes of a server that may close so while nothing is lost (protocol, "Close codes").
ORDERLY = {1000, 1001, 4002, 4004, 4102, 4200, 4201, 4202}
RESYNC = {4301, 4302}
AGAIN = 4206  # after a loss: who was ahead, or was given something alone, resumes on a new connection
REMOVED = 4002
ALONE_SECONDS = 15  # an event delivered without the bus has come by then, on a busy machine too


class Walk:
    """One connection: its frames with their places, what came by the bus, and what alone."""

    def __init__(self, judge, client, connection):
        self.client, self.connection = client, connection
        self.places = []  # (index of the frame, epoch, n) of each frame that has a position
        self.events = []  # (index, frame, epoch, n, by the bus: True, False, None for unknown)
        for index, (_, frame) in enumerate(connection.frames):
            if "position" not in frame:
                continue
            epoch, n, _ = place(frame["position"])
            self.places.append((index, epoch, n))
            if frame["type"] == "event":
                entry = judge.streams.get(epoch, {}).get(n)
                by_bus = None if entry is None else entry[:2] == [client.tenant, frame["id"]]
                if by_bus is False and not judge.lossless:
                    by_bus = None  # the place may have had two events, one of them gone
                self.events.append((index, frame, epoch, n, by_bus))
        self.ids = {frame["id"] for _, frame, _, _, _ in self.events}

    @property
    def name(self):
        number = self.client.connections.index(self.connection)
        return f"{self.client.name} connection {number} on {self.connection.instance}"


class Judge:
    def __init__(self, record):
        self.record, self.streams, self.found = record, record.streams, []
        self.lossless = not record.losses
        self.published = {(p.tenant, p.id): p for p in record.publications if p.id}
        self.authority = Authority(self)
        self.walks = [Walk(self, client, connection) for client in record.clients
                      for connection in client.connections]
        self.visible = self._index()

    def say(self, rule, text):
        self.found.append((rule, text))

    def _index(self):
        """{epoch: {(tenant, user) or (tenant, None) for administrators: sorted numbers}}"""
        found = {}
        for epoch in self.streams:
            entries = self._certain(epoch)
            index = found[epoch] = collections.defaultdict(list)
            for n in sorted(entries):
                tenant, name, kind = entries[n][:3]
                if kind.startswith("$"):
                    continue
                publication = self.published.get((tenant, name))
                for user in publication.about if publication else ():
                    index[tenant, user].append(n)
                index[tenant, None].append(n)
        return found

    def _certain(self, epoch):
        """The entries of an epoch in which something was lost: what stood at a place first. For a
        while the place may have been another event's, on an instance that had not seen the first."""
        if self._is_last(epoch):
            return self.streams.get(epoch, {})
        return {**self.streams.get(epoch, {}), **self.record.before.get(epoch, {})}

    def _is_last(self, epoch):
        return self.lossless or epoch == self.record.last[0]

    def _stayed(self, epoch, n, entry):
        """It stands there to this day, and nothing else ever did."""
        return self._is_last(epoch) or entry == self.streams[epoch].get(n) == \
            self.streams[self.record.last[0]].get(n)

    def run(self):
        self.streams_are_whole()
        self.publications_are_kept()
        for text in self.record.crashed:
            self.say("crash", text)
        for walk in self.walks:
            self.frames_are_true(walk)
            self.order_holds(walk)
            self.nothing_twice(walk)
            self.nothing_missing(walk)
            self.no_needless_end(walk)
            self.authority.judge(walk)
        self.alone_comes_soon()
        for client in self.record.clients:
            if client.settled and client.settled not in self._last_ids(client):
                self.say("unsettled", f"{client.name} never got {client.settled}")
        return self.found

    def _last_ids(self, client):
        return {f["id"] for _, f in client.connections[-1].frames if f["type"] == "event"} \
            if client.connections else set()

    # -- the stream ---------------------------------------------------------------------------
    def streams_are_whole(self):
        for epoch, entries in self.streams.items():
            places = {}
            if not self.lossless and epoch != self.record.last[0]:
                continue  # it may hold what was gone a moment later
            numbers = sorted(entries)
            if numbers and self.lossless and numbers != list(range(numbers[0], numbers[-1] + 1)):
                self.say("stream", f"epoch {epoch:x} has holes in its numbers")
            for n in numbers:
                tenant, name, kind = entries[n][:3]
                if kind.startswith("$"):
                    continue
                if (tenant, name) in places:
                    self.say("stream", f"{name} stands at {places[tenant, name]} and at {n}")
                places[tenant, name] = n
                if (tenant, name) not in self.published:
                    self.say("invented", f"{name} stands in the stream, and nobody published it")
        if self.lossless and len([e for e in self.streams if e]) > 1:
            self.say("stream", "the epoch changed, and nothing was lost")

    def publications_are_kept(self):
        if not self.record.last:
            return
        kept = {(e[0], e[1]) for e in self.streams[self.record.last[0]].values()}
        for publication in self.record.publications:
            for attempt in publication.attempts:
                self._answer_is_true(publication, attempt)
            if not publication.id or (publication.tenant, publication.id) in kept:
                continue
            for attempt in publication.accepted:
                if self._owed(attempt):
                    self.say("missing", f"{publication.id} was accepted by {attempt.instance} "
                             f"(degraded: {attempt.degraded}) and is not in the stream")

    def _answer_is_true(self, publication, attempt):
        if attempt.status == 409:
            self.say("answer", f"{publication.id}: 409 for the same event")
        if attempt.status == 202 and attempt.degraded is False and not attempt.position:
            self.say("answer", f"{publication.id}: neither degraded nor a position")
        if attempt.status == 202 and attempt.position:
            epoch, n, _ = place(attempt.position)
            entry = self.streams.get(epoch, {}).get(n)
            if entry and entry[:2] != [publication.tenant, publication.id]:
                self.say("answer", f"{publication.id} was answered with the place of {entry[1]}")

    def _owed(self, attempt):
        """Unless its instance died with it, or Redis lost it afterwards."""
        if any(loss > attempt.sent - 5 for loss in self.record.losses):
            return False  # replicas are late: what was answered just before is gone, too
        killed = self.record.killed.get(attempt.instance)
        if not attempt.degraded or killed is None:
            return True
        return any(attempt.answered + 1 < at < killed for at in self.authority.healthy(
            attempt.instance))

    # -- frames -------------------------------------------------------------------------------
    def frames_are_true(self, walk):
        for _, frame, _, n, _ in walk.events:
            publication = self.published.get((walk.client.tenant, frame["id"]))
            if walk.client.types and frame.get("event_type") not in walk.client.types:
                self.say("filter", f"{walk.name}: {frame['id']} is {frame.get('event_type')}")
            if publication is None:
                other = [p for p in self.record.publications if p.id == frame["id"]]
                self.say("leak" if other else "invented",
                         f"{walk.name}: {frame['id']} is " + (
                             f"of tenant {other[0].tenant}" if other else "nobody's"))
            elif (publication.kind, publication.user, publication.target) != (
                    frame.get("event_type"), frame.get("user_id"), frame.get("target_user_id")):
                self.say("changed", f"{walk.name}: {frame}")

    def order_holds(self, walk):
        """Positions never go back; a new place of the bus is beyond every earlier one."""
        last = None
        # Who is ahead of this instance gets what it delivered alone under the place it asked for,
        # which may be that very event's on the bus.
        asked = walk.connection.asked and place(walk.connection.asked)[:2]
        by_index = {index: by_bus for index, _, _, _, by_bus in walk.events}
        for index, epoch, n in walk.places:
            if last and last[0] == epoch:
                if n < last[1] or (n == last[1] and by_index.get(index) and
                                   (epoch, n) != asked):
                    what = walk.connection.frames[index][1]
                    self.say("order", f"{walk.name}: {what.get('id', what['type'])} at {n} "
                             f"after {last[1]}")
            elif last and last[0] and self.lossless:
                self.say("order", f"{walk.name}: another epoch, and nothing was lost")
            last = (epoch, n)

    def nothing_twice(self, walk):
        """After a loss, what a publisher sends again is new to the fleet, and plain clients stay."""
        seen, strict = set(), self.lossless or walk.client.session
        for _, frame, epoch, _, _ in walk.events:
            key = (frame["id"], None if strict else epoch)
            if key in seen:
                self.say("doubled", f"{walk.name}: {frame['id']}")
            seen.add(key)

    # -- what is owed -------------------------------------------------------------------------
    def nothing_missing(self, walk):
        if not walk.places:
            return
        asked = walk.connection.asked
        first = walk.places[0][1:] if walk.client.session or not asked else place(asked)[:2]
        spans = self._spans(walk, first, self._places_owed(walk))
        privileged = self.authority.privileged_up_to(walk)
        for epoch, after, upto in spans:
            entries = self._certain(epoch)
            sure = upto if self._is_last(epoch) else self._before_loss(walk, epoch, after)
            own = self._between(epoch, (walk.client.tenant, walk.client.user), after, upto)
            owed = set(own)
            if privileged is not None:
                limit = upto if privileged is True else \
                    min(upto, privileged[1]) if privileged[0] == epoch else after
                owed.update(self._between(epoch, (walk.client.tenant, None), after, limit))
            for n in sorted(owed):
                if walk.client.types and entries[n][2] not in walk.client.types:
                    continue
                if entries[n][1] not in walk.ids and \
                        (n <= sure or self._stayed(epoch, n, entries[n])):
                    self.say("missing", f"{walk.name}: {entries[n][1]} at {n}, "
                             f"of ({after}, {upto}]")

    def _places_owed(self, walk):
        """Where it is asked for, what removes an account takes hold before its turn in the stream:
        of what stands between the last news and that, its user is not shown anything any more."""
        removed = walk.connection.closed and walk.connection.closed[0] == REMOVED
        return walk.places[:-1] if removed and self._was_asked_there(walk) else walk.places

    def _was_asked_there(self, walk):
        who = (walk.client.user, None)
        return any(attempt.instance == walk.connection.instance
                   for p in self.record.publications
                   if p.tenant == walk.client.tenant and p.fenced == who
                   for attempt in p.attempts)

    def _spans(self, walk, first, places):
        """[(epoch, after, upto)]: with another epoch it goes on where both streams are alike."""
        spans, epoch, after, upto = [], first[0], first[1], first[1]
        for _, next_epoch, n in places:
            if next_epoch != epoch:
                spans.append((epoch, after, upto))
                after = upto if self._is_after_loss(walk, epoch, upto, n) else \
                    self._common(epoch, upto, next_epoch)
                epoch, upto = next_epoch, after if after is not None else n
                after = upto
            upto = max(upto, n)
        spans.append((epoch, after, upto))
        return [span for span in spans if span[0]]  # epoch 0: an instance that never met Redis

    def _is_after_loss(self, walk, epoch, n, next_n):
        """Told after the loss, of a place that the lost stream is not known to have had: for a while
        the stream goes on after a loss under the epoch that it had."""
        return self._before_loss(walk, epoch, 0) < n <= next_n and \
            n not in self.streams.get(epoch, {})

    def _common(self, old, n, new):
        before, now = self.streams.get(old), self.streams.get(new)
        if not before or not now:
            return None
        while n > 0 and (n not in before or n not in now or before[n][:2] != now[n][:2]):
            n -= 1
        return n or None

    def _before_loss(self, walk, epoch, after):
        """The last place of this epoch that came before anything of it was lost: behind it, two
        events may have had one place, and its end is judged under the next epoch."""
        ends = min([at for at in self.record.losses if at > self.record.born.get(epoch, 0)],
                   default=0)
        frames = walk.connection.frames
        return max([n for index, e, n in walk.places if e == epoch and frames[index][0] < ends],
                   default=after)

    def _between(self, epoch, who, after, upto):
        numbers = self.visible.get(epoch, {}).get(who, [])
        return numbers[bisect.bisect_right(numbers, after):bisect.bisect_right(numbers, upto)]

    def alone_comes_soon(self):
        """Without the bus, whoever is on the accepting instance has it at once."""
        by_instance = collections.defaultdict(list)
        for walk in self.walks:
            by_instance[walk.connection.instance, walk.client.tenant].append(walk)
        for publication in self.record.publications:
            for attempt in publication.accepted if publication.id else ():
                if not attempt.degraded or attempt.duplicate:
                    continue
                for walk in by_instance[attempt.instance, publication.tenant]:
                    if walk.client.user in publication.about and \
                            publication.kind in (walk.client.types or [publication.kind]) and \
                            self._was_there(walk.connection, attempt) and \
                            publication.id not in walk.ids:
                        self.say("missing", f"{walk.name}: {publication.id}, which was accepted "
                                 "there without the bus")

    @staticmethod
    def _was_there(connection, attempt):
        in_at = connection.frames[0][0] if connection.frames else None
        return in_at is not None and in_at < attempt.sent - 2 and \
            (connection.ended is None or connection.ended > attempt.answered + ALONE_SECONDS)

    # -- ends ---------------------------------------------------------------------------------
    def no_needless_end(self, walk):
        connection, closed = walk.connection, walk.connection.closed
        met = connection.asked and place(connection.asked)[0]
        first = connection.frames[0][1] if connection.frames else {}
        if self.lossless:
            if met and first.get("type") == "auth_ok" and not first["resumed"]:
                self.say("resync", f"{walk.name}: resumed false for {connection.asked}")
            last = walk.places[-1][1] if walk.places else met
            if closed and closed[0] in RESYNC and last:
                self.say("resync", f"{walk.name}: closed {closed}")
        else:
            self._no_stay_after_loss(walk)
        if closed and closed[0] not in ORDERLY | RESYNC | (set() if self.lossless else {AGAIN}):
            self.say("closed", f"{walk.name}: {closed}")
        if first.get("type") == "auth_ok" and first["resumed"] and \
                first["position"] != connection.asked:
            self.say("resync", f"{walk.name}: resumed, but not where it asked")

    def _no_stay_after_loss(self, walk):
        """A session client that has seen what is gone must be told (4302)."""
        if not walk.client.session:
            return
        gone = None
        for _, frame, epoch, n, by_bus in walk.events:
            if gone and gone[0] != epoch and self.record.last and epoch == self.record.last[0] \
                    and frame["id"] != gone[2]:
                self.say("stays", f"{walk.name}: it saw {gone[2]} at {gone[1]}, which is gone, and "
                         f"went on to {frame['id']}")
                return
            if by_bus and self._is_gone(epoch, n):
                gone = (epoch, n, frame["id"])

    def _is_gone(self, epoch, n):
        last = self.record.last
        return last and epoch != last[0] and \
            self.streams[epoch][n][:2] != self.streams[last[0]].get(n, [None, None])[:2]


def judge(record):
    return Judge(record).run()
