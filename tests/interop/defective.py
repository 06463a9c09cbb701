#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gives a sound CPython the defect of the report back, for what is started with a module path.

    PYTHON defective.py KIND_ZERO FOLDER

Writes into FOLDER, for PYTHONPATH (KIND_ZERO is kind_zero.py of mocks/pyclient):

  enum.py            a copy of this interpreter's own, whose Enum.__new__ no longer clears the locals
                     that hold the exception which it raises: the one difference between the versions
  sitecustomize.py   makes getaddrinfo answer kind 0, as on Windows, so that the enum raises at all

Exit status 1, with the reason, where this enum.py has no such lines.
"""
import enum
import os
import re
import sys

# "finally: exc = None; ve_exc = None", as it stands in Enum.__new__ since bpo-42248.
MEND = re.compile(r"^( +)finally:\n(?: *#[^\n]*\n)*\1    exc = None\n\1    ve_exc = None\n", re.MULTILINE)
# What remains needs some clause for its `try:`.
NOTHING = r"\1finally:\n\1    pass\n"


def main(kind_zero, folder):
    with open(enum.__file__, encoding="utf-8") as file:
        source = file.read()
    defective, count = MEND.subn(NOTHING, source)
    if count != 1:
        sys.stderr.write("%s has the mend %d times, not once\n" % (enum.__file__, count))
        return 1
    with open(os.path.join(folder, "enum.py"), "w", encoding="utf-8") as file:
        file.write(defective)
    with open(kind_zero, encoding="utf-8") as file:
        source = file.read()
    with open(os.path.join(folder, "sitecustomize.py"), "w", encoding="utf-8") as file:
        file.write(source + "\n\ninstall()\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
