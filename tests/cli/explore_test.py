# SPDX-License-Identifier: Apache-2.0
"""lastref explore and lastref report merge: shares of the seeds are the whole, whoever plays them."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from peers import run

SHARDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "explore_shards.sh")


def has_gnu_parallel():
    if shutil.which("parallel") is None:
        return False
    version = subprocess.run(["parallel", "--version"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    return version.stdout.startswith(b"GNU parallel")


class Explore(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lastref-explore-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def explore(self, name, *arguments, expected=0):
        status, out, errors = run("explore", "--found", self.path("found"), "--json", self.path(name),
                                  *arguments)
        self.assertEqual(status, expected, errors)
        return out

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return json.load(file)

    def edit(self, name, **values):
        report = self.read(name)
        report.update(values)
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump(report, file)

    def merge(self, *names, expected=0):
        status, _, errors = run("report", "merge", *map(self.path, names), "--out", self.path("whole.json"))
        self.assertEqual(status, expected, errors)
        return errors

    def whole(self, name):
        """What a report says of the seeds, less who played them."""
        return {member: value for member, value in self.read(name).items()
                if member not in ("shard", "shards", "real_ms")}

    def script(self, seeds, shards, **environment):
        script = subprocess.run([SHARDS, seeds, shards, self.folder], env=dict(os.environ, **environment),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                universal_newlines=True, timeout=300)
        return script.returncode, script.stdout

    # ---- explore ----

    def test_a_seed_is_played_alone_and_tells_the_same_each_time(self):
        status, out, errors = run("explore", "--seed", "7")
        self.assertEqual((status, errors), (0, ""))
        self.assertRegex(out, r"(?m)^scenario \"")
        self.assertRegex(out, r"(?m)^-- \d+ operations, \d+ faults, .*; digest [0-9a-f]{16}$")
        self.assertEqual(run("explore", "--seed", "7"), (0, out, ""))

    def lying_plan(self, word):
        """That of the first seed that has |word| and little patience, and no fault that may not fire."""
        for seed in range(1, 400):
            status, out, errors = run("explore", "--seed", str(seed))
            self.assertEqual((status, errors), (0, ""))
            plan = out.split("scenario \"")[1]
            faulty = "w:fault" in plan or "w.fault" in plan or ", 0 faults" not in plan
            if word in plan and "handshake = \"500ms\"" in plan and not faulty:
                return out[:out.rindex("\n}\n") + 3]
        self.fail("no seed has " + word)

    def test_services_that_lie_are_written_as_a_scenario_that_plays(self):
        for word in ("stand_as_server", "stand_as_tracker"):
            with open(self.path("liar.lua"), "w", encoding="utf-8") as file:
                file.write(self.lying_plan(word))
            status, out, errors = run("run", self.path("liar.lua"), "--world", "sim")
            self.assertEqual(status, 0, out + errors)

    def test_the_seeds_are_played_whoever_plays_them(self):
        out = self.explore("one.json", "--seeds", "1..100", "--jobs", "1")
        self.assertRegex(out, r"(?m)^100 runs, \d+ operations, ")
        self.explore("three.json", "--seeds", "1..100", "--jobs", "3")
        self.assertEqual(self.whole("one.json"), self.whole("three.json"))

    def test_the_json_says_what_was_played(self):
        self.explore("some.json", "--seeds", "5..24", "--jobs", "1")
        report = self.read("some.json")
        self.assertEqual(report["format"], "lastref explore 1")
        self.assertEqual((report["first_seed"], report["last_seed"], report["runs"]), (5, 24, 20))
        self.assertEqual((report["shard"], report["shards"]), (1, 1))
        self.assertEqual(report["findings"], [])
        self.assertGreater(report["operations"], 20)
        self.assertTrue(all(entry["count"] > 0 for entry in report["reached"]))

    def test_time_ends_it_too(self):
        self.explore("some.json", "--for", "0.3", "--jobs", "1")
        self.assertGreater(self.read("some.json")["runs"], 0)

    def test_what_is_no_range_no_share_and_no_number_is_refused(self):
        for arguments in (["--seeds", "5"], ["--seeds", "5..4"], ["--seeds", "x..4"], ["--shard", "0/2"],
                          ["--shard", "3/2"], ["--shard", "2"], ["--seed", "x"], ["--jobs", "65"],
                          ["operand"]):
            status, out, errors = run("explore", *arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertIn("lastref explore", errors)

    def test_a_report_that_cannot_be_written_is_a_failure_of_its_own(self):
        status, _, errors = run("explore", "--seeds", "1..2", "--found", self.path("found"),
                                "--json", self.path("none/x.json"))
        self.assertEqual(status, 4)
        self.assertIn("cannot be written", errors)

    # ---- report merge ----

    def shares(self, count, seeds="1..90"):
        names = ["%d.json" % i for i in range(1, count + 1)]
        for i, name in enumerate(names, 1):
            self.explore(name, "--seeds", seeds, "--jobs", "1", "--shard", "%d/%d" % (i, count))
        return names

    def test_two_shares_played_at_once_are_the_whole(self):
        """Two processes beside each other, as two machines would."""
        status, out = self.script("1..120", "2", VIA="processes", COMPARE="1")
        self.assertEqual(status, 0, out)
        self.assertIn("the 2 shares are the whole", out)
        self.assertEqual(self.read("whole.json")["runs"], 120)

    @unittest.skipUnless(has_gnu_parallel(), "GNU parallel is not installed (tools/setup.sh test)")
    def test_shares_by_gnu_parallel_are_the_whole(self):
        status, out = self.script("1..120", "3", VIA="parallel", COMPARE="1")
        self.assertEqual(status, 0, out)
        self.assertIn("the 3 shares are the whole", out)

    def test_a_share_that_fails_is_told(self):
        status, out = self.script("1..20", "2", VIA="processes", LASTREF="false")
        self.assertEqual(status, 4, out)
        self.assertIn("a share is missing", out)

    def test_shares_are_joined_in_any_order_and_in_steps(self):
        first, second, third = self.shares(3)
        self.explore("at_once.json", "--seeds", "1..90", "--jobs", "1")
        self.merge(third, first, second)
        self.assertEqual(self.whole("whole.json"), self.whole("at_once.json"))
        self.assertEqual((self.read("whole.json")["shard"], self.read("whole.json")["shards"]), (0, 0))
        os.rename(self.path("whole.json"), self.path("before.json"))
        self.explore("more.json", "--seeds", "91..120", "--jobs", "1")
        self.merge("before.json", "more.json")
        self.assertEqual(self.read("whole.json")["runs"], 120)
        self.assertEqual(self.read("whole.json")["last_seed"], 120)

    def test_a_missing_share_is_told_and_one_that_is_there_twice_refused(self):
        first, second, third = self.shares(3)
        self.assertIn("1 of 3 shares of the seeds 1..90 are missing", self.merge(first, third, expected=3))
        self.assertEqual(self.read("whole.json")["runs"], 60)
        self.assertIn("share 2/3 is there twice", self.merge(first, second, third, second, expected=2))

    def test_findings_are_joined_by_their_kind_and_ask_for_a_look(self):
        first, second = self.shares(2)
        common = {"runs": 2, "operations": 4, "shrink_runs": 77, "repeats": True}
        later = dict(common, seed=9, finding="late: session 3 by 1.5 s", file="found/a.lua")
        late = dict(common, seed=4, finding="late: session 1 by 20.1 ms", file="found/b.lua")
        leaked = {"seed": 8, "finding": "leaked: session 1", "runs": 1, "file": "", "operations": 0,
                  "shrink_runs": 0, "repeats": False}
        self.edit(first, findings=[later])
        self.edit(second, findings=[late, leaked])
        self.merge(first, second, expected=1)
        self.assertEqual(self.read("whole.json")["findings"], [dict(late, runs=4), leaked])

    def test_what_is_no_report_is_refused_with_its_name(self):
        self.explore("good.json", "--seeds", "1..2", "--jobs", "1")
        for name, text in (("empty.json", ""), ("other.json", "{}"), ("list.json", "[1]")):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
            self.assertIn(name, self.merge("good.json", name, expected=2))
        self.assertIn("none.json", self.merge("good.json", "none.json", expected=2))
        self.assertFalse(os.path.exists(self.path("whole.json")))
        for arguments in ([], ["merge"], ["join", "x"]):
            self.assertEqual(run("report", *arguments)[0], 2, arguments)

    def test_without_a_file_for_it_the_whole_goes_to_standard_output(self):
        names = self.shares(2, "1..10")
        status, out, errors = run("report", "merge", *map(self.path, names))
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(json.loads(out)["runs"], 10)


if __name__ == "__main__":
    unittest.main()
