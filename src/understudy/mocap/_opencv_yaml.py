"""The YAML that OpenCV's FileStorage writes (and ROS camera files): maps, lists, matrices, numbers, words.

Anchors, tags other than `!!opencv-matrix`, block text and several documents are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from understudy.errors import MocapError

Node = float | str | list["Node"] | dict[str, "Node"]
MAX_DEPTH = 16
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$|[-+]?\.(?:inf|Inf|nan|NaN)$")
_KEY = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([^\s"'\[\]{}#,&*!|>%@`-][^:#\[\]{}]*?))\s*:(?:\s+(.*))?$""")


@dataclass(frozen=True)
class _Line:
    number: int
    indent: int
    text: str


def parse_yaml(text: str) -> dict[str, Node]:
    """The map that a file holds.

    Raises:
        MocapError: with the line that is not understood.
    """
    lines = _lines(text)
    if not lines:
        return {}
    node, rest = _block(lines, 0, lines[0].indent, 0)
    if rest != len(lines):
        raise _refused(lines[rest], "its indentation fits nothing above it")
    if not isinstance(node, dict):
        raise _refused(lines[0], "the file must be a map of names to values")
    return node


def _lines(text: str) -> list[_Line]:
    """Lines with content; a flow list that goes on over several lines is joined into one."""
    out: list[_Line] = []
    pending: list[str] = []
    first, indent, depth = 0, 0, 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split(" #")[0].rstrip() if not raw.lstrip().startswith("#") else ""
        if not line.strip() or (number <= 3 and line.startswith("%YAML")) or line.strip() in ("---", "..."):
            continue
        if not pending:
            first, indent = number, len(line) - len(line.lstrip(" "))
        pending.append(line.strip())
        depth += line.count("[") + line.count("{") - line.count("]") - line.count("}")
        if depth <= 0:
            out.append(_Line(first, indent, " ".join(pending)))
            pending, depth = [], 0
    if pending:
        raise _refused(_Line(first, indent, pending[0]), "the bracket is never closed; the file was cut off")
    return out


def _block(lines: list[_Line], at: int, indent: int, depth: int) -> tuple[Node, int]:
    """The map or list whose lines begin at `at` with `indent`, and the line after it."""
    if depth > MAX_DEPTH:
        raise _refused(lines[at], f"it is nested deeper than {MAX_DEPTH}")
    if lines[at].text.startswith("- ") or lines[at].text == "-":
        return _sequence(lines, at, indent, depth)
    out: dict[str, Node] = {}
    while at < len(lines) and lines[at].indent == indent:
        line = lines[at]
        match = _KEY.match(line.text)
        if not match:
            raise _refused(line, "`name: value` is needed")
        key = next(g for g in match.groups()[:3] if g is not None)
        if key in out:
            raise _refused(line, f"{key!r} is there twice")
        value = (match.group(4) or "").replace("!!opencv-matrix", "").strip()
        at += 1
        if value:
            out[key] = _flow(value, line)
        elif at < len(lines) and (lines[at].indent > indent or (lines[at].indent == indent and lines[at].text.startswith("- "))):
            out[key], at = _block(lines, at, lines[at].indent, depth + 1)
        else:
            out[key] = ""
    return out, at


def _sequence(lines: list[_Line], at: int, indent: int, depth: int) -> tuple[Node, int]:
    out: list[Node] = []
    while at < len(lines) and lines[at].indent == indent and (lines[at].text.startswith("- ") or lines[at].text == "-"):
        line = lines[at]
        text = line.text[1:].strip().replace("!!opencv-matrix", "").strip()
        inside = indent + len(line.text) - len(line.text[1:].lstrip())
        if text and _KEY.match(text):
            lines = [*lines[:at], _Line(line.number, inside, text), *lines[at + 1 :]]
            node, at = _block(lines, at, inside, depth + 1)
        elif text:
            node, at = _flow(text, line), at + 1
        elif at + 1 < len(lines) and lines[at + 1].indent > indent:
            node, at = _block(lines, at + 1, lines[at + 1].indent, depth + 1)
        else:
            node, at = "", at + 1
        out.append(node)
    return out, at


def _flow(text: str, line: _Line) -> Node:
    """A scalar, or a list in brackets."""
    if text[0] in "&*!|>{":
        raise _refused(line, "only numbers, words, [lists] and !!opencv-matrix are read")
    if text[0] != "[":
        return _scalar(text)
    if text.count("[") > 10_000 or text[-1] != "]":
        raise _refused(line, "the list must end with ]")
    stack: list[list[Node]] = [[]]
    for token in re.findall(r"\"[^\"]*\"|'[^']*'|[\[\]]|[^\s,\[\]][^,\[\]]*", text):
        if token == "[":
            stack.append([])
            if len(stack) > MAX_DEPTH:
                raise _refused(line, f"it is nested deeper than {MAX_DEPTH}")
        elif token == "]":
            if len(stack) < 2:
                raise _refused(line, "brackets do not match")
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(_scalar(token.strip()))
    if len(stack) != 1 or len(stack[0]) != 1:
        raise _refused(line, "brackets do not match")
    return stack[0][0]


def _scalar(text: str) -> Node:
    if text[:1] in "\"'" and text[-1:] == text[:1] and len(text) >= 2:
        return text[1:-1]
    if _NUMBER.match(text):
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".nan", "nan").replace(".NaN", "nan"))
    return text


def _refused(line: _Line, why: str) -> MocapError:
    return MocapError(f"line {line.number}, {line.text[:60]!r}: {why}")
