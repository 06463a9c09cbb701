# SPDX-License-Identifier: Apache-2.0
"""lastref query, against trackers that answer what the test wants. The tables in golden/ were printed by
`python -m tvm.exec.query_rpc_tracker` of TVM 0.27 for the summaries in golden/summaries.json."""
import json
import os
import signal
import socket
import unittest

from peers import Command, FixedTracker, free_port, run

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
with open(os.path.join(GOLDEN, "summaries.json"), encoding="utf-8") as file:
    SUMMARIES = json.load(file)


class Query(unittest.TestCase):
    def tracker(self, summary, **options):
        tracker = FixedTracker(summary, **options)
        self.addCleanup(tracker.close)
        return tracker

    def test_prints_to_the_letter_what_tvm_prints(self):
        for name, summary in SUMMARIES.items():
            with self.subTest(name):
                tracker = self.tracker(summary)
                path = os.path.join(GOLDEN, name.replace(" ", "_") + ".txt")
                with open(path, encoding="utf-8", newline="") as text:
                    want = text.read().replace("{tracker}", "127.0.0.1:%d" % tracker.port)
                status, out, errors = run("query", "--host", "127.0.0.1", "--port", tracker.port)
                self.assertEqual((status, errors), (0, ""))
                self.assertEqual(out, want)

    def test_a_key_with_colons_is_counted_whole(self):
        tracker = self.tracker({"queue_info": {"a:b": {"free": 1, "pending": 0}},
                                "server_info": [{"key": "server:a:b", "addr": ["h", 1]}]})
        _, out, _ = run("query", "--port", tracker.port)
        self.assertRegex(out, r"(?m)^a:b   1      1     0 ")

    def test_asks_as_tvm_does_so_that_any_tracker_understands(self):
        tracker = self.tracker(SUMMARIES["one"])
        run("query", "--port", tracker.port)
        self.assertEqual(tracker.questions, [[6]])

    def test_host_and_port_come_from_the_environment_as_in_tvm(self):
        tracker = self.tracker(SUMMARIES["one"])
        status, out, _ = run("query", env={"TVM_TRACKER_HOST": "localhost",
                                           "TVM_TRACKER_PORT": str(tracker.port)})
        self.assertEqual(status, 0)
        self.assertIn("Tracker address localhost:%d\n" % tracker.port, out)

    def test_json_has_all_of_it_sorted(self):
        tracker = self.tracker(SUMMARIES["many"])
        status, out, _ = run("query", "--port", tracker.port, "--json")
        self.assertEqual(status, 0)
        told = json.loads(out)
        self.assertEqual(told["tracker"], {"host": "127.0.0.1", "port": tracker.port})
        self.assertEqual([queue["key"] for queue in told["queues"]],
                         sorted(SUMMARIES["many"]["queue_info"]))
        self.assertIn({"key": "rk3399", "total": 3, "free": 1, "pending": 12}, told["queues"])
        self.assertEqual(len(told["servers"]), 4)
        self.assertIsNone(told["held"], "this tracker does not tell")

    def test_held_of_a_tracker_that_does_not_tell_is_not_run(self):
        tracker = self.tracker(SUMMARIES["one"])
        status, out, errors = run("query", "--port", tracker.port, "--held")
        self.assertEqual((status, out), (3, ""))
        self.assertIn("does not tell who holds", errors)

    def test_no_tracker_fails_at_once_and_says_where(self):
        port = free_port()
        status, out, errors = run("query", "--port", port)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("127.0.0.1:%d" % port, errors)
        self.assertIn("refused", errors)

    def test_errors_are_json_where_logs_are(self):
        status, _, errors = run("query", "--port", free_port(), "--log-json")
        self.assertEqual(status, 1)
        for line in errors.splitlines():
            self.assertEqual(json.loads(line)["role"], "query")

    def test_what_is_no_tracker_is_told_as_such(self):
        tracker = self.tracker(SUMMARIES["one"], greeting=0x20505454)
        status, _, errors = run("query", "--port", tracker.port)
        self.assertEqual(status, 1)
        self.assertIn("no tracker", errors)

    def test_a_summary_that_is_none_is_an_error(self):
        for summary in (None, [], {"queue_info": 5}, {"queue_info": {}, "server_info": [7]}):
            with self.subTest(summary):
                tracker = self.tracker(summary)
                status, out, errors = run("query", "--port", tracker.port)
                self.assertEqual((status, out), (1, ""))
                self.assertTrue(errors.startswith("lastref query: "), errors)

    def test_wait_retries_until_the_tracker_is_there(self):
        port = free_port()
        query = Command("query", "--port", port, "--wait", 60, "--json")
        self.addCleanup(query.end)
        query.wait_for("trying for")
        tracker = Command("tracker", "--port", port, "--port-end", port + 1)
        self.addCleanup(tracker.end)
        status, out = query.wait()
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out)["servers"], [])

    def test_wait_gives_up_with_the_last_reason(self):
        status, _, errors = run("query", "--port", free_port(), "--wait", "0.3")
        self.assertEqual(status, 1)
        self.assertIn("refused", errors)

    def test_a_signal_ends_the_wait_with_its_own_status(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            query = Command("query", "--port", free_port(), "--wait", 60)
            self.addCleanup(query.end)
            query.wait_for("trying for")
            query.signal(number)
            self.assertEqual(query.wait(), (128 + number, ""))

    def test_a_tracker_that_says_nothing_is_given_up(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        status, _, errors = run("query", "--port", listener.getsockname()[1])
        self.assertEqual(status, 1)
        self.assertRegex(errors, "lastref query: .+")


if __name__ == "__main__":
    unittest.main()
