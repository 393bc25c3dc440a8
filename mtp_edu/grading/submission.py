"""A student's functions, taken over from a notebook as source: what defines them and what they need, nothing else."""

from __future__ import annotations

import ast
import json
import re
import symtable
from dataclasses import dataclass, replace
from pathlib import Path

MAGIC_CALL = re.compile(r"^(\s*)get_ipython\(\)\..*$", re.MULTILINE)  # what IPython makes of a magic, a ! or a ?


class Unreadable(Exception):
    """The file is no notebook."""


@dataclass(frozen=True)
class Submission:
    """The cells of a notebook."""

    statements: tuple[tuple[ast.stmt, str], ...]  # of all code cells, in order, with their text
    broken: int  # code cells that are no Python
    texts: tuple[str, ...] = ()  # the markdown cells

    @classmethod
    def read(cls, path: Path) -> Submission:
        """Raises Unreadable, with the reason, for what is no notebook."""
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            kinds = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
        except (OSError, ValueError, KeyError, TypeError) as problem:
            raise Unreadable(f"{path.name} is no notebook: {type(problem).__name__} {problem}") from None
        own = cls.of([source for kind, source in kinds if kind == "code"])
        return replace(own, texts=tuple(source for kind, source in kinds if kind == "markdown"))

    @classmethod
    def of(cls, sources: list[str]) -> Submission:
        """From the source of each code cell."""
        statements, broken = [], 0
        for source in sources:
            try:
                text = _without_magics(source)
                statements += [(node, _text(node, text.splitlines())) for node in ast.parse(text).body]
            except (SyntaxError, ValueError):
                broken += 1
        return cls(tuple(statements), broken)

    def source_of(self, name: str) -> str | None:
        """Source that defines `name`: every top-level statement that binds it or a name that such a statement uses, in
        order. Calls, loops and prints between them are left out. None if nothing binds it."""
        needed, taken = {name}, set()
        binds = [_bound(statement) for statement, _ in self.statements]
        if not any(name in bound for bound in binds):
            return None
        grew = True
        while grew:
            grew = False
            for i in range(len(self.statements)):
                if i not in taken and (binds[i] & needed or "*" in binds[i]):
                    taken.add(i)
                    needed |= _used(self.statements[i][1])
                    grew = True
        return "\n\n".join(self.statements[i][1] for i in sorted(taken))


def _without_magics(source: str) -> str:
    if source.lstrip().startswith("%%"):
        magic, _, rest = source.lstrip().partition("\n")
        return rest if magic.split()[0] in ("%%time", "%%timeit", "%%capture") else ""
    from IPython.core.inputtransformer2 import TransformerManager  # here, because the scoring interpreter needs none

    return MAGIC_CALL.sub(r"\1pass", TransformerManager().transform_cell(source))


def _text(node: ast.stmt, lines: list[str]) -> str:
    """The statement as it was written, with its comments; anew where it shares a line with another."""
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    text = "\n".join(lines[first - 1 : node.end_lineno])
    try:
        found = ast.parse(text).body
    except SyntaxError:
        found = []
    return text if len(found) == 1 and ast.dump(found[0]) == ast.dump(node) else ast.unparse(node)


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a top-level statement gives a meaning in the notebook; "*" for a star import."""
    found: set[str] = set()
    nodes: list[ast.AST] = [statement]
    while nodes:
        node = nodes.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
            continue  # what is bound inside is local
        if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(getattr(node, "ctx", None), ast.Store):
            while isinstance(node, (ast.Attribute, ast.Subscript)):  # TABLE["a"] = ... makes TABLE what it is
                node = node.value
            if isinstance(node, ast.Name):
                found.add(node.id)
        nodes += ast.iter_child_nodes(node)
    return found


def _used(text: str) -> set[str]:
    """Names that a top-level statement takes from the notebook.

    A parameter, or what a function binds itself, is none of them: a demonstration that binds the same name is not run.
    """
    try:
        scopes = [symtable.symtable(text, "<cell>", "exec")]
    except SyntaxError:  # such as a return outside of a function: running it will say so
        return set()
    found: set[str] = set()
    while scopes:
        scope = scopes.pop()
        outermost = scope.get_type() == "module"
        for name in scope.get_symbols():
            if name.is_referenced() and (outermost or name.is_global()):
                found.add(name.get_name())
        scopes += scope.get_children()
    return found
