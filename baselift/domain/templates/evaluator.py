"""Walks the nodes and prints, by the rules of Go's text/template with the option missingkey=zero."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from baselift.domain.templates import nodes
from baselift.domain.templates.arguments import constant, fits, literal
from baselift.domain.templates.errors import Fault
from baselift.domain.templates.functions import Function
from baselift.domain.templates.limits import ELEMENT, MAX_TEMPLATE_DEPTH, Context
from baselift.domain.templates.printing import display
from baselift.domain.templates.values import GoObject, StringMap, is_number, truth, type_name

_LITERALS = (nodes.Bool, nodes.String, nodes.Number)


class _Jump(Enum):
    BREAK = 1
    CONTINUE = 2


_NOTHING = object()


class Evaluator:
    """One rendering. `line` is where it stands, for errors."""

    def __init__(
        self, templates: Mapping[str | None, list[Any]], functions: Mapping[str, Function], context: Context
    ) -> None:
        self.line = 1
        self._templates = templates
        self._functions = functions
        self._context = context
        self._variables: list[list[Any]] = []
        self._depth = 0
        self._size = 0
        self._output: list[str] = []

    def run(self, data: Any) -> str:
        """The output of the main template.

        Raises:
            Fault: Go would fail, or a limit is passed.
        """
        self._variables = [["$", data]]
        self._walk(self._templates[None], data)
        return "".join(self._output)

    def _emit(self, text: str) -> None:
        self._size += len(text)
        if self._size > self._context.max_output:
            raise Fault(f"the output is longer than {self._context.max_output} characters")
        self._output.append(text)

    def _walk(self, body: list[Any], dot: Any) -> _Jump | None:
        for node in body:
            self._context.step()
            kind = type(node)
            if kind is nodes.Text:
                self._emit(node.text)
            elif kind is nodes.Action:
                value = self._pipeline(node.pipe, dot)
                if not node.pipe.names:
                    self._emit(display(value, self._context))
            elif jump := self._structure(node, dot):
                return jump
        return None

    def _structure(self, node: Any, dot: Any) -> _Jump | None:
        if isinstance(node, nodes.Choice):
            return self._choice(node, dot)
        if isinstance(node, nodes.Range):
            return self._range(node, dot)
        if isinstance(node, nodes.Invoke):
            self._invoke(node, dot)
            return None
        return _Jump.BREAK if isinstance(node, nodes.Break) else _Jump.CONTINUE

    def _choice(self, node: nodes.Choice, dot: Any) -> _Jump | None:
        mark = len(self._variables)
        body = node.otherwise
        for pipe, branch in node.branches:
            value = self._pipeline(pipe, dot)
            if truth(value):
                body, dot = branch, value if node.sets_dot else dot
                break
        jump = self._walk(body, dot)
        del self._variables[mark:]
        return jump

    def _range(self, node: nodes.Range, dot: Any) -> _Jump | None:
        outer = len(self._variables)
        value = self._pipeline(node.pipe, dot)
        items = _items(value, len(node.pipe.names))
        mark, jump, looped = len(self._variables), None, False
        for key, item in items:
            self._context.step()
            looped = True
            self._bind(node.pipe, mark, key, item)
            jump = self._walk(node.body, item)
            del self._variables[mark:]
            if jump is _Jump.BREAK:
                break
        jump = None if looped else self._walk(node.otherwise, dot)
        del self._variables[outer:]
        return jump

    def _bind(self, pipe: nodes.Pipeline, mark: int, key: Any, item: Any) -> None:
        values = (key, item) if len(pipe.names) > 1 else (item,)
        for place, (name, value) in enumerate(zip(pipe.names, values, strict=False)):
            if pipe.assigns:
                self._assign(name, value)
            else:
                self._variables[mark - len(pipe.names) + place][1] = value

    def _invoke(self, node: nodes.Invoke, dot: Any) -> None:
        self.line = node.line
        if node.name not in self._templates:
            raise Fault(f'template "{node.name}" not defined')
        if self._depth >= MAX_TEMPLATE_DEPTH:
            raise Fault(f"templates call each other more than {MAX_TEMPLATE_DEPTH} levels deep")
        value = self._pipeline(node.pipe, dot) if node.pipe else None
        outer = self._variables
        self._variables = [["$", value]]
        self._depth += 1
        self._walk(self._templates[node.name], value)
        self._depth -= 1
        self._variables = outer

    def _assign(self, name: str, value: Any) -> None:
        for variable in reversed(self._variables):
            if variable[0] == name:
                variable[1] = value
                return
        raise Fault(f"undefined variable: {name}")

    def _lookup(self, name: str) -> Any:
        for variable in reversed(self._variables):
            if variable[0] == name:
                return variable[1]
        raise Fault(f"undefined variable: {name}")

    def _pipeline(self, pipe: nodes.Pipeline, dot: Any) -> Any:
        self.line = pipe.line
        value: Any = _NOTHING
        for command in pipe.commands:
            value = self._command(command.args, dot, value)
        for name in pipe.names:
            if pipe.assigns:
                self._assign(name, value)
            else:
                self._variables.append([name, value])
        return value

    def _command(self, args: list[Any], dot: Any, final: Any) -> Any:
        self._context.step()
        first = args[0]
        if isinstance(first, nodes.Identifier):
            return self._call(first.name, self._function(first.name), args[1:], dot, final)
        if isinstance(first, (nodes.Field, nodes.Chain)) or (isinstance(first, nodes.Variable) and first.names):
            return self._fields(self._receiver(first, dot), first.names, args[1:], dot, final)
        if len(args) > 1 or final is not _NOTHING:
            raise Fault("can't give an argument to what is no function")
        if isinstance(first, nodes.Nil):
            raise Fault("nil is not a command")
        return self._value(first, dot)

    def _receiver(self, node: Any, dot: Any) -> Any:
        if isinstance(node, nodes.Field):
            return dot
        if isinstance(node, nodes.Variable):
            return self._lookup(node.name)
        return self._value(node.node, dot)

    def _value(self, node: Any, dot: Any) -> Any:
        if isinstance(node, nodes.Dot):
            return dot
        if isinstance(node, (nodes.Field, nodes.Chain)) or (isinstance(node, nodes.Variable) and node.names):
            return self._fields(self._receiver(node, dot), node.names, [], dot, _NOTHING)
        if isinstance(node, nodes.Variable):
            return self._lookup(node.name)
        if isinstance(node, nodes.Pipeline):
            return self._pipeline(node, dot)
        if isinstance(node, nodes.Identifier):
            return self._call(node.name, self._function(node.name), [], dot, _NOTHING)
        return constant(node)

    def _fields(self, receiver: Any, names: list[str], args: list[Any], dot: Any, final: Any) -> Any:
        last = len(names) - 1
        found = False
        for place, name in enumerate(names):
            self._context.step()
            if receiver is None:
                if found:
                    raise Fault(f"nil pointer evaluating interface {{}}.{name}")
                return None
            given = (args, final) if place == last else ([], _NOTHING)
            receiver = self._field(receiver, name, given, dot)
            found = True
        return receiver

    def _field(self, receiver: Any, name: str, given: tuple[list[Any], Any], dot: Any) -> Any:
        args, final = given
        if isinstance(receiver, GoObject) and name in (methods := receiver.methods()):
            return self._call(name, methods[name], args, dot, final)
        fields = receiver.fields() if isinstance(receiver, GoObject) else receiver
        if not isinstance(fields, dict) or (isinstance(receiver, GoObject) and name not in fields):
            raise Fault(f"can't evaluate field {name} in type {type_name(receiver)}")
        if args or final is not _NOTHING:
            raise Fault(f"{name} is not a function but has arguments")
        return fields.get(name, "" if isinstance(fields, StringMap) else None)

    def _function(self, name: str) -> Function:
        return self._functions[name]

    def _call(self, name: str, function: Function, args: list[Any], dot: Any, final: Any) -> Any:
        count = len(args) + (final is not _NOTHING)
        wanted = len(function.params)
        if count < wanted or (count > wanted and not function.rest):
            raise Fault(f"wrong number of args for {name}: want {wanted}{' or more' * bool(function.rest)} got {count}")
        self._context.step(function.cost)
        if name in ("and", "or"):
            return self._short_circuit(name, args, dot, final)
        types = function.params + (function.rest,) * (count - wanted)
        values = [self._argument(node, param, dot) for node, param in zip(args, types, strict=False)]
        if final is not _NOTHING:
            values.append(fits(final, types[-1]))
        try:
            return self._accounted(function, values)
        except Fault as fault:
            raise Fault(f"error calling {name}: {fault}") from fault

    def _accounted(self, function: Function, values: list[Any]) -> Any:
        """The result; long arguments cost steps, and what is made costs bytes."""
        self._context.step(sum([len(value) for value in values if isinstance(value, str)]) >> 5)
        result = function.body(self._context, *values) if function.needs_context else function.body(*values)
        if isinstance(result, (str, list)):
            self._context.charge(len(result) * (1 if isinstance(result, str) else ELEMENT))
        return result

    def _short_circuit(self, name: str, args: list[Any], dot: Any, final: Any) -> Any:
        value: Any = None
        for node in args:
            value = self._argument(node, "value", dot)
            if truth(value) == (name == "or"):
                return value
        return value if final is _NOTHING else final

    def _argument(self, node: Any, param: str, dot: Any) -> Any:
        if isinstance(node, (*_LITERALS, nodes.Nil)):
            return literal(node, param)
        value = self._value(node, dot)
        if value is None and isinstance(node, (nodes.Field, nodes.Chain)) and param not in ("any", "value"):
            raise Fault(f"wrong type for value; expected {param}; got interface {{}}")
        return fits(value, param)


def _items(value: Any, names: int) -> Iterator[tuple[Any, Any]]:
    if value is None:
        return iter(())
    if is_number(value):
        if names > 1:
            raise Fault(f"range over the number {value} has only one variable")
        kind = type(value)
        return ((None, kind(number)) for number in range(value))
    if isinstance(value, dict):
        return iter(sorted(value.items()))
    if isinstance(value, list):
        return iter(enumerate(value))
    raise Fault(f"range can't iterate over {type_name(value)}")
