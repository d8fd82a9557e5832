#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# report.py: draws the table (Markdown) and the picture (SVG) of kept results.
"""Usage: report.py RESULTS.json ... [--table FILE] [--picture FILE]

Several files are laid over each other: a scenario of a later file replaces that of an earlier.
Without --table the table goes to standard output.
"""
import argparse
import html
import json
import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import arms  # noqa: E402
import figures  # noqa: E402

UNITS = {"frame": "µs CPU a frame", "connection": "µs CPU a connection", "p99": "µs",
         "memory": "bytes a connection"}
OURS = ("mcp-auth", "host", "at 19,000", "two workers")
WIDTH, LEFT, RIGHT, ROW, TOP = 860, 330, 90, 20, 56


def title(arm):
    path = arms.HERE / "peers" / arm / "peer.json"
    names = {"limit": "bare loop", "mcp-auth": "MCP-Auth", "host": "MCP-Auth, in-process"}
    if arm not in names and path.exists():
        return json.loads(path.read_text(encoding="utf-8"))["title"]
    return names.get(arm, arm)


def number(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def decided(scenario, row):
    if scenario.get("absolute") is not None and "value" in row:
        return f"≤ {scenario['absolute']}", figures.verdict(row["value"], scenario["absolute"])
    if scenario.get("target") is not None:
        return f"≤ {scenario['target']} ×", figures.verdict(row.get("ratio"), scenario["target"])
    return "", "stated"


def ordered(results):
    return sorted(results["scenarios"].values(), key=lambda scenario: scenario.get("order") or 0)


def rows(results):
    """(scenario, arm, value, ratio, wanted, verdict) of every arm, ours judged."""
    for scenario in ordered(results):
        for arm, row in scenario["arms"].items():
            wanted, verdict = decided(scenario, row) if arm in OURS else ("", "")
            value, ratio = row.get("value"), row.get("ratio")
            if not value:
                verdict = f"failed {row['failed']}" if row["failed"] else "not run"
            elif row["failed"]:
                verdict += f" (failed {row['failed']})"
            yield (scenario["title"], title(arm),
                   f"{number(value['median'])} {UNITS[scenario['unit']]}" if value else "—",
                   "" if scenario["unit"] == "memory" else
                   "1" if arm == scenario["base"] else
                   f"{ratio['median']:.2f} ({ratio['low']:.2f}–{ratio['high']:.2f})" if ratio
                   else "—", wanted, verdict)
        for arm in scenario["absent"]:
            yield scenario["title"], title(arm), "—", "—", "", "absent"


def table(results):
    lines = ["| scenario | server | median | ratio (95 %) | wanted | |",
             "|---|---|---|---|---|---|"]
    last = None
    for scenario, *cells in rows(results):
        lines.append("| " + " | ".join([scenario if scenario != last else "", *cells]) + " |")
        last = scenario
    return "\n".join(lines) + "\n"


def conditions(results):
    m = results["machine"]
    load = " to ".join(f"{m[key][0]:.1f}" for key in ("load_before", "load_after") if key in m)
    return (f"{m['cpu']}, {m['cores']} cores, Linux {m['kernel']}, loopback; commit {m['commit']}; "
            f"{results['pairs']} pairs; began {results['began']}; load {load}."
            f"{' ' + results['note'] + '.' if 'note' in results else ''}\n"
            + "".join(f"{name} {version}. " for name, version in
                      results.get("peers", {}).items()).strip())


def place(ratio, low, high):
    """Where a ratio stands: the scale is logarithmic, so that 0.5 and 2 are as far from 1."""
    share = (math.log(ratio) - math.log(low)) / (math.log(high) - math.log(low))
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def picture(results):
    """One line for each server with a ratio: its median as a dot, its interval as a bar."""
    groups = []
    for scenario in ordered(results):
        found = [(arm, row["ratio"]) for arm, row in scenario["arms"].items()
                 if "ratio" in row and arm != scenario["base"]]
        if found and scenario["unit"] != "memory":
            groups.append((scenario, found))
    if not groups:
        return ""
    every = [r[key] for _, found in groups for _, r in found for key in ("low", "high")]
    low = min(0.8, min(every) / 1.05)
    high = max(2.0, max(every) * 1.1)
    height = TOP + sum(ROW * (len(found) + 1) + 10 for _, found in groups) + 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
           'font-family="system-ui, sans-serif" font-size="12" role="img">',
           "<title>Cost as a ratio to the limit</title>",
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
           '<text x="12" y="22" font-size="15" font-weight="600">Cost over that of the limit '
           '(less is better; bar: 95 % interval; red: what is wanted)</text>']
    last = 0.0
    for tick in (1, 0.5, 0.8, 1.2, 1.5, 2, 3, 5, 10, 20, 50):
        if low <= tick <= high:
            x = place(tick, low, high)
            out.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 14}" '
                       f'stroke="{"#444" if tick == 1 else "#ddd"}"/>')
            if tick == 1 or min(abs(x - last), abs(x - place(1, low, high))) > 26:
                last = x
                out.append(f'<text x="{x:.1f}" y="{TOP - 14}" text-anchor="middle">{tick:g}</text>')
    y = TOP + 6
    for scenario, found in groups:
        out.append(f'<text x="12" y="{y + 8}" font-weight="600" paint-order="stroke" '
                   'stroke="#fff" stroke-width="4">'
                   f'{html.escape(scenario["title"])}</text>')
        if scenario.get("target"):
            x = place(min(max(scenario["target"], low), high), low, high)
            out.append(f'<line x1="{x:.1f}" y1="{y + 12}" x2="{x:.1f}" '
                       f'y2="{y + ROW * (len(found) + 1)}" stroke="#c33" stroke-dasharray="3 2"/>')
        for arm, ratio in found:
            y += ROW
            colour = "#1a6dc4" if arm in OURS else "#888"
            a, b, mid = (place(ratio[key], low, high) for key in ("low", "high", "median"))
            out.append(f'<text x="{LEFT - 12}" y="{y + 8}" text-anchor="end">'
                       f'{html.escape(title(arm).replace("`", ""))}</text>')
            out.append(f'<rect x="{a:.1f}" y="{y + 1}" width="{max(b - a, 1):.1f}" height="6" '
                       f'fill="{colour}" opacity="0.4"/>')
            out.append(f'<circle cx="{mid:.1f}" cy="{y + 4}" r="4" fill="{colour}"/>')
            out.append(f'<text x="{max(b, mid) + 8:.1f}" y="{y + 8}">{ratio["median"]:.2f}</text>')
        y += ROW + 10
    out.append("</svg>")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("results", nargs="+")
    parser.add_argument("--table")
    parser.add_argument("--picture")
    options = parser.parse_args()
    laid, notes = {"scenarios": {}}, []
    for path in options.results:
        results = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        laid["scenarios"].update(results["scenarios"])
        notes.append(f"{pathlib.Path(path).name}: {conditions(results)}")
    text = table(laid) + "\n" + "\n".join(notes) + "\n"
    if options.table:
        pathlib.Path(options.table).write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    if options.picture:
        pathlib.Path(options.picture).write_text(picture(laid), encoding="utf-8")


if __name__ == "__main__":
    main()
