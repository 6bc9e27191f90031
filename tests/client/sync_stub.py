"""Makes `service/client/sync.pyi` from the async client: ``python -m tests.client.sync_stub``."""

from __future__ import annotations

import ast
import copy
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).parent.parent.parent / "service" / "client"
STUB = CLIENT / "sync.pyi"
_ROOT = "Client"
_ROOT_NAME = "SyncClient"
_HEAD = "# Made from the async client by `python -m tests.client.sync_stub`; a test compares.\n"
# What async names become; the items of the others are what is waited for.
_NAMES = {"AsyncIterator": "Iterator", "AsyncIterable": "Iterable", "Source": "Iterable"}
_GENERATOR, _AWAITABLE = "AsyncGenerator", "Awaitable"
_METHODS = {"__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__", "__init__": "__init__"}
_ABC = "collections.abc"


class Sources:
    """The modules of the client: their classes, and where the names in them come from."""

    def __init__(self) -> None:
        self.classes: dict[str, ast.ClassDef] = {}
        self.origins: dict[str, tuple[str, str]] = {}
        for path in sorted(CLIENT.glob("*.py")):
            if path.name == "__init__.py":
                continue
            module = f"service.client.{path.stem}"
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    self.classes[node.name] = node
                    self.origins[node.name] = (module, node.name)
                elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    self.origins.setdefault(node.targets[0].id, (module, node.targets[0].id))
        for path in sorted(CLIENT.glob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("service."):
                    for alias in node.names:
                        self.origins.setdefault(alias.name, (node.module, alias.name))

    def is_mirrored(self, name: str) -> bool:
        """Tell if a class has public methods that do not wait, itself or by its base."""
        node = self.classes.get(name)
        if node is None:
            return False
        is_async = any(
            isinstance(one, ast.AsyncFunctionDef) and (one.name in _METHODS or not one.name.startswith("_"))
            for one in node.body
        )
        return is_async or any(self.is_mirrored(_name(base)) for base in node.bases)


class Waiting(ast.NodeTransformer):
    """Turns annotations into those of who waits, and notes which classes and other names they speak of."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.mirrored: set[str] = set()
        self.used: set[str] = set()

    def turned(self, node: ast.expr) -> ast.expr:
        """Return an annotation as it is for who waits."""
        turned: ast.expr = self.visit(copy.deepcopy(node))
        return turned

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """Take what is waited for out of its wrapping."""
        if _name(node) == _AWAITABLE:
            return self.turned(node.slice)
        if _name(node) == _GENERATOR and isinstance(node.slice, ast.Tuple):
            return self.turned(ast.Subscript(ast.Name("AsyncIterator"), node.slice.elts[0]))
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Give async names those of who waits."""
        name = _NAMES.get(node.id, node.id)
        if self.sources.is_mirrored(name):
            self.mirrored.add(name)
            name = f"_{name}"
        else:
            self.used.add(name)
        return ast.copy_location(ast.Name(name), node)


def stub() -> str:
    """Return the stub as it must be."""
    waiting = Waiting(Sources())
    made: dict[str, str] = {}
    waiting.mirrored.add(_ROOT)
    while missing := sorted(waiting.mirrored - made.keys()):
        for name in missing:
            made[name] = _class_of(waiting.sources.classes[name], waiting)
    body = "\n".join(made[name] for name in sorted(made, key=lambda name: (name == _ROOT, name)))
    return _formatted(_HEAD + _imports(waiting) + body)


def _class_of(node: ast.ClassDef, waiting: Waiting) -> str:
    is_root = node.name == _ROOT
    bases = ", ".join(ast.unparse(waiting.turned(base)) for base in node.bases)
    name = _ROOT_NAME if is_root else f"_{node.name}"
    lines: list[str] = []
    for member in node.body:
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
            if member.name == "__init__":
                lines += _attributes(member, waiting)
            if is_root or member.name != "__init__":
                lines += _method(member, waiting)
    return f"class {name}{f'({bases})' if bases else ''}:\n" + "".join(f"    {line}\n" for line in lines)


def _attributes(init: ast.FunctionDef | ast.AsyncFunctionDef, waiting: Waiting) -> list[str]:
    """Return the public attributes that are set: those that are annotated, and those that are made by a class."""
    found = []
    for node in ast.walk(init):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if not isinstance(target, ast.Attribute) or target.attr.startswith("_"):
            continue
        kind = node.annotation if isinstance(node, ast.AnnAssign) else getattr(node, "value", None)
        if isinstance(kind, ast.Call):
            kind = kind.func
        if isinstance(kind, ast.Name | ast.Subscript):
            found.append(f"@property\n    def {target.attr}(self) -> {ast.unparse(waiting.turned(kind))}: ...")
    return found


def _method(node: ast.FunctionDef | ast.AsyncFunctionDef, waiting: Waiting) -> list[str]:
    name = _METHODS.get(node.name, node.name)
    if name.startswith("_") and node.name not in _METHODS:
        return []
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
        if argument is not None and argument.annotation is not None:
            argument.annotation = waiting.turned(argument.annotation)
    arguments.defaults = [_default(one) for one in arguments.defaults]
    arguments.kw_defaults = [one and _default(one) for one in arguments.kw_defaults]
    returns = ast.unparse(waiting.turned(node.returns)) if node.returns else "None"
    decorators = [f"@{ast.unparse(one)}" for one in node.decorator_list]
    return [*decorators, f"def {name}({ast.unparse(arguments)}) -> {returns}: ..."]


def _default(node: ast.expr) -> ast.expr:
    return node if isinstance(node, ast.Constant) else ast.Constant(...)


def _imports(waiting: Waiting) -> str:
    origins = {**waiting.sources.origins, **{name: (_ABC, name) for name in ("Iterator", "Iterable")}}
    return "".join(f"from {origins[name][0]} import {name}\n" for name in waiting.used if name in origins) + "\n"


def _name(node: ast.expr) -> str:
    node = node.value if isinstance(node, ast.Subscript) else node
    return node.id if isinstance(node, ast.Name) else ""


def _formatted(text: str) -> str:
    """Return it as the linter wants it: imports in order, lines of their length."""
    ruff = [sys.executable, "-m", "ruff"]
    for options in (["check", "--quiet", "--fix", "--select", "I"], ["format", "--quiet"]):
        command = [*ruff, *options, "--stdin-filename", str(STUB), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
