"""The house keeps its order: imports point down, and asking for help loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import TOOLS, every_command

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "manifests": {"manifests"},
    "acquire": {"manifests", "acquire"},
    "curate": {"manifests", "curate"},
    "train": {"manifests", "train"},
}
HEAVY = ("torch", "cv2", "pandas", "yt_dlp", "av", "matplotlib", "skimage", "scipy", "numpy", "pyarrow")


def imported_packages(source: str) -> set[str]:
    """Top-level names that a module imports, anywhere in it; a relative import counts as none of ours and is refused elsewhere."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and isinstance(node.args[0], ast.Constant):
            found.add(str(node.args[0].value).partition(".")[0])
    return found


@pytest.mark.parametrize("package", TOOLS)
def test_imports_point_down(package: str) -> None:
    modules = list((ROOT / package).rglob("*.py"))
    assert modules
    for module in modules:
        ours = imported_packages(module.read_text()) & {*TOOLS, "tests"}
        assert ours <= MAY_IMPORT[package], f"{module.relative_to(ROOT)} imports {sorted(ours - MAY_IMPORT[package])}"


def test_the_rule_would_be_broken_by_an_upward_import() -> None:
    assert imported_packages("def f():\n    from curate.rain import x\n    import train.fit") == {"curate", "train"}


@pytest.mark.parametrize("package", TOOLS)
def test_importing_a_package_does_nothing(package: str) -> None:
    """No module runs more than imports, definitions and constants at its top level."""
    allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.AsyncFunctionDef)
    for module in (ROOT / package).rglob("*.py"):
        for node in ast.parse(module.read_text()).body:
            text = ast.unparse(node).splitlines()[0]
            guarded = isinstance(node, ast.If) and ("TYPE_CHECKING" in text or "__main__" in text)
            words = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            registers = isinstance(node, ast.Expr) and "add_command" in text
            assert isinstance(node, allowed) or guarded or words or registers, f"{module.relative_to(ROOT)}:{node.lineno}: {text}"


@pytest.mark.parametrize("command", list(every_command()), ids=" ".join)
def test_help_loads_nothing_heavy(command: tuple[str, ...]) -> None:
    script = (
        "import sys, importlib, contextlib, io\n"
        "tool, *rest = sys.argv[1:]\n"
        "main = importlib.import_module(tool + '.cli').main\n"
        "out = io.StringIO()\n"
        "with contextlib.redirect_stdout(out):\n"
        "    code = main([*rest, '--help'], standalone_mode=False)\n"
        "assert out.getvalue().startswith('Usage: '), out.getvalue()\n"
        f"print(*sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
