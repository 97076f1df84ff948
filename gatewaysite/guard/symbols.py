"""The project as the guard reads it: modules, classes, functions, and what names stand for. Nothing is imported."""

import ast
import fnmatch
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .config import Config
from .effects import libraries

MAX_BYTES = 4_000_000
OWN = Path(__file__).resolve().parent
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(eq=False, slots=True)
class Function:
    node: FunctionNode
    module: "Module"
    qualname: str
    cls: "Class | None" = None
    parent: "Function | None" = None
    is_generator: bool = False
    # A generator expression: what is found in it belongs to the function around it.
    in_place: bool = False

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]

    @property
    def path(self) -> str:
        return f"{self.module.name}.{self.qualname}"

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def body(self) -> list[ast.stmt]:
        if isinstance(self.node, ast.Lambda):
            return [ast.copy_location(ast.Return(self.node.body), self.node.body)]
        return self.node.body

    @property
    def decorators(self) -> list[ast.expr]:
        return [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list

    def __repr__(self) -> str:
        return f"<{self.path}>"


KINDS = {
    "staticmethod": "staticmethod",
    "classmethod": "classmethod",
    "property": "property",
    "cached_property": "property",
    "classproperty": "property",
}


@cache
def kinds_of(function: Function) -> frozenset[str]:
    """staticmethod, classmethod, property: by the decorator's last name."""
    names = [ast.unparse(decorator).partition("(")[0].rpartition(".")[2] for decorator in function.decorators]
    return frozenset(KINDS[name] for name in names if name in KINDS)


@dataclass(eq=False, slots=True)
class Class:
    node: ast.ClassDef
    module: "Module"
    qualname: str
    methods: dict[str, Function] = field(default_factory=dict)
    assigned: dict[str, list[ast.expr]] = field(default_factory=dict)
    annotations: dict[str, ast.expr] = field(default_factory=dict)
    # Methods that set an attribute of self, by the attribute's name.
    setters: dict[str, list[Function]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{self.module.name}.{self.qualname}"

    def __repr__(self) -> str:
        return f"<{self.path}>"


@dataclass(eq=False, slots=True)
class Module:
    name: str
    file: str
    tree: ast.Module
    source: str
    # The folder its imports begin in, dotted; None where no package says which of those around it that is.
    root: str | None = ""
    # By name, what statements bind it to: an import's dotted path, a function, a class, an expression.
    bindings: dict[str, list[object]] = field(default_factory=lambda: defaultdict(list))
    functions: list[Function] = field(default_factory=list)
    classes: list[Class] = field(default_factory=list)
    by_node: dict[ast.AST, "Function | Class"] = field(default_factory=dict)

    @property
    def package(self) -> str:
        return self.name if self.file.endswith("__init__.py") else self.name.rpartition(".")[0]

    def __repr__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be judged: where, and why."""

    file: str
    line: int
    reason: str


class Program:
    """All modules that are looked at, by dotted name."""

    def __init__(self, modules: Iterable[Module], unreadable: Iterable[Unreadable] = ()) -> None:
        self.modules = {module.name: module for module in modules}
        self.unreadable = list(unreadable)
        self._by_tail: dict[str, list[Module]] = defaultdict(list)
        for module in self.modules.values():
            self._by_tail[module.name.rpartition(".")[2]].append(module)
        # Every module and every folder with modules in it.
        self.places = {
            ".".join(parts[:end])
            for parts in (name.split(".") for name in self.modules)
            for end in range(1, len(parts) + 1)
        }

    def absolute(self, path: str, importer: Module) -> str:
        """The path of an import as modules are named here: it may begin in a folder of the project."""
        first = path.partition(".")[0]
        for root in self._roots(importer, first):
            if f"{root}.{first}" in self.places:
                return f"{root}.{path}"
        return path

    def _roots(self, importer: Module, first: str) -> Iterator[str]:
        """Where this import may begin. A folder that is no package may be such a place, but no library is in it."""
        if importer.root is not None:
            yield importer.root
        elif first not in self.places and first not in sys.stdlib_module_names and first not in libraries():
            folder = importer.name.rpartition(".")[0]
            while folder:
                if folder not in self.modules:
                    yield folder
                folder = folder.rpartition(".")[0]

    def module(self, name: str) -> Module | None:
        """The module of this name, also where the folder that was given begins deeper or higher than imports do."""
        if name in self.modules:
            return self.modules[name]
        tail = name.rpartition(".")[2]
        near = [one for one in self._by_tail.get(tail, ()) if name.endswith("." + one.name)]
        return near[0] if len(near) == 1 else None

    def classes(self) -> Iterator[Class]:
        for module in self.modules.values():
            yield from module.classes


def load(config: Config, paths: Iterable[Path]) -> Program:
    modules: dict[str, Module] = {}
    unreadable = []
    for path, (name, root) in names_of(sorted(set(files_in(config, paths))), config.root).items():
        file = relative(config.root, path)
        if name in modules:
            unreadable.append(Unreadable(file, 1, f"it is imported by the same name as {modules[name].file}: {name}"))
            continue
        try:
            with room_to_recurse(2_500):
                modules[name] = read_module(_source(path), name, file, root)
        except SyntaxError as error:
            unreadable.append(Unreadable(file, error.lineno or 1, error.msg))
        except (ValueError, OSError) as error:  # NUL bytes, or bytes that are no text; or it is not ours to read
            unreadable.append(Unreadable(file, 1, str(error)))
        except (RecursionError, MemoryError):
            unreadable.append(Unreadable(file, 1, "its expressions or branches are nested too deep"))
    return Program(modules.values(), unreadable)


def _source(path: Path) -> bytes:
    if not path.is_file():
        raise OSError("it is no regular file")
    if path.stat().st_size > MAX_BYTES:
        raise OSError(f"it is larger than {MAX_BYTES:,} bytes")
    return path.read_bytes()


@contextmanager
def room_to_recurse(frames: int) -> Iterator[None]:
    """Trees are walked by functions that call themselves, and chains of calls by chains of calls."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, frames))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def files_in(config: Config, paths: Iterable[Path]) -> Iterator[Path]:
    """Python files: those named, and those in folders named, without what is excluded there."""
    for path in paths:
        path = path.resolve()
        if path.is_dir():
            # Whoever names a folder that is left out as a rule wants to see it.
            is_wanted = _excluded(config, path / "any.py")
            yield from (file for file in _python_files(path) if is_wanted or not _excluded(config, file))
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"there is no {path}")


def _python_files(folder: Path) -> Iterator[Path]:
    for where, folders, names in folder.walk():
        folders[:] = [name for name in folders if not _is_passed_over(where / name)]
        yield from (where / name for name in names if name.endswith(".py"))


def _is_passed_over(folder: Path) -> bool:
    """Hidden folders, virtual environments whatever they are called, and the guard itself."""
    return (
        folder == OWN or folder.name.startswith(".") or folder.name == "__pycache__" or (folder / "pyvenv.cfg").exists()
    )


def _excluded(config: Config, file: Path) -> bool:
    return matches(relative(config.root, file), config.exclude)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a file's name relative to the root is one of these; `**/` stands for any folder, or none."""
    return any(
        fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name, pattern.removeprefix("**/")) for pattern in patterns
    )


def relative(root: Path, path: Path) -> str:
    return path.relative_to(root, walk_up=True).as_posix()


def names_of(files: Iterable[Path], root: Path) -> dict[Path, tuple[str, str | None]]:
    """Each file's dotted name and the root of its imports (see Module.root).

    A name begins at the outermost folder that is a package, without packages at the project's root. Where two folders
    hold packages of one name, all that is in these folders is named from the project's root.
    """
    tops = {path: _top(path) for path in files}
    named: dict[str, set[Path]] = defaultdict(set)
    for path, top in tops.items():
        named[_dotted(path.with_suffix(""), _base(path, top, root))].add(top)
    crowded = {top for sharing in named.values() if len(sharing) > 1 for top in sharing}
    return {
        path: (
            _dotted(path.with_suffix(""), root if top in crowded else _base(path, top, root)),
            None if top == path.parent != root else _dotted(top, root),
        )
        for path, top in tops.items()
    }


def _top(path: Path) -> Path:
    """The folder that the outermost package around the file is in."""
    top = path.parent
    while (top / "__init__.py").exists():
        top = top.parent
    return top


def _base(path: Path, top: Path, root: Path) -> Path:
    return root if root in path.parents and top == path.parent else top


def _dotted(path: Path, base: Path) -> str:
    parts = [part for part in path.relative_to(base, walk_up=True).parts if part != ".."]
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def read_module(source: bytes, name: str, file: str, root: str | None = "") -> Module:
    tree = ast.parse(source, filename=file)
    module = Module(name, file, tree, source.decode("utf-8", "replace"), root)
    _Reader(module).visit(tree)
    return module


class _Reader(ast.NodeVisitor):
    """Finds what a module defines, however deep it stands."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.cls: Class | None = None
        self.function: Function | None = None
        self.globals: set[str] = set()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        found = Class(node, self.module, self._qualname(node.name))
        self._register(node, node.name, found)
        self.module.classes.append(found)
        outer, self.cls, function, self.function = self.cls, found, self.function, None
        for statement in node.body:
            self._class_statement(found, statement)
            self.visit(statement)
        self.cls, self.function = outer, function
        for expression in (*node.bases, *node.decorator_list, *(keyword.value for keyword in node.keywords)):
            self.visit(expression)

    def _class_statement(self, cls: Class, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    cls.assigned.setdefault(target.id, []).append(statement.value)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            cls.annotations[statement.target.id] = statement.annotation
            if statement.value:
                cls.assigned.setdefault(statement.target.id, []).append(statement.value)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node, node.name)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node, node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, "<lambda>")

    def _function(self, node: FunctionNode, name: str) -> None:
        is_method = self.cls is not None and self.function is None and not isinstance(node, ast.Lambda)
        found = Function(node, self.module, self._qualname(name), self.cls, self.function)
        if is_method and self.cls:
            self.cls.methods[name] = found
            self.module.by_node[node] = found
        else:
            self._register(node, name, found)
        self.module.functions.append(found)
        outer, self.function = self.function, found
        outer_globals, self.globals = self.globals, set()
        self.generic_visit(node)
        self.function, self.globals = outer, outer_globals

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        """As Python does it: a generator function that is given what the first `for` walks."""
        self.visit(node.generators[0].iter)
        name = self._qualname("<genexpr>")
        found = Function(
            as_function(node), self.module, name, self.cls, self.function, is_generator=True, in_place=True
        )
        self.module.by_node[node] = found
        outer, self.function = self.function, found
        for statement in found.body:
            self.visit(statement)
        self.function = outer

    def visit_Yield(self, node: ast.Yield) -> None:
        if self.function:
            self.function.is_generator = True
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        if self.function:
            self.function.is_generator = True
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assigned(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self._assigned(node.target, node.value)
        if isinstance(node.target, ast.Name) and self._at_top:
            self.module.bindings[node.target.id].append(Annotated(node.annotation))
        self.generic_visit(node)

    def visit_TypeAlias(self, node: ast.TypeAlias) -> None:
        if self._at_top:
            self.module.bindings[node.name.id].append(node.value)

    def visit_Import(self, node: ast.Import) -> None:
        if self._at_top:
            for name, dotted in imported(node, self.module):
                self.module.bindings[name].append(dotted)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if self._at_top:
            for name, dotted in imported(node, self.module):
                self.module.bindings[name].append(dotted)

    def visit_For(self, node: ast.For) -> None:
        self._assigned(node.target, ElementOf(node.iter))
        self.generic_visit(node)

    @property
    def _at_top(self) -> bool:
        return self.cls is None and self.function is None

    def _assigned(self, target: ast.expr, value: object) -> None:
        if isinstance(target, ast.Name) and (self._at_top or (self.function and target.id in self.globals)):
            self.module.bindings[target.id].append(value)
        elif (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and self.cls
            and self.function
            and target.value.id in ("self", "cls")
        ):
            self.cls.setters.setdefault(target.attr, []).append(self.function)

    def _register(self, node: ast.AST, name: str, found: Function | Class) -> None:
        self.module.by_node[node] = found
        if self._at_top and name != "<lambda>":
            self.module.bindings[name].append(found)

    def _qualname(self, name: str) -> str:
        if self.function:
            return f"{self.function.qualname}.{name}"
        return f"{self.cls.qualname}.{name}" if self.cls else name


SOURCE = ".0"


def as_function(node: ast.GeneratorExp) -> ast.FunctionDef:
    body: list[ast.stmt] = [ast.Expr(ast.Yield(node.elt))]
    for part in reversed(node.generators):
        for condition in reversed(part.ifs):
            body = [ast.If(condition, body, [])]
        source = ast.Name(SOURCE, ast.Load()) if part is node.generators[0] else part.iter
        loop = ast.AsyncFor if part.is_async else ast.For
        body = [ast.copy_location(loop(part.target, source, body, []), part.iter)]
    arguments = ast.arguments([], [ast.arg(SOURCE)], kwonlyargs=[], kw_defaults=[], defaults=[])
    function = ast.FunctionDef("<genexpr>", arguments, body, [], type_params=[])
    return ast.fix_missing_locations(ast.copy_location(function, node))


@dataclass(frozen=True, slots=True)
class Annotated:
    """A binding that says only of what type the name is."""

    annotation: ast.expr


@dataclass(frozen=True, slots=True)
class ElementOf:
    """A binding to one of the elements of an expression."""

    iterable: ast.expr


def imported(node: ast.Import | ast.ImportFrom, module: Module) -> Iterator[tuple[str, str]]:
    """(name, dotted path) for each name an import binds."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        return
    base = node.module or ""
    if node.level:
        parts = module.package.split(".") if module.package else []
        parts = parts[: len(parts) - node.level + 1]
        base = ".".join([*parts, base] if base else parts)
    for alias in node.names:
        yield alias.asname or alias.name, f"{base}.{alias.name}".lstrip(".")
