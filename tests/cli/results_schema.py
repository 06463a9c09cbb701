# SPDX-License-Identifier: Apache-2.0
"""The schema of the JSON report, and that docs/results.md names each of its fields."""
import os
import re

RESULTS = ("as expected", "unexpected", "known failure", "stale known failure", "not run",
           "not allowed", "contention",
           "invalid")
PROTOCOL = ("passed", "failed", "not run", "not implemented", "not observable")
RELEASE = ("on time", "early", "late", "never", "pending", "twice", "not requestable", "not observable",
           "not run")


def number(value):
    """A count or a time; beyond what readers of JSON can hold it is text."""
    if isinstance(value, str):
        return re.fullmatch(r"\d{19,20}", value) is not None and int(value) > 2 ** 63 - 1
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def text(value):
    return isinstance(value, str)


def maybe(kind):
    return lambda value: value is None or kind(value)


def truth(value):
    return isinstance(value, bool)


def one_of(names):
    return lambda value: value in names


def fixed(expected):
    return lambda value: value == expected


LINE = {"at_ns": number, "text": text}
EXPECTATION = {"text": text, "expected": maybe(text), "seen": maybe(text), "where": maybe(text),
               "held": truth, "late": truth, "session": number}
HOP = {"via": text, "name": text, "in_cycle": truth, "suspect": truth}
HELD = {"session": number, "at_ns": number, "expected": truth, "root": text, "path": [HOP],
        "left_out": number, "released_by": [text], "advice": text, "fingerprint": text}
TORTURE = {"what": one_of(("memory", "io")), "points": number, "failed": number}
CASE = {"name": text, "title": text, "file": text, "world": one_of(("sim", "live")),
        "result": one_of(RESULTS), "reason": maybe(text), "protocol": one_of(PROTOCOL),
        "release": one_of(RELEASE), "release_detail": maybe(text), "seed": number, "tries": number,
        "duration_ns": number, "digest": maybe(text), "repeat": text, "expectations": [EXPECTATION],
        "findings": [LINE], "receipts": [LINE], "sessions": [LINE], "told": [LINE], "held": [HELD],
        "held_left_out": number, "torture": maybe(lambda value: not problems(value, TORTURE)),
        "timeline": [LINE]}
RUNNING = {"lastref": fixed(1), "complete": truth, "planned": number, "cases": [CASE]}
COUNTS = {name: number for name in RESULTS}
WORLD = {"cases": number, "duration_ns": number, "counts": COUNTS}
ENDED = dict(RUNNING, world=one_of(("sim", "live", "all")), seed=number, exit_status=one_of((0, 1, 3, 4)),
             interrupted=truth, duration_ns=number, counts=COUNTS, worlds=dict, known_unmatched=number,
             calibration={"rounds": number, "release_ns_max": number, "requestable_ns_max": number,
                          "error": maybe(text)})


def problems(value, schema, where="report"):
    """What is wrong with |value|, a sentence each."""
    if isinstance(schema, list):
        if not isinstance(value, list):
            return ["%s is no list" % where]
        return [p for i, one in enumerate(value) for p in problems(one, schema[0], "%s[%d]" % (where, i))]
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            return ["%s is no object" % where]
        wrong = ["%s has a field %s that no schema has" % (where, name)
                 for name in value if name not in schema]
        wrong += ["%s has no %s" % (where, name) for name in schema if name not in value]
        return wrong + [p for name in schema if name in value
                        for p in problems(value[name], schema[name], "%s.%s" % (where, name))]
    good = isinstance(value, schema) if schema is dict else schema(value)
    return [] if good else ["%s is %r" % (where, value)]


def check(report):
    """All that is wrong with a report, of a run that goes on or one that has ended."""
    wrong = problems(report, ENDED if "exit_status" in report else RUNNING)
    if not wrong and "worlds" in report:
        for name, world in report["worlds"].items():
            wrong += problems(world, WORLD, "report.worlds." + name)
            count = sum(1 for case in report["cases"] if case["world"] == name)
            wrong += [] if count == world["cases"] else ["report.worlds.%s counts %s, not %d" % (
                name, world["cases"], count)]
        for result in RESULTS:
            count = sum(1 for case in report["cases"] if case["result"] == result)
            if count != report["counts"][result]:
                wrong.append("report.counts says %d %s, not %d" % (report["counts"][result], result, count))
        if report["complete"] and len(report["cases"]) != report["planned"]:
            wrong.append("report.complete, with %d of %d cases" % (len(report["cases"]), report["planned"]))
    return wrong


def fields():
    """Every name of a field, by the schema."""
    names = set()
    for schema in (LINE, EXPECTATION, HOP, HELD, TORTURE, CASE, ENDED, WORLD, ENDED["calibration"]):
        names |= set(schema)
    return names


def documented():
    """Every name in backticks in the section on JSON of docs/results.md."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "results.md")
    with open(path, encoding="utf-8") as page:
        section = re.search(r"(?ms)^## JSON$(.*?)^## ", page.read()).group(1)
    return set(re.findall(r"`([a-z_]+)`", section))
