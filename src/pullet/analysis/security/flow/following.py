"""Follows a module's functions, statement by statement."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from pullet.analysis.security.flow import tables
from pullet.analysis.security.flow.expressions import Environment, Expressions, TooMuch
from pullet.analysis.security.flow.modules import Module, Route, Scope, parameters, read, route_of
from pullet.analysis.security.flow.values import NOTHING, Value, joined, texts

_INWARD = 3  # calls of calls
_HEADED = frozenset({"redirect", "ssrf"})
_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


@dataclass(frozen=True)
class Trace:
    """Input that reaches a place where it does harm."""

    kind: str
    """A key of `kinds.KINDS`."""
    origin: str
    """`request.args['name']`."""
    sink: str
    function: str
    steps: tuple[int, ...]
    """Lines, from the source to the sink."""
    end_line: int


def traces(tree: ast.Module) -> Sequence[Trace]:
    """Of one module. Raises TooMuch where that would take very long."""
    module = read(tree)
    if not module.framework:
        return ()
    follower = _Follower(module)
    for scope in module.scopes:
        follower.start(scope)
    return tuple(follower.found.values())


class _Follower:
    def __init__(self, module: Module) -> None:
        self.found: dict[tuple[str, int, str], Trace] = {}
        self._module = module
        self._expressions = Expressions(module, self._report, self._enter)
        self._inside: list[Scope] = []
        self._returned: list[Value] = []
        self._route: Route | None = None

    def start(self, scope: Scope) -> None:
        self._route = route_of(scope, self._module)
        self._function(scope, Environment(dict(parameters(scope, self._module))))

    def _function(self, scope: Scope, env: Environment) -> Value:
        outer, owner = self._returned, self._expressions.owner
        self._returned, self._expressions.owner = [], scope.owner
        self._inside.append(scope)
        self._body(scope.function.body, env)
        self._inside.pop()
        value = joined(self._returned)
        self._returned, self._expressions.owner = outer, owner
        return value

    def _enter(self, scope: Scope, call: ast.Call, given: list[Value], env: Environment) -> Value:
        """A function of the same module, called with these values. One that something is wrapped around is not
        entered, nor is one that is called with stars."""
        function = scope.function
        plain = all(not isinstance(each, ast.Starred) for each in call.args) and all(each.arg for each in call.keywords)
        if len(self._inside) > _INWARD or scope in self._inside or function.decorator_list or not plain:
            return NOTHING
        names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        bound = dict(zip(names[1:] if scope.owner else names, given, strict=False))
        bound |= {each.arg: self._expressions.of(each.value, env) for each in call.keywords if each.arg}
        local = dict.fromkeys((*names, *(each.arg for each in function.args.kwonlyargs)), NOTHING)
        inner = Environment(local | {name: value.at(call.lineno) for name, value in bound.items()}, set(env.checked))
        value = self._function(scope, inner)
        env.check(frozenset(inner.checked - env.checked))
        return value.without(frozenset(env.checked))

    def _report(self, kind: str, sink: str, node: ast.expr, value: Value) -> None:
        for flow in value.flows:
            if kind in flow.clean or (kind in _HEADED and not flow.head):
                continue
            steps = flow.at(node.lineno).steps
            found = Trace(kind, flow.origin, sink, self._inside[-1].name, steps, node.end_lineno or node.lineno)
            self.found.setdefault((kind, node.lineno, sink), found)
            return

    def _body(self, body: Sequence[ast.stmt], env: Environment) -> bool:
        """Whether what follows is reached."""
        return all(self._statement(statement, env) for statement in body)

    def _statement(self, statement: ast.stmt, env: Environment) -> bool:
        follow = getattr(self, f"_{type(statement).__name__.lower()}", None)
        if follow is not None:
            follow(statement, env)
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for child in ast.iter_child_nodes(statement):
                if isinstance(child, ast.expr):
                    self._expressions.of(child, env)
        return not (isinstance(statement, _ENDS) or env.values.pop(_OVER, None) is not None)

    def _assign(self, statement: ast.Assign, env: Environment) -> None:
        value = self._expressions.of(statement.value, env)
        for target in statement.targets:
            self._expressions.assign(target, value, env)
            if isinstance(target, ast.Name) and value == NOTHING:
                env.verdicts[target.id] = frozenset(self._expressions.origins(ast.walk(statement.value), env))

    def _annassign(self, statement: ast.AnnAssign, env: Environment) -> None:
        self._expressions.assign(statement.target, self._expressions.of(statement.value, env), env)

    def _augassign(self, statement: ast.AugAssign, env: Environment) -> None:
        if isinstance(statement.target, ast.Name):
            both = ast.copy_location(
                ast.BinOp(ast.copy_location(ast.Name(statement.target.id), statement), statement.op, statement.value),
                statement,
            )
            env.values[statement.target.id] = self._expressions.of(both, env)

    def _expr(self, statement: ast.Expr, env: Environment) -> None:
        """A call whose answer nobody wants may raise for what it does not like."""
        self._expressions.of(statement.value, env)
        match statement.value:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="append"), args=[each]):
                before = env.values.get(name, NOTHING)
                if before.parts is not None:
                    part = (len(before.parts), self._expressions.of(each, env))
                    env.values[name] = Value(parts=(*before.parts, part)[:200])
            case ast.Call() as call if not self._harmless(call):
                env.check(frozenset(self._expressions.origins([*call.args, *(k.value for k in call.keywords)], env)))

    def _harmless(self, call: ast.Call) -> bool:
        root = call.func
        while isinstance(root, ast.Attribute):
            root = root.value
        name = self._module.dotted(call.func)
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        known = name in tables.CALLS or name in tables.SHELLS or method in tables.SQL_METHODS
        return known or (isinstance(root, ast.Name) and root.id in tables.TALK)

    def _return(self, statement: ast.Return, env: Environment) -> None:
        self._expressions.returned = statement.value
        value = self._expressions.of(statement.value, env)
        self._returned.append(value)
        sent = len(self._inside) == 1 and self._route is not None and self._route.html and value.kind == ""
        if sent and statement.value is not None:
            self._report("xss", "response", statement.value, texts(value))

    def _assert(self, statement: ast.Assert, env: Environment) -> None:
        self._expressions.guard(statement.test, env)

    def _if(self, statement: ast.If, env: Environment) -> None:
        self._expressions.guard(statement.test, env)
        self._branches([statement.body, statement.orelse], env)

    def _branches(self, bodies: Sequence[Sequence[ast.stmt]], env: Environment) -> None:
        """What holds after any of them that does not leave the function or the loop."""
        ways = [(self._body(body, copy), copy) for body in bodies for copy in [env.copy()]]
        going_on = [copy for goes_on, copy in ways if goes_on]
        for _, copy in ways:
            env.checked |= copy.checked
        if not going_on:
            env.values[_OVER] = NOTHING
            return
        names = {name for copy in going_on for name in copy.values}
        env.values = {name: joined([copy.values.get(name, NOTHING) for copy in going_on]) for name in names}
        env.check(frozenset(env.checked))

    def _for(self, statement: ast.For | ast.AsyncFor, env: Environment) -> None:
        found = self._expressions.each(self._expressions.of(statement.iter, env))
        for _ in range(2):
            inner = env.copy()
            self._expressions.assign(statement.target, found, inner)
            self._body(statement.body, inner)
            inner.values.pop(_OVER, None)
            if not self._merge(env, inner):
                break  # another round would tell nothing new
        self._body(statement.orelse, env)

    _asyncfor = _for

    def _while(self, statement: ast.While, env: Environment) -> None:
        for _ in range(2):
            self._expressions.guard(statement.test, env)
            inner = env.copy()
            self._body(statement.body, inner)
            inner.values.pop(_OVER, None)
            if not self._merge(env, inner):
                break

    def _merge(self, env: Environment, other: Environment) -> bool:
        """Whether that changes what is known."""
        before, checked = env.values, set(env.checked)
        names = {*env.values, *other.values}
        env.values = {
            name: joined([each.values[name] for each in (env, other) if name in each.values]) for name in names
        }
        env.check(frozenset(env.checked | other.checked))
        return env.values != before or env.checked != checked

    def _with(self, statement: ast.With | ast.AsyncWith, env: Environment) -> None:
        for item in statement.items:
            value = self._expressions.of(item.context_expr, env)
            if item.optional_vars is not None:
                kept = value if value.kind == "client" else NOTHING
                self._expressions.assign(item.optional_vars, kept, env)
        if not self._body(statement.body, env):
            env.values[_OVER] = NOTHING

    _asyncwith = _with

    def _try(self, statement: ast.Try, env: Environment) -> None:
        before = env.copy()
        ended = not self._body([*statement.body, *statement.orelse], env)
        if ended:
            env.values = dict(before.values)
        for handler in statement.handlers:
            inner = before.copy()
            inner.check(frozenset(env.checked))
            if self._body(handler.body, inner):
                self._merge(env, inner)
                ended = False
        over = not self._body(statement.finalbody, env)
        if ended or over:
            env.values[_OVER] = NOTHING

    def _match(self, statement: ast.Match, env: Environment) -> None:
        self._expressions.of(statement.subject, env)
        env.check(frozenset(self._expressions.origins(ast.walk(statement.subject), env)))
        self._branches([*(case.body for case in statement.cases), []], env)


_OVER = "\0over"  # no name of Python: the function or the loop was left on every way

__all__ = ["TooMuch", "Trace", "traces"]
