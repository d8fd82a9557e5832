#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# build_lists.py: every source file and every test is in its meson.build.
import sys

import _tree


if __name__ == "__main__":
    answer = _tree.run([sys.executable, "tools/sources.py"])
    sys.exit(_tree.report(answer.stdout.splitlines() + answer.stderr.splitlines()))
