# SPDX-License-Identifier: Apache-2.0
# figures.py: the arithmetic of the results: what one run says, medians, ratios and their interval.
"""Ratios are taken pair by pair, between runs that stood next to each other in time, so that what
disturbs the machine for longer than a pair falls out. The interval is that of the median by order
statistics: it assumes nothing about how the ratios are spread."""
import math
import statistics

CONFIDENCE = 0.95


class Failed(Exception):
    """A run whose result is wrong: nothing is concluded from it."""


def require_complete(answer, what):
    """Every receiver got exactly its frames, nobody was closed, nothing was refused."""
    if answer.get("complete") is True and answer.get("frames", 0) == answer.get("expected", 0):
        return
    raise Failed(f"{what}: {answer.get('frames', answer.get('connected'))} of "
                 f"{answer.get('expected', 'all')} arrived, {answer.get('unlike', '?')} receivers "
                 f"with another number than theirs, {answer.get('closed', '?')} closed")


def require_payload(answer, payload, head=4):
    """The frames have the size that was agreed: comparing different bytes compares nothing."""
    if payload and answer["bytes"] != answer["frames"] * (payload + head):
        raise Failed(f"frames of {answer['bytes'] / answer['frames'] - head:.1f} bytes, "
                     f"not of {payload}")


def value(answer, unit):
    """One run's figure: microseconds of server CPU, or of latency; bytes for memory."""
    if unit == "frame":
        return answer["server_cpu"] / answer["expected"] / 1000
    if unit == "connection":
        return answer["server_cpu"] / answer["connected"] / 1000
    if unit == "p99":
        return answer["latency"]["p99"] / 1000
    if unit == "memory":
        return answer["memory"] / answer["connected"]
    raise ValueError(f"no unit is called {unit!r}")


def interval(values, confidence=CONFIDENCE):
    """(low, high, coverage): the ranks around the median that hold it with this confidence, or
    the whole range when there are too few values (below six, no range reaches 95 %)."""
    ordered, n = sorted(values), len(values)
    best = (ordered[0], ordered[-1], 1 - 2 / 2 ** n)
    below = 0.0
    for rank in range(n // 2):
        below += math.comb(n, rank) / 2 ** n
        coverage = 1 - 2 * below
        if coverage < confidence:
            break
        best = (ordered[rank], ordered[n - 1 - rank], coverage)
    return best


def summary(values):
    low, high, coverage = interval(values)
    return {"median": statistics.median(values), "low": low, "high": high,
            "coverage": round(coverage, 4), "count": len(values)}


def compared(values, base):
    """The summary of an arm, with its ratio to the base; both are lists by pair, None if failed."""
    both = [(v, b) for v, b in zip(values, base) if v is not None and b is not None]
    own = [v for v in values if v is not None]
    found = {"failed": len(values) - len(own)}
    if own:
        found["value"] = summary(own)
    if both and all(b > 0 for _, b in both):
        found["ratio"] = summary([v / b for v, b in both])
    return found


def verdict(ratio, target):
    """Held, missed, or open: only an interval that lies wholly on one side decides."""
    if ratio is None or target is None:
        return "stated"
    if ratio["high"] <= target:
        return "held"
    if ratio["low"] > target:
        return "missed"
    return "open"
