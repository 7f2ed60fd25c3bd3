"""Runs regular expressions in time proportional to pattern times text.

A backtracker that never enters the same instruction at the same place twice: the first way that succeeds is RE2's
leftmost-first match, and no pattern can make it slow.
"""

from dataclasses import dataclass, field
from typing import Any

from baselift.domain.templates.errors import Bounded
from baselift.domain.templates.limits import Context
from baselift.domain.templates.regex_classes import WORD
from baselift.domain.templates.regex_parser import Node, parse

MAX_PROGRAM = 10_000
_STATES = 4  # of the machine that are worth one step of the evaluator
_CHARS, _SPLIT, _JUMP, _SAVE, _ASSERT, _MATCH = range(6)
Spans = list[int | None]


@dataclass(slots=True)
class Program:
    """A compiled expression. `names` are its groups; an instruction is an operation with up to two arguments."""

    names: list[str]
    code: list[tuple[int, Any, Any]] = field(default_factory=list)

    def search(self, context: Context, text: str, start: int = 0) -> Spans | None:
        """Start and end of the leftmost-first match and of every group in it, None when there is no match.

        Raises:
            Fault: the rendering has used up its steps.
        """
        seen: set[int] = set()
        width = len(text) + 1
        for place in range(start, width):
            found = self._run(context, text, place, seen, width)
            if found is not None:
                return found
        return None

    def _run(  # noqa: C901 - one loop, for speed
        self, context: Context, text: str, start: int, seen: set[int], width: int
    ) -> Spans | None:
        code = self.code
        spans: Spans = [None] * (2 * len(self.names))
        stack: list[tuple[int, int, int | None]] = [(0, start, None)]
        before = len(seen)
        limit = before + context.steps_left * _STATES
        while stack:
            pc, at, old = stack.pop()
            if pc < 0:
                spans[~pc] = old
                continue
            while True:
                key = pc * width + at
                if key in seen or len(seen) > limit:
                    break
                seen.add(key)
                operation, first, second = code[pc]
                if operation == _CHARS:
                    if at + 1 == width or not first[text[at]]:
                        break
                    pc, at = pc + 1, at + 1
                elif operation == _SPLIT:
                    stack.append((second, at, None))
                    pc = first
                elif operation == _JUMP:
                    pc = first
                elif operation == _SAVE:
                    stack.append((~first, 0, spans[first]))
                    spans[first] = at
                    pc += 1
                elif operation == _ASSERT:
                    if not _holds(first, text, at):
                        break
                    pc += 1
                else:
                    context.step((len(seen) - before) // _STATES + 1)
                    return spans
        context.step((len(seen) - before) // _STATES + 1)
        return None


def compiled(context: Context, pattern: str) -> Program:
    """The program of a pattern.

    Raises:
        Fault: the pattern is no regular expression of Go, or its program is too large.
    """
    tree, names = parse(pattern)
    program = Program(names)
    _emit(program, Node("group", [tree]))
    program.code.append((_MATCH, None, None))
    context.step(len(program.code))
    return program


def _add(program: Program, operation: int, first: Any = None, second: Any = None) -> int:
    if len(program.code) >= MAX_PROGRAM:
        raise Bounded("the regular expression is too large")
    program.code.append((operation, first, second))
    return len(program.code) - 1


def _emit(program: Program, node: Node) -> None:
    match node.kind:
        case "chars":
            _add(program, _CHARS, node.chars)
        case "assert":
            _add(program, _ASSERT, node.name)
        case "sequence":
            for part in node.parts:
                _emit(program, part)
        case "group":
            _emit_group(program, node)
        case "choice":
            _emit_choice(program, node.parts)
        case _:
            _emit_repeat(program, node)


def _emit_group(program: Program, node: Node) -> None:
    captures = node.number or not program.code
    if captures:
        _add(program, _SAVE, 2 * node.number)
    _emit(program, node.parts[0])
    if captures:
        _add(program, _SAVE, 2 * node.number + 1)


def _emit_choice(program: Program, parts: list[Node]) -> None:
    jumps = []
    for part in parts[:-1]:
        split = _add(program, _SPLIT)
        _emit(program, part)
        jumps.append(_add(program, _JUMP))
        program.code[split] = (_SPLIT, split + 1, len(program.code))
    _emit(program, parts[-1])
    for jump in jumps:
        program.code[jump] = (_JUMP, len(program.code), None)


def _emit_repeat(program: Program, node: Node) -> None:
    inner = node.parts[0]
    if node.high is None:
        _emit_unlimited(program, node, inner)
        return
    for _ in range(node.low):
        _emit(program, inner)
    splits = []
    for _ in range(node.high - node.low):
        splits.append(_add(program, _SPLIT))
        _emit(program, inner)
    for split in splits:
        program.code[split] = _split(split + 1, len(program.code), greedy=node.greedy)


def _emit_unlimited(program: Program, node: Node, inner: Node) -> None:
    """`x*`, or copies and `x+`; what may match nothing is `(x+)?`, so that an empty turn is tried once."""
    if node.low == 0 and not inner.nullable():
        split = _add(program, _SPLIT)
        _emit(program, inner)
        _add(program, _JUMP, split)
        program.code[split] = _split(split + 1, len(program.code), greedy=node.greedy)
        return
    skip = _add(program, _SPLIT) if node.low == 0 else None
    for _ in range(node.low - 1):
        _emit(program, inner)
    start = len(program.code)
    _emit(program, inner)
    loop = _add(program, _SPLIT)
    program.code[loop] = _split(start, loop + 1, greedy=node.greedy)
    if skip is not None:
        program.code[skip] = _split(skip + 1, len(program.code), greedy=node.greedy)


def _split(inside: int, after: int, *, greedy: bool) -> tuple[int, Any, Any]:
    return (_SPLIT, inside, after) if greedy else (_SPLIT, after, inside)


def _holds(name: str, text: str, at: int) -> bool:
    match name:
        case "start":
            return at == 0
        case "end":
            return at == len(text)
        case "line start":
            return at == 0 or text[at - 1] == "\n"
        case "line end":
            return at == len(text) or text[at] == "\n"
    boundary = _is_word(text[at - 1 : at] if at else "") != _is_word(text[at : at + 1])
    return boundary == (name == "boundary")


def _is_word(char: str) -> bool:
    return bool(char) and any(low <= ord(char) <= high for low, high in WORD)
