# SPDX-License-Identifier: Apache-2.0
"""The command line: help, wrong usage, exit statuses; nothing is started."""
import os
import re
import unittest

from peers import run

COMMANDS = ("tracker", "server", "query", "call", "run", "show")


class Usage(unittest.TestCase):
    def refused(self, arguments, *texts, env=None):
        status, out, errors = run(*arguments, env=env)
        self.assertEqual(status, 2, errors)
        self.assertEqual(out, "", "only results belong on stdout")
        for text in texts:
            self.assertIn(text, errors)

    def test_help_names_every_command(self):
        status, out, errors = run("--help")
        self.assertEqual((status, errors), (0, ""))
        for command in COMMANDS:
            self.assertRegex(out, r"(?m)^  %s " % command)

    def test_version_is_one_line(self):
        status, out, _ = run("--version")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"\Alastref \d+\.\d+\.\d+\n\Z")

    def test_no_command_is_wrong_usage(self):
        self.refused([], "usage: lastref COMMAND")

    def test_an_unknown_command_is_told_what_was_meant(self):
        self.refused(["trakcer"], 'no command "trakcer"', "did you mean tracker?")
        self.refused(["serv"], "did you mean server?")

    def test_an_unknown_command_that_is_near_to_none_gets_no_advice(self):
        status, _, errors = run("xylophone")
        self.assertEqual(status, 2)
        self.assertNotIn("did you mean", errors)

    def test_each_command_has_help_with_its_defaults(self):
        for command, default in (("tracker", "9190"), ("server", "9090"), ("call", "FUNCTION"),
                                 ("query", "TVM_TRACKER_HOST")):
            status, out, errors = run(command, "--help")
            self.assertEqual((status, errors), (0, ""), command)
            self.assertTrue(out.startswith("usage: lastref %s [OPTION..]" % command))
            self.assertIn(default, out)
            self.assertLess(max(map(len, out.splitlines())), 101)

    def test_every_option_of_tvm_is_there(self):
        for command, options in (
                ("tracker", "host port port-end silent"),
                ("server", "host port port-end tracker key silent load-library no-fork "
                           "custom-addr through-proxy"),
                ("query", "host port")):
            _, out, _ = run(command, "--help")
            for option in options.split():
                self.assertRegex(out, r"(?m)^  --%s\b" % option, command)

    def test_every_documented_option_exists_and_the_other_way_round(self):
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs",
                            "commands.md")
        with open(path, encoding="utf-8") as text:
            sections = re.split(r"(?m)^## `lastref (\w+)`$", text.read())
        documented = dict(zip(sections[1::2], sections[2::2]))
        for command in COMMANDS:
            _, out, _ = run(command, "--help")
            options = set(re.findall(r"(?m)^  --([a-z-]+)", out))
            told = set(re.findall(r"`--([a-z-]+)", documented[command]))
            told |= {"help"} | ({"silent", "verbose", "log-json"} if command != "show" else set())
            self.assertEqual(options ^ told, set(), "%s --help and docs/commands.md" % command)

    def test_an_unknown_option_is_named_with_a_near_one(self):
        self.refused(["tracker", "--prot", "1"], 'no option "--prot"', "did you mean --port?")
        self.refused(["tracker", "--port-ed=5"], "did you mean --port-end?")
        self.refused(["tracker", "-x"], 'no option "-x"')

    def test_a_value_that_is_missing_is_asked_for(self):
        self.refused(["tracker", "--port"], "--port needs a value: PORT")

    def test_values_are_checked_and_the_error_says_what_they_must_be(self):
        for option, value, text in (
                ("--port", "65536", "from 0 to 65535"), ("--port", "x", 'not "x"'),
                ("--port", "-1", 'not "-1"'), ("--port", "", 'not ""'),
                ("--stalled", "nan", "number of seconds"), ("--stalled", "-1", "seconds"),
                ("--message-max", "3G", "whole number"), ("--message-max", "K", "whole number")):
            self.refused(["tracker", option, value], "option " + option, text)
            self.refused(["tracker", option + "=" + value], "option " + option, text)

    def test_a_flag_takes_no_value(self):
        self.refused(["tracker", "--silent=yes"], "--silent takes no value")

    def test_operands_where_none_belong_are_refused(self):
        self.refused(["tracker", "9190"], '"9190" is too much')

    def test_a_port_range_must_not_be_empty(self):
        self.refused(["tracker", "--port", "9300", "--port-end", "9300"], "--port-end", "9300")

    def test_a_choice_lists_what_there_is(self):
        self.refused(["server", "--dialect", "klingon"], "auto, legacy, ffi")

    def test_addresses_have_a_host_and_a_port(self):
        for text in ("localhost", ":9190", "localhost:", "localhost:0", "localhost:70000",
                     "::1:9190", "[::1]", "[]:1"):
            self.refused(["server", "--key", "k", "--tracker", text], "option --tracker")

    def test_a_tracker_needs_a_key(self):
        self.refused(["server", "--tracker", "127.0.0.1:9190"], "--key")
        self.refused(["call", "--tracker", "127.0.0.1:9190", "f"], "--key")

    def test_what_the_server_cannot_do_it_says_why(self):
        self.refused(["server", "--load-library", "x.so"], "--load-library is not supported",
                     "no compiled code")
        self.refused(["server", "--through-proxy"], "--through-proxy is not supported")

    def test_a_call_needs_a_function_and_a_place(self):
        self.refused(["call"], "FUNCTION")
        self.refused(["call", "f"], "--tracker", "--server")
        self.refused(["call", "--tracker", "h:1", "--key", "k", "--server", "h:1", "f"], "either")

    def test_arguments_of_a_call_are_checked_before_anything_is_connected(self):
        for word, text in (("i:x", "integer"), ("f:", "number"), ("b:0", "hex"), ("b:zz", "hex"),
                           ("s:%ff", "UTF-8"), ("i:9223372036854775808", "64 bits"),
                           ("9223372036854775808", "64 bits")):
            self.refused(["call", "--server", "127.0.0.1:1", "f", word], "argument", text)

    def test_a_port_in_the_environment_is_checked(self):
        self.refused(["query"], "TVM_TRACKER_PORT", env={"TVM_TRACKER_PORT": "high"})

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_a_result_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            status, _, errors = run("--help", stdout=full)
        self.assertEqual(status, 1)
        self.assertIn("cannot write", errors)


if __name__ == "__main__":
    unittest.main()
