# SPDX-License-Identifier: Apache-2.0
# exposition.py: Prometheus' text format 0.0.4, read strictly.
import re

NAME = re.compile(r"mcp_auth_[a-z][a-z0-9_]*")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
VALUE = re.compile(r"\d+(\.\d+)?(e[+-]\d+)?")


def parse(text):
    """{family: (type, {(sample name, labels...): value})} of format 0.0.4, and no mistake in it."""
    assert text.endswith("\n") and "\n\n" not in text
    families, name = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name, text = line[7:].split(" ", 1)
            assert NAME.fullmatch(name) and name not in families and text[-1] == ".", line
            families[name] = (None, {})
            continue
        if line.startswith("# TYPE "):
            typed, kind = line[7:].split(" ")
            assert typed == name and families[name] == (None, {}), line
            assert kind in ("counter", "gauge", "histogram"), line
            families[name] = (kind, {})
            continue
        kind, samples = families[name]
        match = re.fullmatch(r"([a-z0-9_]+)(?:\{(.+)\})? (\S+)", line)
        assert match and VALUE.fullmatch(match[3]), line
        labels = LABEL.findall(match[2] or "")
        assert ",".join(f'{k}="{v}"' for k, v in labels) == (match[2] or ""), line
        suffix = match[1].removeprefix(name)
        assert suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",)), line
        key = (match[1], *sorted(labels))
        assert key not in samples, f"{line} twice"
        samples[key] = float(match[3])
    for name, (kind, samples) in families.items():
        assert kind and samples, name
        assert name.endswith("_total") == (kind == "counter"), name
        if kind == "histogram":
            check_histogram(name, samples)
    return families


def check_histogram(name, samples):
    buckets = [(float(dict(key[1:])["le"]), value) for key, value in samples.items()
               if key[0] == name + "_bucket"]
    assert buckets == sorted(buckets) and buckets[-1][0] == float("inf")
    counts = [value for _, value in buckets]
    assert counts == sorted(counts), "buckets are cumulative"
    assert samples[name + "_count",] == counts[-1]
    assert (samples[name + "_sum",] > 0) == (counts[-1] > 0)
