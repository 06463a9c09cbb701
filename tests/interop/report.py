# SPDX-License-Identifier: Apache-2.0
"""What an interop run prints: one line a case, then the sum; and its exit status."""
import os
import shutil
import signal
import tempfile
import threading

import processes


class Report:
    def __init__(self, name):
        self.name = name
        self.lock = threading.Lock()
        self.passed = self.failed = self.not_run = 0
        self.logs = tempfile.mkdtemp(prefix="lastref-interop-")
        # Ends at once: the guardian kills what was started.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda got, _: os._exit(128 + got))

    def say(self, result, line, remark="", seconds=None):
        with self.lock:
            self.passed += result == "ok"
            self.failed += result == "FAILED"
            self.not_run += result == "not run"
            took = "" if seconds is None else "%5.2f s" % seconds
            print("%-8s %-92s %8s%s" % (result, line, took, "  (" + remark + ")" if remark else ""),
                  flush=True)

    def close(self, strict):
        """Ends what is left, prints the sum and returns the exit status."""
        if processes.Program.guardian is not None:
            processes.Program.guardian.end()
        left = processes.leftovers()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if left:
            self.say("FAILED", "%d processes were left behind" % len(left))
        if self.failed:
            print("logs of the roles: %s" % self.logs)
        else:
            shutil.rmtree(self.logs, ignore_errors=True)
        print("%s: %d passed, %d failed, %d not run" % (
            self.name, self.passed, self.failed, self.not_run), flush=True)
        if self.failed:
            return 1
        return 3 if self.not_run and strict else 0
