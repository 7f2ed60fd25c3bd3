"""The smallest parts of a pipeline: literals, fields, variables, functions, parentheses."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from baselift.domain.templates import literals, nodes

if TYPE_CHECKING:
    from baselift.domain.templates.lexer import Token
    from baselift.domain.templates.parser import Parser


def operand(parser: "Parser") -> Any:
    """The next term with the fields that follow it without a space; None when there is no term.

    Raises:
        Fault: the term cannot be, or cannot have fields.
    """
    node = _term(parser)
    if node is None or parser.peek().kind != "field" or parser.peek().value == ".":
        return node
    names = []
    while parser.peek().kind == "field" and parser.peek().value != ".":
        names.append(parser.next().value[1:])
    if isinstance(node, (nodes.Field, nodes.Variable)):
        node.names += names
        return node
    if isinstance(node, (nodes.Bool, nodes.String, nodes.Number, nodes.Nil, nodes.Dot)):
        parser.fail(f"a literal has no field '.{names[0]}'")
    return nodes.Chain(node, names)


def _term(parser: "Parser") -> Any:
    token = parser.next(spaces=False)
    read = _TERMS.get(token.kind)
    return read(parser, token.value) if read else _no_term(parser, token)


def _no_term(parser: "Parser", token: "Token") -> nodes.Nil | None:
    if token.kind == "keyword" and token.value == "nil":
        return nodes.Nil()
    parser.back(token)
    return None


def _word(parser: "Parser", word: str) -> Any:
    if word in ("true", "false"):
        return nodes.Bool(word == "true")
    if word not in parser.functions:
        parser.fail(f'function "{word}" not defined')
    return nodes.Identifier(word)


def _variable(parser: "Parser", name: str) -> nodes.Variable:
    if name not in parser.variables:
        parser.fail(f'undefined variable "{name}"')
    return nodes.Variable(name, [])


def _parenthesised(parser: "Parser", _: str) -> nodes.Pipeline:
    parser.enter()
    pipe = parser.pipeline("parenthesized pipeline", "close")
    parser.leave()
    return pipe


_TERMS: dict[str, Callable[["Parser", str], Any]] = {
    "word": _word,
    "field": lambda _, text: nodes.Field([text[1:]]) if text != "." else nodes.Dot(),
    "variable": _variable,
    "string": lambda _, text: nodes.String(literals.string(text)),
    "raw": lambda _, text: nodes.String(literals.string(text)),
    "number": lambda _, text: literals.number(text),
    "rune": lambda _, text: literals.rune(text),
    "open": _parenthesised,
}
OPERANDS = frozenset(_TERMS)
