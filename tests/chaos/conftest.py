# SPDX-License-Identifier: Apache-2.0
# conftest.py: the behaviour tests' helpers are ours, too.
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "behaviour"))
