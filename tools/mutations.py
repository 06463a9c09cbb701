# SPDX-License-Identifier: Apache-2.0
"""The small changes that can be made of a C file: where, and into what.

A change is known by what it does and not by its line, so that it is the same one when other lines of its file
have changed; with that a sample of them can be judged in several goes, while tests are written for it.
"""

import hashlib
import re

import lint_tree
from overlay_build import ROOT

# What is replaced by what, in code without comments and strings. Operators stand between blanks there.
OPERATORS = [
    ("boundary", r" < ", " <= "), ("boundary", r" <= ", " < "), ("boundary", r" > ", " >= "),
    ("boundary", r" >= ", " > "), ("comparison", r" == ", " != "), ("comparison", r" != ", " == "),
    ("logic", r" && ", " || "), ("logic", r" \|\| ", " && "),
    ("arithmetic", r" \+ ", " - "), ("arithmetic", r" - ", " + "), ("arithmetic", r" \* (?=\w)", " + "),
    ("arithmetic", r"\+\+", "--"), ("arithmetic", r"(?<!-)--(?!>)", "++"), ("arithmetic", r" \+= ", " -= "),
    ("arithmetic", r" -= ", " += "),
    ("constant", r"\btrue\b", "false"), ("constant", r"\bfalse\b", "true"),
    ("constant", r"(?<![\w.\[{])0(?![\w.])", "1"),
    ("constant", r"(?<![\w.])([1-9]\d*)(?![\w.\d])", r"(\1 + 1)"),
    ("error", r"\breturn LR_E[A-Z]+;", "return LR_OK;"),
    ("return", r"\breturn LR_OK;", "return LR_ENOMEM;"),
]
CONDITION = re.compile(r"\b(?:if|while) \(")
DROPPED = re.compile(r"(?:\(void\))?[a-z_][\w.\->\[\]+*& ]*?(?:\(|[-+|&^]?= |\+\+;|--;)")
NOT_DROPPED = re.compile(
    r"(?:return|if|while|for|switch|case|goto|else|do|break|continue|default|const|static|struct|enum"
    r"|union|typedef|unsigned|size_t|int|char|bool|double|float|u?int\d+_t|lr_\w+ [*\w]+ =)\b")
UNTOUCHED = re.compile(r"LR_ASSERT|LR_UNREACHABLE|trace|TRACE|\(void\)[a-z_]+;")


def closing(code, opening):
    """The offset behind the bracket that closes the one at |opening|."""
    depth = 0
    for at in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if depth == 0:
            return at + 1
    return len(code)


def statements(code, begin, end):
    """Offsets of what stands between ; { } outside of brackets, and ends with a semicolon."""
    start, depth = begin, 0
    for at in range(begin, end):
        c = code[at]
        depth += {"(": 1, ")": -1}.get(c, 0)
        if depth == 0 and c in ";{}":
            if c == ";":
                yield start + len(code[start:at]) - len(code[start:at].lstrip()), at + 1
            start = at + 1


class Mutation:
    def __init__(self, path, function, kind, source, begin, end, text):
        self.path = path
        self.function = function
        self.kind = kind
        self.begin, self.end, self.text = begin, end, text
        self.line = source.count("\n", 0, begin) + 1
        first = source.rfind("\n", 0, begin) + 1
        last = source.find("\n", end)
        self.clean = " ".join(source[first:last].split())
        self.changed = " ".join((source[first:begin] + text + source[end:last]).split())

    def apply(self, source):
        old = source[self.begin:self.end]
        more = "\n" * (old.count("\n") - self.text.count("\n"))  # assertions and the log name lines
        return source[:self.begin] + self.text + more + source[self.end:]


def mutations_of(path):
    """All changes of a file, in the order in which they stand there. Each has a name of its own: |key|."""
    source = (ROOT / path).read_text()
    code = lint_tree.strip_directives(lint_tree.strip_c(source))
    lines = code.split("\n")
    found, seen = [], {}

    def add(function, kind, begin, end, text):
        if UNTOUCHED.search(lines[code.count("\n", 0, begin)]):
            return
        made = Mutation(path, function, kind, source, begin, end, text)
        name = " ".join([path, function, kind, made.clean, "->", made.changed])
        seen[name] = seen.get(name, 0) + 1
        made.key = f"{name} #{seen[name]}"
        found.append(made)

    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for name, first, last in lint_tree.find_functions(code):
        begin = code.index("{", starts[first - 1])
        end = starts[last]
        told = [(b, e) for b, e in statements(code, begin + 1, end) if UNTOUCHED.search(code[b:e])]
        for kind, pattern, text in OPERATORS:
            for match in re.finditer(pattern, code[begin:end]):
                at = begin + match.start()
                if not any(b <= at < e for b, e in told):
                    add(name, kind, at, begin + match.end(), match.expand(text))
        for match in CONDITION.finditer(code, begin, end):
            close = closing(code, match.end() - 1)
            add(name, "negation", match.end(), close - 1, "!(" + source[match.end():close - 1] + ")")
        for b, e in statements(code, begin + 1, end):
            text = code[b:e]
            if DROPPED.match(text) and not NOT_DROPPED.match(text) and not UNTOUCHED.search(text):
                add(name, "dropped", b, e, ";")
    return found


def in_order_of(seed, mutations):
    """In an order that the seed gives, and in which a change keeps its place whatever becomes of others."""
    return sorted(mutations, key=lambda m: hashlib.sha256(f"{seed} {m.key}".encode()).digest())
