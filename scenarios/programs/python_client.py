#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pure-Python client of mocks/pyclient as a stepped program: its client.py lists options and steps."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, os.pardir, "mocks", "pyclient"))

import client  # noqa: E402 (found by the line above)

sys.exit(client.main(sys.argv[1:]))
