"""Tokens to nodes, by the grammar of Go's text/template."""

from collections.abc import Collection
from typing import Any, NoReturn

from baselift.domain.templates import literals, nodes
from baselift.domain.templates.errors import Fault, TemplateError
from baselift.domain.templates.lexer import Lexer, Token
from baselift.domain.templates.limits import MAX_NESTING, MAX_NODES
from baselift.domain.templates.operands import OPERANDS, operand

MAIN = None
_VALUES = (nodes.Bool, nodes.Dot, nodes.Nil, nodes.Number, nodes.String)


class Parser:
    """Reads one text; every `define` and `block` in it becomes a template of its own."""

    def __init__(self, text: str, functions: Collection[str]) -> None:
        self.functions = functions
        self.templates: dict[str | None, list[Any]] = {}
        self.variables = ["$"]
        self._tokens = Lexer(text).tokens()
        self._ahead: list[Token] = []
        self._line = 1
        self._loops = 0
        self._depth = 0
        self._nodes = 0

    def parse(self) -> dict[str | None, list[Any]]:
        """The templates by name; the text itself is under `MAIN`.

        Raises:
            TemplateError: the text is no template; the message has the line.
        """
        try:
            self._main()
        except Fault as fault:
            raise TemplateError(f"template: {self._line}: {fault}") from fault
        return self.templates

    def _main(self) -> None:
        root: list[Any] = []
        while self.peek().kind != "end":
            node = self._node(defines=True)
            if isinstance(node, Token):
                self.fail(f"unexpected {{{{{node.value}}}}}")
            if node is not None:
                root.append(node)
        self.templates[MAIN] = root

    def _node(self, *, defines: bool = False) -> Any:
        """The next node; None after a `define`; the keyword token at an `end` or `else`."""
        self._count()
        token = self.next()
        if token.kind == "text":
            return nodes.Text(token.value)
        if token.kind != "left":
            self.fail(f"unexpected '{token.value}'")
        word = self.peek(spaces=False)
        if word.kind != "keyword" or word.value == "nil" or (word.value == "define" and not defines):
            return nodes.Action(self.pipeline("command"))
        self.next(spaces=False)
        return self._control(word)

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self.fail(f"the template has more than {MAX_NODES} parts")

    def _control(self, word: Token) -> Any:
        if word.value in ("end", "else"):
            return self._closing(word)
        if word.value in ("break", "continue"):
            return self._jump(word.value)
        if word.value == "template":
            return self._template(word.line)
        self.enter()
        node = self._block_statement(word)
        self.leave()
        return node

    def _closing(self, word: Token) -> Token:
        if word.value == "end" or self.peek(spaces=False).value not in ("if", "with"):
            self._expect_right(word.value)
        return word

    def _block_statement(self, word: Token) -> Any:
        if word.value == "range":
            return self._range()
        if word.value == "define":
            return self._define()
        return self._block(word.line) if word.value == "block" else self._choice(word.value)

    def enter(self) -> None:
        """One level deeper."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            self.fail(f"blocks and parentheses are nested more than {MAX_NESTING} levels deep")

    def leave(self) -> None:
        """One level up again."""
        self._depth -= 1

    def _body(self) -> tuple[list[Any], Token]:
        body: list[Any] = []
        while self.peek().kind != "end":
            node = self._node()
            if isinstance(node, Token):
                return body, node
            body.append(node)
        return self.fail("the text ends before '{{end}}'")

    def _choice(self, word: str) -> nodes.Choice:
        scope = len(self.variables)
        branches: list[tuple[nodes.Pipeline, list[Any]]] = []
        otherwise: list[Any] = []
        while True:
            pipe = self.pipeline(word)
            body, stop = self._body()
            branches.append((pipe, body))
            if stop.value == "end":
                break
            if self.peek(spaces=False).value == word and self.peek(spaces=False).kind == "keyword":
                self.next(spaces=False)
                continue
            otherwise = self._else()
            break
        del self.variables[scope:]
        return nodes.Choice(word == "with", branches, otherwise)

    def _else(self) -> list[Any]:
        body, stop = self._body()
        if stop.value != "end":
            self.fail("expected {{end}}, found {{else}}")
        return body

    def _range(self) -> nodes.Range:
        scope = len(self.variables)
        pipe = self.pipeline("range")
        self._loops += 1
        body, stop = self._body()
        self._loops -= 1
        otherwise = self._else() if stop.value == "else" else []
        del self.variables[scope:]
        return nodes.Range(pipe, body, otherwise)

    def _template(self, line: int) -> nodes.Invoke:
        name = self._name("template")
        pipe = None if self._skip_right() else self.pipeline("template clause")
        return nodes.Invoke(line, name, pipe)

    def _skip_right(self) -> bool:
        if self.peek(spaces=False).kind != "right":
            return False
        self.next(spaces=False)
        return True

    def _define(self) -> None:
        name = self._name("define")
        self._expect_right("define clause")
        self._separate(name)

    def _block(self, line: int) -> nodes.Invoke:
        name = self._name("block")
        pipe = self.pipeline("block clause")
        self._separate(name)
        return nodes.Invoke(line, name, pipe)

    def _separate(self, name: str) -> None:
        outer, loops = self.variables, self._loops
        self.variables, self._loops = ["$"], 0
        body, stop = self._body()
        if stop.value != "end":
            self.fail("unexpected {{else}} in a definition")
        self.variables, self._loops = outer, loops
        if _is_empty(self.templates.get(name, [])):
            self.templates[name] = body
        elif not _is_empty(body):
            self.fail(f'template "{name}" is defined twice')

    def _name(self, word: str) -> str:
        token = self.next(spaces=False)
        if token.kind not in ("string", "raw"):
            self.fail(f"'{word}' needs a quoted name, found '{token.value}'")
        return literals.string(token.value)

    def _jump(self, word: str) -> nodes.Break | nodes.Continue:
        self._expect_right(word)
        if not self._loops:
            self.fail(f"{{{{{word}}}}} outside {{{{range}}}}")
        return nodes.Break() if word == "break" else nodes.Continue()

    def _expect_right(self, where: str) -> None:
        token = self.next(spaces=False)
        if token.kind != "right":
            self.fail(f"unexpected '{token.value}' in {where}")

    def pipeline(self, where: str, end: str = "right") -> nodes.Pipeline:
        """Declarations, then commands up to and with the token `end`."""
        line = self.peek(spaces=False).line
        names, assigns = self._declarations(where)
        commands: list[nodes.Command] = []
        while (token := self.peek(spaces=False)).kind != end:
            if token.kind not in OPERANDS and token.value != "nil":
                self.fail(f"unexpected '{token.value}' in {where}")
            commands.append(self._command())
        self.next()
        self._check(commands, where)
        return nodes.Pipeline(line, tuple(names), assigns, commands)

    def _check(self, commands: list[nodes.Command], where: str) -> None:
        if not commands:
            self.fail(f"missing value for {where}")
        for stage, command in enumerate(commands[1:], start=2):
            if isinstance(command.args[0], _VALUES):
                self.fail(f"stage {stage} of the pipeline is a value, not a function")

    def _declarations(self, where: str) -> tuple[list[str], bool]:
        names: list[str] = []
        while self.peek(spaces=False).kind == "variable":
            variable = self.next(spaces=False)
            space = self.next() if self.peek().kind == "space" else None
            token = self.peek()
            if token.kind not in ("assign", "declare") and token.value != ",":
                self._ahead += [space] if space else []
                self._ahead.append(variable)
                break
            self.next()
            names.append(variable.value)
            self.variables.append(variable.value)
            if token.value != ",":
                return names, token.kind == "assign"
            if where != "range" or len(names) > 1:
                self.fail(f"too many declarations in {where}")
            if self.peek(spaces=False).kind not in ("variable", "right", "close"):
                self.fail("range can only declare variables")
        return names, False

    def _command(self) -> nodes.Command:
        args: list[Any] = []
        while True:
            self._count()
            self.peek(spaces=False)
            found = operand(self)
            if found is not None:
                args.append(found)
            token = self.next()
            if token.kind == "space":
                continue
            if token.kind in ("right", "close"):
                self.back(token)
            elif token.kind != "pipe":
                self.fail(f"unexpected '{token.value}' in operand")
            break
        if not args:
            self.fail("empty command")
        return nodes.Command(args)

    def next(self, *, spaces: bool = True) -> Token:
        """The next token; `spaces=False` skips white space inside an action."""
        token = self._ahead.pop() if self._ahead else next(self._tokens)
        while not spaces and token.kind == "space":
            token = self._ahead.pop() if self._ahead else next(self._tokens)
        self._line = token.line
        return token

    def peek(self, *, spaces: bool = True) -> Token:
        """The next token, left in place; skipped spaces are gone."""
        token = self.next(spaces=spaces)
        self._ahead.append(token)
        return token

    def back(self, token: Token) -> None:
        """Put a token back."""
        self._ahead.append(token)

    def fail(self, message: str) -> NoReturn:
        """Raise with the message; `parse` adds the line."""
        raise Fault(message)


def _is_empty(body: list[Any]) -> bool:
    return all(isinstance(node, nodes.Text) and not node.text.strip() for node in body)
