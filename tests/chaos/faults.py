# SPDX-License-Identifier: Apache-2.0
# faults.py: what goes wrong in a run, chosen by the seed: Redis, the network to it, the instances.
import asyncio
import signal


class Faults:
    """`longest`: how long a fault may last, in seconds. `log` gets a line for each."""

    def __init__(self, fleet, dice, longest, log):
        self.fleet, self.dice, self.longest, self.log = fleet, dice, longest, log
        self.count = {}

    def note(self, what, more=""):
        self.count[what] = self.count.get(what, 0) + 1
        self.log(f"{what} {more}")

    def span(self, longest=None):
        """Mostly short, sometimes as long as may be."""
        longest = longest or self.longest
        return longest if self.dice.random() < 0.15 else self.dice.uniform(0.05, longest / 2)

    # -- Redis itself
    async def kill_redis(self):
        seconds = self.span(self.longest / 2)
        async with self.fleet.alone:
            self.note("redis killed", f"for {seconds:.1f} s")
            await asyncio.to_thread(self.fleet.kill_redis)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.fleet.start_redis)

    async def freeze_redis(self):
        seconds = self.span()
        async with self.fleet.alone:
            self.note("redis frozen", f"for {seconds:.1f} s")
            self.fleet.redis.freeze()
            await asyncio.sleep(seconds)
            self.fleet.redis.thaw()

    async def lose_tail(self):
        async with self.fleet.alone:
            self.note("failover with a lost tail")
            self.fleet.between.block("down")
            await asyncio.sleep(self.dice.uniform(0.05, 1.5))
            await asyncio.to_thread(self.fleet.failover)
            await asyncio.sleep(3)  # the next one needs a standby that has caught up

    async def flush(self):
        async with self.fleet.alone:
            self.note("FLUSHALL")
            await asyncio.to_thread(self.fleet.flush)

    # -- the way to it
    async def network(self):
        proxies = self.fleet.proxies if self.dice.random() < 0.3 else \
            [self.dice.choice(self.fleet.proxies)]
        seconds = self.span()
        what = self.dice.choice(["delay", "stall", "reset", "half open", "up", "down", "cut"])
        self.note(f"network {what}", f"of {len(proxies)} for {seconds:.1f} s")
        for proxy in proxies:
            if what == "delay":
                proxy.delay(self.dice.choice([0.02, 0.08, 0.3]), 0.1)
            elif what in ("up", "down"):
                proxy.block(what)
            else:
                getattr(proxy, {"half open": "half_open"}.get(what, what))()
        if what not in ("reset", "half open"):
            await asyncio.sleep(seconds)
            for proxy in proxies:
                proxy.heal()

    # -- the instances
    async def end_instance(self):
        alive = self.fleet.alive()
        for instance in self.fleet.instances:
            if not instance.server:  # it ended by itself: a finding already, and the run goes on
                await asyncio.to_thread(instance.start)
        if len(alive) < 2:
            return
        instance = self.dice.choice(alive)
        number = self.dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
        self.note(f"instance {signal.Signals(number).name}", instance.incarnation)
        await asyncio.to_thread(instance.end, number)
        await asyncio.sleep(self.dice.uniform(0, self.longest / 3))
        await asyncio.to_thread(instance.start)

    async def repeat(self, actions, pause):
        while True:
            await asyncio.sleep(self.dice.uniform(0.3, 2 * pause))
            await self.dice.choice(actions)()

    def start(self):
        redis = [self.kill_redis, self.freeze_redis]
        if self.fleet.lossy:
            redis = [self.lose_tail, self.lose_tail, self.flush, self.freeze_redis]
        lanes = [(redis, 6), ([self.network], 3), ([self.end_instance], 8)]
        return [asyncio.ensure_future(self.repeat(*lane)) for lane in lanes]
