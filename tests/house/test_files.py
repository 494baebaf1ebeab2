"""The form of the files: short, opened by a docstring, finished, and tied to no machine."""

from __future__ import annotations

import ast
import importlib
import inspect
import re

from tests.house.sources import ROOT, SOURCE, modules, text, tracked

LONGEST = 320
OPENING = 5
# Package registries are named by their clients' settings, never here.
HOSTS = re.compile(r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|deb\.debian\.org|crates\.io/api")
MACHINE = re.compile(r"(^|[^A-Za-z0-9_.])/(work|root|home|farm|Users)/[A-Za-z0-9_.-]+", re.MULTILINE)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")


def test_source_files_are_short() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in tracked()
        if (ROOT / "src" in path.parents or ROOT / "benchmarks" in path.parents)
        and path.suffix in (".py", ".js", ".html")
        and (count := len(text(path).splitlines())) >= LONGEST
    }
    assert not long, f"divide what has {LONGEST} lines and more: {long}"


def test_each_module_opens_with_what_it_is_for_in_at_most_five_lines() -> None:
    wrong = []
    for path, tree in modules():
        first = tree.body[0] if tree.body else None
        if ast.get_docstring(tree) is None or first is None or first.end_lineno is None:
            wrong.append(f"{path} says nothing")
        elif first.end_lineno - first.lineno + 1 > OPENING:
            wrong.append(f"{path} takes {first.end_lineno - first.lineno + 1} lines")
    assert not wrong, "; ".join(wrong)


def test_public_names_exist_and_say_what_they_are() -> None:
    wrong = []
    for path, tree in modules():
        if not path.endswith("__init__.py"):
            continue
        named = [
            node for node in tree.body if isinstance(node, ast.Assign) and "__all__" in map(ast.unparse, node.targets)
        ]
        if not named:
            continue
        module = importlib.import_module(".".join(["unghost", *path.split("/")[:-1]]))
        for name in module.__all__:
            thing = getattr(module, name, None)
            if thing is None:
                wrong.append(f"{path} names {name}, which is not there")
            elif (inspect.isclass(thing) or inspect.isroutine(thing)) and not inspect.getdoc(thing):
                wrong.append(f"{path}: {name} has no docstring")
    assert not wrong, "; ".join(wrong)


def test_no_file_names_a_registrys_host_or_a_machines_path() -> None:
    wrong = []
    for path in tracked():
        name, content = path.relative_to(ROOT).as_posix(), text(path)
        wrong += [f"{name} names the host {found[0]}" for found in HOSTS.finditer(content)]
        wrong += [f"{name} names the path {found[0].strip()}" for found in MACHINE.finditer(content)]
    assert not wrong, "; ".join(wrong[:20])


def test_the_source_is_finished() -> None:
    wrong = [
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if SOURCE in path.parents and UNFINISHED.search(text(path))
    ]
    assert not wrong, f"finish these or leave them out: {wrong}"
