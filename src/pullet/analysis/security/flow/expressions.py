"""What expressions hold, and where a call does harm with it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from pullet.analysis.security.flow import tables
from pullet.analysis.security.flow.modules import Module, Scope, field_is_text
from pullet.analysis.security.flow.values import NOTHING, Flow, Value, composed, element, joined, texts

_BUDGET = 300_000  # expressions of a file
_DEPTH = 100


class TooMuch(Exception):
    """Following a file takes too long."""


@dataclass
class Environment:
    """What is known at a place in a function."""

    values: dict[str, Value] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)
    """Origins that something has looked at: whether it was enough, nobody can tell."""
    verdicts: dict[str, frozenset[str]] = field(default_factory=dict)
    """Variable -> origins that it may be the verdict on."""

    def copy(self) -> Environment:
        return Environment(dict(self.values), set(self.checked), dict(self.verdicts))

    def check(self, origins: frozenset[str]) -> None:
        if origins:
            self.checked |= origins
            self.values = {name: value.without(origins) for name, value in self.values.items()}


Report = Callable[[str, str, ast.expr, Value], None]
Enter = Callable[[Scope, ast.Call, list[Value], Environment], Value]


class Expressions:
    """Evaluates; `report` is told (kind, sink, call, value) of harm, `enter` follows into a function of the module."""

    def __init__(self, module: Module, report: Report, enter: Enter) -> None:
        self.module = module
        self.owner = ""
        self.returned: ast.expr | None = None
        """What the statement returns that is being followed."""
        self._report = report
        self._enter = enter
        self._left = _BUDGET
        self._depth = 0

    def of(self, node: ast.expr | None, env: Environment) -> Value:
        """Raises TooMuch."""
        self._left -= 1
        if self._left < 0 or self._depth > _DEPTH:
            raise TooMuch
        read = getattr(self, f"_{type(node).__name__.lower()}", None)
        if node is None or read is None:
            return self._rest(node, env)
        self._depth += 1
        value: Value = read(node, env)
        self._depth -= 1
        return value

    def _rest(self, node: ast.AST | None, env: Environment) -> Value:
        """Of what carries nothing on, the inner calls are looked at all the same."""
        for child in ast.iter_child_nodes(node) if node is not None else ():
            if isinstance(child, ast.expr):
                self.of(child, env)
        return NOTHING

    def _constant(self, node: ast.Constant, env: Environment) -> Value:  # noqa: ARG002
        return Value(said=node.value) if isinstance(node.value, str) else NOTHING

    def _name(self, node: ast.Name, env: Environment) -> Value:
        if node.id in env.values:
            return env.values[node.id]
        if self.module.names.get(node.id) in ("flask.request", "quart.request"):
            return Value(kind="request:flask")
        return self.module.constants.get(node.id, NOTHING)

    def _await(self, node: ast.Await, env: Environment) -> Value:
        return self.of(node.value, env)

    def _namedexpr(self, node: ast.NamedExpr, env: Environment) -> Value:
        value = self.of(node.value, env)
        env.values[node.target.id] = value
        return value

    def _joinedstr(self, node: ast.JoinedStr, env: Environment) -> Value:
        return composed([self.of(each, env) for each in node.values]).at(node.lineno)

    def _formattedvalue(self, node: ast.FormattedValue, env: Environment) -> Value:
        value = self.of(node.value, env)
        return NOTHING if node.format_spec is not None else value

    def _binop(self, node: ast.BinOp, env: Environment) -> Value:
        left, right = self.of(node.left, env), self.of(node.right, env)
        if isinstance(node.op, ast.Add):
            return composed([left, right]).at(node.lineno)
        if isinstance(node.op, ast.Mod) and left.said:
            return _filled(left, "%", [right]).at(node.lineno)
        if isinstance(node.op, ast.Div):
            return replace(joined([Value(left.flows), Value(right.flows)]), kind="path").at(node.lineno)
        return NOTHING

    def _boolop(self, node: ast.BoolOp, env: Environment) -> Value:
        return joined([value for each in node.values if (value := self.of(each, env)) != NOTHING])

    def _ifexp(self, node: ast.IfExp, env: Environment) -> Value:
        inner = env.copy()
        self.guard(node.test, inner)
        return joined([self.of(node.body, inner), self.of(node.orelse, inner)])

    def _list(self, node: ast.List | ast.Tuple, env: Environment) -> Value:
        return Value(parts=tuple((number, self.of(each, env)) for number, each in enumerate(node.elts[:200])))

    _tuple = _list

    def _dict(self, node: ast.Dict, env: Environment) -> Value:
        keys = [key.value if isinstance(key, ast.Constant) else object() for key in node.keys[:200]]
        return Value(parts=tuple((key, self.of(each, env)) for key, each in zip(keys, node.values, strict=False)))

    def _comprehension(self, node: ast.ListComp | ast.GeneratorExp, env: Environment) -> Value:
        inner = env.copy()
        for each in node.generators:
            found = self.each(self.of(each.iter, inner))
            self.assign(each.target, found, inner)
            for test in each.ifs:
                self.guard(test, inner)
        return Value(parts=((0, self.of(node.elt, inner)),))

    _listcomp = _generatorexp = _comprehension

    def each(self, value: Value) -> Value:
        """What a loop over it gives."""
        if value.parts is not None:
            inner = [part for _, part in value.parts]
            return joined(inner) if inner and all(part.flows for part in inner) else NOTHING
        return NOTHING

    def assign(self, target: ast.expr, value: Value, env: Environment) -> None:
        match target:
            case ast.Name(id=name):
                env.values[name] = value
                env.verdicts.pop(name, None)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                for number, each in enumerate(elements):
                    self.assign(each, element(value, number), env)
            case ast.Subscript(value=ast.Name(id=name)):
                env.values[name] = replace(env.values.get(name, NOTHING), parts=None)

    def _subscript(self, node: ast.Subscript, env: Environment) -> Value:
        value = self.of(node.value, env)
        self.of(node.slice, env)
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if value.parts is not None:
            return element(value, key)
        if value.kind == "uploads":
            return Value(kind="upload")
        if isinstance(node.slice, ast.Slice):
            return replace(value, flows=tuple(replace(flow, head=False) for flow in value.flows))
        return self._item(value, key, node.lineno, env)

    def _item(self, value: Value, key: object, line: int, env: Environment) -> Value:
        flows = (
            replace(flow, origin=f"{flow.origin}[{key!r}]" if key is not None else flow.origin) for flow in value.flows
        )
        return Value(tuple(flow.at(line) for flow in flows if flow.origin not in env.checked))

    def _attribute(self, node: ast.Attribute, env: Environment) -> Value:
        if self.module.framework == "django" and isinstance(node.value, ast.Name) and node.value.id == "self":
            return Value(kind="request:django") if node.attr == "request" and self.owner else NOTHING
        value = self.of(node.value, env)
        head, _, rest = value.kind.partition(":")
        if head == "request":
            return self._part(rest, node, env)
        if head == "body" and field_is_text(rest, node.attr, self.module):
            return self._source(f"{rest}.{node.attr}", node.lineno, env)
        if head == "upload" and node.attr == "filename":
            return self._source("the name of the uploaded file", node.lineno, env)
        return NOTHING

    def _part(self, framework: str, node: ast.Attribute, env: Environment) -> Value:
        if framework == "flask" and node.attr == "files":
            return Value(kind="uploads")
        told = tables.request_part(framework, node.attr)
        if told is None:
            return NOTHING
        mapping, texts, clean = told
        flow = Flow(f"request.{node.attr}", (node.lineno,), clean, text=texts)
        return Value((flow,) if flow.origin not in env.checked else (), kind="mapping" if mapping else "")

    def _source(self, origin: str, line: int, env: Environment) -> Value:
        return NOTHING if origin in env.checked else Value((Flow(origin, (line,), text=True),))

    def _call(self, node: ast.Call, env: Environment) -> Value:
        given = [self.of(each, env) for each in node.args]
        named = {each.arg or "": self.of(each.value, env) for each in node.keywords}
        name = self._resolved(node.func, env)
        for kind, sink, value in self._harm(name, node, given, named, env):
            self._report(kind, sink, node, value)
        return self._result(name, node, given, env).at(node.lineno)

    def _resolved(self, function: ast.expr, env: Environment) -> str:
        """Empty where a variable hides what the name stood for."""
        root = function
        while isinstance(root, ast.Attribute):
            root = root.value
        hidden = isinstance(root, ast.Name) and root.id in env.values
        return "" if hidden else self.module.dotted(function)

    def _result(self, name: str, node: ast.Call, given: list[Value], env: Environment) -> Value:
        if name in tables.CLEANS:
            return composed(given[:1]).cleaned(tables.CLEANS[name])
        if name == "os.path.join":
            return composed(given) if given else NOTHING
        if name in tables.CARRIES:
            return replace(joined(given[:1]), kind=tables.KINDS.get(name, ""))
        if name in tables.CLIENTS:
            return Value(kind="client")
        if (scope := self._local(node)) is not None:
            return self._enter(scope, node, given, env)
        return self._method(node.func, node, given, env) if isinstance(node.func, ast.Attribute) else NOTHING

    def _local(self, node: ast.Call) -> Scope | None:
        match node.func:
            case ast.Name(id=name):
                return self.module.by_name.get(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if self.owner:
                return self.module.by_name.get(f"{self.owner}.{name}")
        return None

    def _method(self, function: ast.Attribute, node: ast.Call, given: list[Value], env: Environment) -> Value:
        value, name = self.of(function.value, env), function.attr
        head, _, framework = value.kind.partition(":")
        if head == "request" and tables.request_call(framework, name):
            return self._source_of_call(name, node.lineno, env)
        if head == "uploads" or (name in tables.LOOKUPS and value.kind == "mapping"):
            return self._looked_up(value, node, env)
        if name in tables.LOOKUPS and value.flows and value.parts is None:
            return self._looked_up(value, node, env)
        return self._text_method(name, value, given, node, env)

    def _text_method(self, name: str, value: Value, given: list[Value], node: ast.Call, env: Environment) -> Value:
        if name == "format" and value.said:
            return _filled(value, "{", [*given, *(self.of(each.value, env) for each in node.keywords)])
        if name == "join" and given:
            return composed([replace(given[0], flows=given[0].flows if given[0].parts else ()), value])
        if name in tables.PIECES and value.flows:
            return Value(parts=((0, replace(value, said="")),))
        if name == "joinpath" and value.kind == "path":
            return replace(joined([value, *given]), kind="path")
        same = name in tables.TEXT_METHODS or (value.kind == "path" and name in tables.PATH_METHODS)
        return value if same else NOTHING

    def _source_of_call(self, name: str, line: int, env: Environment) -> Value:
        origin = f"request.{name}()"
        mapping = "mapping" if name in ("get_json", "json", "form") else ""
        return NOTHING if origin in env.checked else Value((Flow(origin, (line,)),), kind=mapping)

    def _looked_up(self, value: Value, node: ast.Call, env: Environment) -> Value:
        if value.kind == "uploads":
            return Value(kind="upload")
        key = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        return self._item(value, key, node.lineno, env)

    def _harm(
        self, name: str, node: ast.Call, given: list[Value], named: dict[str, Value], env: Environment
    ) -> Iterator[tuple[str, str, Value]]:
        first = given[0] if given else NOTHING
        kind = tables.CALLS.get(name)
        if self._local(node) is not None:
            return
        if name in tables.SECOND:
            yield tables.SECOND[name], name, given[1] if len(given) > 1 else named.get("url", NOTHING)
        if kind and not _excused(name, node, self.returned):
            yield kind, name, texts(first) if name in tables.TEXT_IS_HTML else first
        elif name in tables.SHELLS:
            yield "shell", name, _told_a_shell(node, first if given else named.get("args", NOTHING))
        elif isinstance(node.func, ast.Attribute):
            yield from self._method_harm(node.func, first, given, named, env)

    def _method_harm(
        self, function: ast.Attribute, first: Value, given: list[Value], named: dict[str, Value], env: Environment
    ) -> Iterator[tuple[str, str, Value]]:
        name, receiver = function.attr, _last_name(function.value)
        direct = receiver in tables.DATABASES and name.startswith("execute")
        if name in tables.SQL_METHODS and (direct or tables.SQL.search(first.said)):
            yield "sql", f"{receiver}.{name}" if receiver in tables.DATABASES else name, first
        elif name in tables.SQL_CLAUSES and any(each.kind == "sql" for each in given):
            yield "sql", name, joined([each for each in given if each.kind == "sql"])
        elif name == "extra" and self.module.framework == "django":
            for key in ("where", "select", "tables"):
                yield "sql", "extra", composed([named.get(key, NOTHING)])
        elif name in tables.LDAP_METHODS and len(given) > 2:
            yield "ldap", name, given[2]
        elif name == "from_string" and any(each.startswith("jinja2") for each in self.module.names.values()):
            yield "template", name, first
        else:
            yield from self._receiver_harm(function, first, env)

    def _receiver_harm(
        self, function: ast.Attribute, first: Value, env: Environment
    ) -> Iterator[tuple[str, str, Value]]:
        if function.attr not in tables.PATH_SINKS | tables.CLIENT_METHODS | {"save"}:
            return
        value = self.of(function.value, env)
        if function.attr in tables.PATH_SINKS and value.kind == "path":
            yield "path", f"Path.{function.attr}", value
        elif function.attr in tables.CLIENT_METHODS and value.kind == "client":
            yield "ssrf", f"client.{function.attr}", first
        elif function.attr == "save" and value.kind == "upload":
            yield "path", "file.save", first

    def guard(self, test: ast.expr, env: Environment) -> None:
        """After a test that looks at input, nobody can tell whether it is harmless: nothing is said of it any more."""
        self.of(test, env)
        env.check(frozenset(self._judged(test, env)))

    def _judged(self, test: ast.expr, env: Environment) -> Iterator[str]:
        match test:
            case ast.BoolOp(values=values):
                for each in values:
                    yield from self._judged(each, env)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                yield from self._judged(inner, env)
            case ast.Name(id=name):
                yield from env.verdicts.get(name, frozenset())
            case ast.Attribute() | ast.NamedExpr() | ast.Constant() | ast.Subscript():
                return
            case ast.Call(func=ast.Attribute(attr="get")):
                return
            case ast.Compare(left=ast.Name() as name, comparators=[ast.Constant(value=None | "")]):
                yield from self._judged(name, env)
            case _:
                yield from self.origins(ast.walk(test), env)

    def origins(self, nodes: Iterable[ast.AST], env: Environment) -> Iterator[str]:
        """Of all input in these expressions; whole mappings, which `in` looks up keys in, are not meant."""
        for node in nodes:
            if isinstance(node, (ast.Name, ast.Subscript, ast.Attribute, ast.Call)):
                value = self.of(node, env)
                if value.kind != "mapping":
                    yield from (flow.origin for flow in value.flows)
                    yield from (flow.origin for _, part in value.parts or () for flow in part.flows)
            if isinstance(node, ast.Name):
                yield from env.verdicts.get(node.id, ())


def _filled(form: Value, sign: str, given: list[Value]) -> Value:
    """What stands before the first placeholder decides whether input leads; the rest is said all the same."""
    before, _, after = form.said.partition(sign)
    opening = [replace(form, said=before)] if before or form.flows else []
    return composed([*opening, *given, Value(said=after)])


def _excused(name: str, node: ast.Call, returned: ast.expr | None) -> bool:
    if name == "yaml.load":
        loaders = [*node.args[1:2], *(each.value for each in node.keywords if each.arg == "Loader")]
        return not any(_last_name(each) in tables.MAKING_LOADERS for each in loaders)
    if name.endswith(("HttpResponse", ".Response", ".make_response")):
        told = ("content_type", "mimetype", "headers", None)
        typed = [*node.args[1:2], *(each.value for each in node.keywords if each.arg in told)]
        html = all(isinstance(each, ast.Constant) and "html" in str(each.value) for each in typed)
        return node is not returned or not html  # its type may be set later on
    return False


def _told_a_shell(node: ast.Call, command: Value) -> Value:
    """What a shell takes for its command: all of it, or what follows the `-c` of one that is started by its name."""
    if _shell(node):
        return command
    words = [part for _, part in command.parts or ()]
    if len(words) > 2 and tables.SHELL_PROGRAMS.fullmatch(words[0].said) and words[1].said == "-c":
        return words[2]
    return NOTHING


def _shell(node: ast.Call) -> bool:
    return any(
        each.arg == "shell" and isinstance(each.value, ast.Constant) and each.value.value is True
        for each in node.keywords
    )


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last_name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
