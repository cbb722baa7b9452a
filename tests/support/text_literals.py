"""Finds texts of the interface in source code that do not go through gettext."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

TRANSLATING_CALLS = frozenset({"_", "N_", "gettext", "ngettext"})
TEXT_ARGUMENTS = {
    **dict.fromkeys(("label", "notify", "tooltip", "link", "switch", "button", "set_text", "page_title"), (0,)),
    **dict.fromkeys(("link_button", "menu_item", "copy_button", "chip", "tag", "checkbox", "field"), (0,)),
    **dict.fromkeys(("select", "compact_select", "text_input", "text_area", "integer_input", "native_input"), (0,)),
    **dict.fromkeys(("dialog", "panel", "toast", "note", "error_note", "span", "title", "ReportCard"), (0,)),
    "text": (1,),
    "empty_state": (0, 1),
    "confirm_by_typing": (0, 1, 3),
    "set_prop": (2,),
}
"""Calls that show some of their arguments, by position."""
TEXT_KEYWORDS = frozenset({"placeholder", "help_text", "name", "label", "hint", "title", "text", "tooltip"})
NO_TEXT_CALLS = frozenset({"classes", "style", "on", "create", "run_javascript", "getLogger", "compile", "replace"})
"""Calls whose arguments are never shown."""
UNSHOWN_ERRORS = frozenset({"ValueError", "KeyError", "TypeError", "AssertionError", "RuntimeError", "HTTPException"})
TEXT_ATTRIBUTES = frozenset({"aria-label", "title", "placeholder", "alt"})
ATTRIBUTE_TEXT = re.compile(r"""(?:aria-label|title|placeholder|alt)=(?:"([^"]*)"|'([^']*)')""")

WORDS = re.compile(r"[A-Za-z]{2,}[,:]? [A-Za-z]|\b[A-Z][a-z]+\b")
"""Two words, or a capitalised one."""
SENTENCE = re.compile(r"[A-Z][a-z]+[,:]? [\w{“]|[A-Z][a-z]{2,}$")
"""The beginning of a sentence, or a single capitalised word."""
CODE = re.compile(r"[<{}=;]|https?:|^[A-Z]\w*[A-Z]")
"""Marks of HTML, script, CSS and class names."""


def untranslated_literals(source: str) -> list[str]:
    """Returns "line: text" of each literal that looks like a text of the interface and is not translated.

    Such are the texts that known calls, attributes and errors show, and sentences wherever they stand.
    """
    return [f"{line}: {text}" for line, text in sorted(set(_Finder().find(ast.parse(source))))]


class _Finder:
    def find(self, node: ast.AST, *, is_shown: bool = False) -> Iterator[tuple[int, str]]:
        match node:
            case ast.Call() if _name(node.func) in TRANSLATING_CALLS:
                for argument in node.keywords:
                    yield from self.find(argument.value)
                return
            case ast.Call():
                yield from self._find_in_call(node)
                return
            case ast.Raise(exc=ast.Call() as error) if _name(error.func) not in UNSHOWN_ERRORS:
                for argument in error.args:
                    yield from self.find(argument, is_shown=True)
                return
            case ast.Raise():
                return
            case ast.Expr(value=ast.Constant()):  # a docstring
                return
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=str() as attribute))]):
                yield from self.find(node.value, is_shown=attribute in TEXT_ATTRIBUTES)
                return
            case ast.Compare() | ast.Subscript():
                return
            case ast.JoinedStr():
                text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
                if is_shown and WORDS.search(text):
                    yield node.lineno, text
                for part in node.values:
                    if isinstance(part, ast.FormattedValue):
                        yield from self.find(part.value, is_shown=is_shown)
                return
            case ast.Constant(value=str() as text):
                is_sentence = SENTENCE.match(text) and not CODE.search(text)
                if (is_shown and WORDS.search(text)) or is_sentence:
                    yield node.lineno, text
                return
        for child in ast.iter_child_nodes(node):
            yield from self.find(child, is_shown=is_shown and isinstance(child, ast.expr))

    def _find_in_call(self, call: ast.Call) -> Iterator[tuple[int, str]]:
        name = _name(call.func)
        yield from self.find(call.func)
        if name == "props":
            for argument in call.args:
                if isinstance(argument, ast.Constant):
                    values = (first or second for first, second in ATTRIBUTE_TEXT.findall(str(argument.value)))
                    yield from ((call.lineno, value) for value in values if WORDS.search(value))
                else:
                    yield from self.find(argument)
        elif name not in NO_TEXT_CALLS:
            for index, argument in enumerate(call.args):
                yield from self.find(argument, is_shown=index in TEXT_ARGUMENTS.get(name, ()))
            for keyword in call.keywords:
                is_text = keyword.arg in TEXT_KEYWORDS and name in TEXT_ARGUMENTS
                yield from self.find(keyword.value, is_shown=is_text)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
