# SPDX-License-Identifier: Apache-2.0
"""lastref run and show, as processes: workers that die, signals, files that are read as they are written."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import xml.etree.ElementTree

import results_schema
from peers import LASTREF, SECONDS, Command, run, wait_until

CLOSED = """
    local tracker = w:tracker()
    w:server { key = "test", tracker = tracker }
    local session = w:client { tracker = tracker }:request("test")
    session:close()
    expect(session):released { after = "close", within = "20s", requestable = "20s" }
"""


def children(pid):
    """The processes below |pid|, by /proc."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as stat:
                    after = stat.read().rsplit(")", 1)[1].split()
                if after[0] != "Z":
                    parents[int(name)] = int(after[1])
            except (OSError, IndexError):
                pass
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def words_of(pid):
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as line:
            return line.read().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


def is_there(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Runs(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lastref-run-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.mkdir(self.path("scenarios"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def scenario(self, name, body, more=""):
        with open(self.path("scenarios/%s.lua" % name), "w", encoding="utf-8") as script:
            script.write('scenario "the story of %s" { %s run = function(w, case)\n%s\nend }\n' % (
                name, more, body))

    def report(self, name="r.json"):
        with open(self.path(name), encoding="utf-8") as text:
            report = json.load(text)
        self.assertEqual(results_schema.check(report), [])
        return report

    def files(self):
        return ["--json", self.path("r.json"), "--junit", self.path("r.xml"), "--tap", self.path("r.tap")]

    def start(self, *arguments):
        # A sanitizer's handler would make an exit with a finding of the signal that a test sends.
        env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":handle_segv=0"}
        command = Command("run", self.path("scenarios"), "--world", "live", *arguments, *self.files(),
                          env=env)
        self.addCleanup(command.end)
        return command

    def run_all(self, *arguments):
        status, out, errors = run("run", self.path("scenarios"), "--world", "live", *arguments, *self.files())
        return status, out, errors

    def workers(self, command):
        return [pid for pid in children(command.process.pid)
                if words_of(pid)[1:2] == ["worker"] and "lastref-guard" not in words_of(pid)[0]]

    def plant(self, seconds="600s", more=""):
        """Three cases, of which the second waits, beside a program by which it is seen that it has begun."""
        self.scenario("a_before", CLOSED)
        self.scenario("b_waits", """
            w:program { command = { "sleep", "1000" }, stepped = false }
            w:pass("%s")
            expect(1):is(1)""" % seconds, more)
        self.scenario("c_after", CLOSED)


@unittest.skipUnless(os.path.isdir("/proc/self"), "no /proc here, by which workers are found")
class Workers(Runs):
    def worker(self, command):
        """The pid of the worker that plays the case which waits."""
        def those():
            return [pid for pid in self.workers(command)
                    if any(words_of(child)[:1] == ["sleep"] for child in children(pid))]
        wait_until(lambda: those() or command.process.poll() is not None, "the case that waits")
        self.assertIsNone(command.process.poll(), command.lines)
        return those()[0]

    def expect_second_invalid(self, command, *reasons):
        status, out = command.wait()
        self.assertEqual(status, 3, out)
        report = self.report()
        self.assertTrue(report["complete"])
        self.assertEqual([case["result"] for case in report["cases"]],
                         ["as expected", "invalid", "as expected"])
        self.assertEqual([case["name"] for case in report["cases"]], ["a_before", "b_waits", "c_after"])
        for reason in reasons:
            self.assertIn(reason, report["cases"][1]["reason"])
        self.assertIn("INVALID    b_waits", out)
        self.assertIn("because:  its worker", out)
        return report["cases"][1]

    def test_a_case_whose_worker_dies_is_invalid_and_the_others_are_run(self):
        for number, words in ((signal.SIGSEGV, "signal 11 (segmentation fault)"),
                              (signal.SIGABRT, "signal 6"), (signal.SIGKILL, "signal 9 (killed")):
            self.plant()
            command = self.start()
            os.kill(self.worker(command), number)
            self.expect_second_invalid(command, words)
            os.unlink(self.path("r.json"))

    def test_a_worker_that_hangs_is_killed_when_its_case_should_long_have_ended(self):
        self.plant(more='limit = "1s",')
        command = self.start("--grace", "1")
        worker = self.worker(command)
        os.kill(worker, signal.SIGSTOP)
        self.expect_second_invalid(
            command, "its worker hung, and was killed 1.00 s after the case's time limit")
        wait_until(lambda: not is_there(worker), "the end of the worker that hung")

    def test_several_workers_are_lost_alone(self):
        self.plant()
        command = self.start("--jobs", "3")
        os.kill(self.worker(command), signal.SIGKILL)
        self.expect_second_invalid(command, "signal 9")

    def test_an_interrupted_run_says_so_everywhere_and_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.plant()
            command = self.start()
            self.worker(command)
            family = children(command.process.pid)
            command.signal(number)
            status, out = command.wait()
            self.assertEqual(status, 3)
            self.assertIn("interrupted: the rest was not run", out)
            report = self.report()
            self.assertFalse(report["complete"])
            self.assertTrue(report["interrupted"])
            self.assertEqual([case["reason"] for case in report["cases"]], [None, "interrupted"])
            suite = xml.etree.ElementTree.parse(self.path("r.xml")).getroot()
            self.assertEqual(suite.get("errors"), "2", "the case, and the run")
            with open(self.path("r.tap"), encoding="utf-8") as tap:
                self.assertIn("\nBail out! interrupted: 2 of 3 cases have ended\n", tap.read())
            wait_until(lambda: not any(map(is_there, family)), "the end of all that was started")
            os.unlink(self.path("r.json"))

    def test_a_signal_that_comes_twice_at_once_is_one(self):
        # As from timeout(1), which signals its command and then its group.
        self.plant()
        command = self.start()
        self.worker(command)
        for _ in range(5):
            command.signal(signal.SIGINT)
            time.sleep(0.002)
        status, out = command.wait()
        self.assertEqual(status, 3)
        self.assertIn("interrupted: the rest was not run", out)
        self.assertTrue(self.report()["interrupted"])

    def test_a_second_signal_ends_a_run_whose_workers_do_not_heed_the_first(self):
        self.plant()
        command = self.start()
        os.kill(self.worker(command), signal.SIGSTOP)
        family = children(command.process.pid)

        def signalled():
            command.signal(signal.SIGTERM)
            return command.process.poll() is not None
        wait_until(signalled, "the end")
        status, _ = command.wait()
        self.assertEqual(status, -signal.SIGTERM)
        wait_until(lambda: not any(map(is_there, family)), "the end of all that was started")
        self.assertFalse(self.report()["complete"])

    def test_a_run_that_is_killed_leaves_reports_that_say_so_and_no_process(self):
        self.scenario("a_before", CLOSED)
        self.scenario("b_waits", """
            local p = w:program { command = { "sh", "-c", "sleep 1000 & read line; echo ok; sleep 1000" } }
            p:step("x")
            w:pass("600s")
            expect(1):is(1)""")
        command = self.start()
        self.worker(command)
        family = children(command.process.pid)
        self.assertGreaterEqual(len(family), 5, "guard, worker, guard, shell, sleep")
        command.signal(signal.SIGKILL)
        command.wait()
        wait_until(lambda: not any(map(is_there, family)), "the end of all that was started")
        report = self.report()
        self.assertFalse(report["complete"])
        self.assertEqual((report["planned"], len(report["cases"])), (2, 1))
        suite = xml.etree.ElementTree.parse(self.path("r.xml")).getroot()
        error = suite.find(".//testcase[@name='the run has ended']/error")
        self.assertIn("incomplete: 1 of 2 cases", error.get("message"))
        with open(self.path("r.tap"), encoding="utf-8") as tap:
            self.assertEqual(tap.read(), "TAP version 14\n1..2\nok 1 - a_before (live)\n")


class Files(Runs):
    def test_every_field_of_the_schema_is_documented_and_the_other_way_round(self):
        self.assertEqual(results_schema.fields() - results_schema.documented(), set())
        words = {"null", "true", "false", "held_by", "f_back", "late"}
        self.assertEqual(results_schema.documented() - results_schema.fields() - words, set())

    def test_the_schema_finds_what_is_wrong(self):
        self.scenario("one", CLOSED)
        self.run_all()
        for spoil in (lambda r: r.pop("planned"), lambda r: r.update(new=1), lambda r: r.update(complete=1),
                      lambda r: r["cases"][0].pop("world"), lambda r: r["cases"][0].update(result="fine"),
                      lambda r: r["counts"].update(invalid=1), lambda r: r["cases"].clear()):
            report = self.report()
            spoil(report)
            self.assertNotEqual(results_schema.check(report), [])

    def test_what_was_tortured_is_told(self):
        self.scenario("one", CLOSED)
        status, _, errors = self.run_all("--world", "sim", "--torture", "io")
        self.assertEqual((status, errors), (0, ""))
        tortured = self.report()["cases"][0]["torture"]
        self.assertEqual((tortured["what"], tortured["failed"]), ("io", 0))
        self.assertGreater(tortured["points"], 10)

    def test_reports_are_whole_whenever_they_are_read(self):
        self.scenario("many", CLOSED + "expect(case.n % 3):is(0)",
                      "matrix = { n = { %s } }," % ", ".join(map(str, range(60))))
        process = subprocess.Popen(
            [LASTREF, "run", self.path("scenarios"), "--world", "live", "--jobs", "2"] + self.files(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        seen = set()
        while process.poll() is None:
            try:
                report = self.report()
            except FileNotFoundError:
                continue
            seen.add(len(report["cases"]))
            xml.etree.ElementTree.parse(self.path("r.xml"))
            with open(self.path("r.tap"), encoding="utf-8") as tap:
                self.assertTrue(tap.read().startswith("TAP version 14\n1..60\n"))
        self.assertEqual(process.returncode, 1)
        self.assertEqual(self.report()["counts"]["unexpected"], 40)
        self.assertIn(0, seen)

    def test_as_many_jobs_as_one_likes_come_to_the_same(self):
        self.scenario("a", CLOSED, "matrix = { n = { 1, 2, 3, 4, 5 } },")
        self.scenario("b", "expect(case.n < 4):is(true)", "matrix = { n = { 1, 2, 3, 4, 5 } },")
        self.scenario("c", "w:pass('200ms')")
        self.scenario("d", "expect(math.random(1000000)):is(1)")
        told = []
        for jobs in ("1", "4"):
            status, out, _ = self.run_all("--jobs", jobs, "--repeat", "2")
            self.assertEqual(status, 1)
            report = self.report()
            told.append([(case["name"], case["result"], case["seed"], case["reason"], case["protocol"],
                          [(e["seen"], e["held"]) for e in case["expectations"]
                           if "released" not in e["text"]])
                         for case in report["cases"]])
            names = re.findall(r"(?m)^(?:ok|FAILED|INVALID) +(\S+) +\(live", out)
            self.assertEqual(names, [case[0] for case in told[-1]])
        self.assertEqual(told[0], told[1])
        self.assertEqual(len(told[0]), 24)

    def test_the_command_that_repeats_a_case_does(self):
        self.scenario("it's", "expect(case.n):is(2)", "matrix = { n = { 1, 2, 3 } },")
        self.run_all("--seed", "41")
        case = self.report()["cases"][2]
        self.assertEqual(case["name"], "it's[n=3]")
        words = subprocess.run(["sh", "-c", 'printf "%s\\n" ' + case["repeat"].split(" ", 1)[1]], check=True,
                               capture_output=True, timeout=SECONDS).stdout.decode().splitlines()
        status, out, _ = run(*words)
        self.assertEqual(status, 1)
        self.assertIn("1 cases in", out)
        self.assertIn("seed 41", out)

    def test_exit_status_and_known_failures_by_world(self):
        self.scenario("x", "expect(1):is(2)")
        self.scenario("y", "expect(1):is(1)", 'worlds = { "sim" },')
        for line, status in (("live:x | failed | r | l", 0), ("sim:x | failed | r | l", 1),
                             ("x | failed | r | l", 0),
                             ("x | failed | r | l\nsim:y | failed | r | l\ny | * | r | l", 0),
                             ("x | failed | r | l\nlive:z | failed | r | l", 1)):
            with open(self.path("known"), "w", encoding="utf-8") as known:
                known.write(line + "\n")
            self.assertEqual(self.run_all("--known-failures", self.path("known"))[0], status, line)

    def test_the_seed_is_told_first_and_last(self):
        self.scenario("x", "expect(1):is(1)", "matrix = { n = { 1, 2 } },")
        _, out, _ = self.run_all("--seed", "77", "--repeat", "2")
        self.assertEqual(out.splitlines()[0], "4 cases, seed 77")
        self.assertIn("4 cases in", out)
        self.assertIn("world live, seed 77\n", out)

    def test_the_log_of_the_workers_roles_is_the_runs(self):
        self.scenario("x", CLOSED)
        _, _, errors = self.run_all("--verbose", "--log-json")
        events = [json.loads(line) for line in errors.splitlines()]
        self.assertTrue({"bind", "session-begin", "grant"} <= {event.get("event") for event in events})


    def test_what_a_role_was_refused_is_told_by_its_case_and_not_on_the_console(self):
        self.scenario("x", """
            local tracker = w:tracker()
            w:server { key = "test", tracker = tracker }
            local client = w:client { tracker = tracker }
            w:fault { on = tracker, kind = "no_memory", allocation = 1 }
            pcall(client.request, client, "test", { tries = 1, wait = "1s" })
            expect(1):is(2)""")
        status, _, errors = self.run_all("--world", "sim")
        self.assertEqual((status, errors), (1, ""))
        told = [line for line in self.report()["cases"][0]["timeline"] if "out of memory" in json.dumps(line)]
        self.assertTrue(told and "tracker1: " in json.dumps(told[0]), told)
        _, _, errors = self.run_all("--world", "sim", "--verbose")
        self.assertIn("out of memory", errors)


class Asked(Runs):
    def refused(self, arguments, *texts):
        status, out, errors = run(*arguments)
        self.assertEqual((status, out), (2, ""), errors)
        for text in texts:
            self.assertIn(text, errors)

    def test_a_list_names_each_case_once_with_its_worlds(self):
        self.scenario("a", "", "matrix = { n = { 1, 2 } },")
        self.scenario("b", "", 'worlds = { "sim" },')
        for world, names in (("live", ["a[n=1]  (sim, live)", "a[n=2]  (sim, live)"]),
                             ("all", ["a[n=1]  (sim, live)", "a[n=2]  (sim, live)", "b  (sim)"])):
            status, out, _ = run("run", "--list", "--world", world, self.path("scenarios"))
            self.assertEqual(status, 0)
            self.assertEqual(out.splitlines()[::2], names)
            self.assertEqual(out.splitlines()[1], "    the story of a")

    def test_a_filter_that_fits_nothing_is_told_what_is_near(self):
        self.scenario("timeout-releases", "", 'worlds = { "live" },')
        scenarios = self.path("scenarios")
        self.refused(["run", scenarios, "--filter", "tiemout-rel"], "tiemout-rel", "is it timeout-releases?")
        _, _, errors = run("run", scenarios, "--filter", "xylophone")
        self.assertNotIn("is it", errors)
        self.refused(["run", scenarios, "--filter", "timeout", "--world", "sim"], "none for world sim")
        self.refused(["run", scenarios, "--world", "sim"], "no case for this world in 1 files")

    def test_a_case_is_shown_with_all_that_it_demands(self):
        with open(self.path("scenarios/x.lua"), "w", encoding="utf-8") as script:
            script.write("-- SPDX-License-Identifier: Apache-2.0\n-- Why it is so.\n"
                         "scenario \"it is so\" {\n"
                         "  from = \"a story\",\n  limit = \"90s\",\n  worlds = { \"live\" },\n"
                         "  matrix = { n = { 1, 2 } },\n  run = function(w, case)\n    -- expect(nothing)\n"
                         "    expect(case.n):is(1)\n  end,\n}\n"
                         "scenario \"another\" { run = function() end }\n")
        status, out, _ = run("show", "x[n=2]", self.path("scenarios"))
        self.assertEqual(status, 0)
        for line in ("it is so", "case:    x[n=2]", "source:  %s:3" % self.path("scenarios/x.lua"),
                     "from:    a story", "values:  n=2", "worlds:  live", "limit:   90.00 s",
                     "    10  expect(case.n):is(1)", "   2  -- Why it is so.", "  12  }"):
            self.assertIn(line + "\n", out)
        self.assertNotIn("another", out)
        self.assertNotIn("SPDX", out)
        self.assertNotIn("     9  ", out.split("demands:")[1].split("\n\n")[0])
        self.refused(["show", "x[n", self.path("scenarios")], "2 cases", "x[n=1]")
        self.refused(["show", "x[m=2]", self.path("scenarios")], "is it x[n=")
        self.refused(["show", "anything", self.path("nowhere")], "no such file or folder")

    def test_a_worker_is_not_for_people(self):
        _, out, _ = run("--help")
        self.assertNotIn("worker", out)
        self.assertEqual(run("worker")[0], 0, "nobody gives orders, so it leaves")
        done = subprocess.run([LASTREF, "worker"], input=b"make tea\n", capture_output=True,
                              timeout=SECONDS)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"takes its orders alone", done.stderr)


if __name__ == "__main__":
    unittest.main()
