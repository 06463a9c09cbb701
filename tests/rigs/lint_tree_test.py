#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one breach of each rule of tools/lint_tree.py and demands that it is found, there and alone."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

LINT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "lint_tree.py"
C = "/* SPDX-License-Identifier: Apache-2.0 */\n"


def function(lines):
    return "int f(void) {\n" + "    g();\n" * (lines - 2) + "}\n"


LOOP = "Test(c, d) {\n    lr_test_each_failure(f, NULL);\n}\n"


# rule, file, text, line of the finding, part of the message
BREACHES = [
    ("file-length", "harness/rpc/a.c", C + "int x;\n" * 600, 600, "601 lines"),
    ("file-length", "harness/rpc/a.h", C + "int x;\n" * 250, 250, "251 lines"),
    ("function-length", "harness/rpc/a.c", C + function(71), 2, "f: 71 lines"),
    ("function-length", "tests/unit/a_test.c", C + function(80).replace("int f(void)", "Test(a, b)") + LOOP,
     2, "Test(a, b): 80 lines"),
    ("columns", "harness/rpc/a.c", C + "/* " + "x" * 98 + " */\n", 2, "104 columns"),
    ("blanks", "harness/rpc/a.c", C + "int x; \n", 2, "blanks"),
    ("newline", "docs/a.md", "text", 1, "end the last line"),
    ("spdx", "harness/rpc/a.c", "int x;\n", 1, "licence"),
    ("spdx", "tools/a.sh", "#!/bin/sh\n", 1, "licence"),
    ("promise", "harness/rpc/a.c", C + "/* TO" + "DO: free it */\n", 2, "do the work"),
    ("promise", "docs/a.md", "This is not yet imple" + "mented.\n", 1, "do the work"),
    ("machine-path", "docs/a.md", "see /wo" + "rk/x/y\n", 1, "no path"),
    ("machine-path", "scenarios/a.py", "# SPDX-License-Identifier: Apache-2.0\nx = '/ho" + "me/me/x'\n", 2,
     "no path"),
    ("include", "harness/base/a.c", C + '#include "rpc/role.h"\n', 2, "base/ may not include from rpc/"),
    ("include", "harness/rpc/a.c", C + '#include "ledger/ledger.h"\n', 2, "from ledger/"),
    ("include", "harness/world/a.c", C + '#include "scenario/run.h"\n', 2, "from scenario/"),
    ("include", "reports/a.c", C + '#include "rpc/role.h"\n', 2, "reports/ may not include from rpc/"),
    ("include", "mocks/peers/a.c", C + '#include "world/host.h"\n', 2, "mocks/peers/ may not"),
    ("include", "harness/rpc/a.c", C + '#include "role.h"\n', 2, "from the root"),
    ("include", "harness/rpc/a.c", C + "#include <uv.h>\n", 2, "live_*"),
    ("include", "harness/world/sim.c", C + "#include <uv.h>\n", 2, "live_*"),
    ("include", "harness/rpc/a.c", C + "#include <time.h>\n", 2, "take `now`"),
    ("include", "harness/rpc/a.c", C + "#include <sys/socket.h>\n", 2, "outbox"),
    ("include", "harness/world/a.c", C + "#include <lua.h>\n", 2, "scenario/"),
    ("include", "harness/rpc/server.c", C + "#include <jansson.h>\n", 2, "tracker_msg"),
    ("banned-call", "harness/rpc/a.c", C + "int x = strcpy(a, b);\n", 2, "memcpy"),
    ("banned-call", "fuzz/a.c", C + "int x = sprintf(a, b);\n", 2, "snprintf"),
    ("banned-call", "harness/rpc/a.c", C + "int x = rand();\n", 2, "lr_prng"),
    ("banned-call", "harness/world/host.c", C + "int x = clock_gettime(a, b);\n", 2, "now"),
    ("banned-call", "harness/rpc/a.c", C + "void *x = malloc (3);\n", 2, "lr_alloc"),
    ("banned-call", "harness/scenario/a.c", C + "int f(void) {\n    free(x);\n}\n", 3, "lr_alloc"),
    ("banned-call", "harness/rpc/a.c", C + "int x = printf(a);\n", 2, "trace event"),
    ("banned-call", "harness/rpc/a.c", C + "int f(void) {\n    exit(1);\n}\n", 3, "lr_status"),
    ("banned-call", "tests/unit/a_test.c", C + "int x = usleep(3);\n" + LOOP, 2, "timer"),
    ("failing-allocation", "tests/unit/a_test.c", C + "Test(a, b) {\n    f();\n}\n", 1, "hand a short story"),
    ("failing-allocation", "tests/cli/a_test.c", C + "/* lr_test_each_failure(f, NULL) */\n", 1, "no loop"),
    ("failing-allocation", "tests/unit/a_test.c", C + "RIG_CASE_ONCE(a, b, NULL) {\n    f();\n}\n", 1,
     "no loop"),
    ("failing-allocation", "tests/unit/a_test.c", C + "const char *s = \"rig_each(f)\";\n", 1, "no loop"),
]

# Nothing to find here, though it looks like it.
INNOCENT = {
    "harness/rpc/a.c": C + '#include "base/time.h"\n#include "rpc/role.h"\n#include <string.h>\n'
    + '/* malloc(3), strcpy() and time() are spoken of only */\nconst char *s = "free(x) {";\n'
    + function(70) + "int y = table->free(x) + host.time() + lr_alloc_free(x);\n"
    + "static const struct row rows[] = {\n" + "    {1, 2},\n" * 80 + "};\n",
    "harness/base/alloc.c": C + "void *f(void) {\n    return malloc(3);\n}\n",
    "harness/world/live_loop.c": C + "#include <time.h>\n#include <uv.h>\n",
    "harness/scenario/a.c": C + '#include <lua.h>\n#include "mocks/heap/heap.h"\n',
    "harness/cli/main.c": C + '#include "reports/console.h"\nint f(void) {\n    exit(1);\n}\n',
    "tests/unit/a_test.c": C + LOOP,
    "tests/unit/b_test.c": C + "CLIENT_CASE_ROWS(a, b, 3) {\n    f();\n}\n",
    "tests/unit/c_test.c": C + "#define CASE(name) \\\n    rig_each(name, NULL)\n",
    "tests/unit/support/failing.c": C + "int f(void) {\n    return 0;\n}\n",
    "tests/rigs/clean_test.c": C + "Test(a, b) {\n    f();\n}\n",
    "tests/unit/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\nforeach(name a b c)\n",
    "docs/a.md": "Set TMPDIR, else ${TMPDIR:-/tmp}/x is used; " + "x" * 200 + "\n",
}


class LintTree(unittest.TestCase):
    def lint(self, files, exempt=""):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            pathlib.Path(root, "exempt").write_text(exempt, encoding="utf-8")
            done = subprocess.run(
                [sys.executable, str(LINT), "--root", root, "--exempt", str(pathlib.Path(root, "exempt"))],
                capture_output=True, text=True)
            return done.returncode, done.stdout.splitlines(), done.stderr

    def test_finds_each_breach_and_nothing_else(self):
        for rule, name, text, line, message in BREACHES:
            with self.subTest(rule=rule, name=name, message=message):
                folder = name.rpartition("/")[0]
                lists = {folder + "/CMakeLists.txt":
                         "# SPDX-License-Identifier: Apache-2.0\nadd(a)\n"}
                more = lists if name.startswith("tests/") else {}
                status, lines, errors = self.lint({name: text, **more})
                self.assertEqual((status, errors), (1, ""))
                self.assertEqual(len(lines), 2, lines)
                self.assertTrue(lines[0].startswith(f"{name}:{line}: {rule}: "), lines[0])
                self.assertIn(message, lines[0])

    def test_finds_a_suite_that_nobody_runs(self):
        python = "# SPDX-License-Identifier: Apache-2.0\n"
        lists = {"tests/unit/CMakeLists.txt": python + "include(rpc.cmake) # b\n",
                 "tests/unit/rpc.cmake": python + "foreach(name a server_c)\n",
                 "tests/cli/CMakeLists.txt": python + "foreach(name a)\n"}
        good = {"tests/unit/rpc_a_test.c": C + LOOP, "tests/unit/rpc_server_c_test.c": C + LOOP,
                "tests/cli/a_test.py": python}
        status, lines, _ = self.lint({**lists, **good})
        self.assertEqual(status, 0, lines)
        for name, text in (("tests/unit/rpc_b_test.c", C + LOOP), ("tests/cli/b_test.py", python)):
            status, lines, _ = self.lint({**lists, **good, name: text})
            self.assertEqual((status, len(lines)), (1, 2), lines)
            self.assertTrue(lines[0].startswith(f"{name}:1: unregistered-test: "), lines[0])

    def test_accuses_no_innocent(self):
        status, lines, errors = self.lint(INNOCENT)
        self.assertEqual((status, errors), (0, ""), lines)

    def test_counts_exemptions(self):
        status, lines, _ = self.lint({"harness/rpc/a.c": C + function(71)},
                                     "# why\nfunction-length harness/rpc/a.c the dispatch loop\n")
        self.assertEqual(status, 0, lines)
        self.assertIn("1 exempted by 1 exemptions", lines[-1])

    def test_reports_an_exemption_that_exempts_nothing(self):
        status, lines, _ = self.lint({"harness/rpc/a.c": C}, "columns harness/rpc/a.c no reason any more\n")
        self.assertEqual(status, 1)
        self.assertIn("exempt:1: unused-exemption: columns harness/rpc/a.c", lines[0])

    def test_refuses_an_exemption_without_a_reason(self):
        status, _, errors = self.lint({"harness/rpc/a.c": C}, "columns harness/rpc/a.c\n")
        self.assertEqual(status, 1)
        self.assertIn("REASON expected", errors)


if __name__ == "__main__":
    unittest.main()
