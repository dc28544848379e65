"""The layout of the source: imports point one way, files stay short, versions agree."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import cfhtisr

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python" / "cfhtisr"
EVERYONE = {"_kernels", "errors", "threads"}
MAY_IMPORT = {
    "images": set(),
    "pipe": {"config_files"},
    "config": set(),
    "camera": {"images"},
    "isr": {"images", "camera"},
    "io": {"images", "camera"},
    "config_files": {"config"},
    "presets": {"config"},
    "tasks": {"images", "camera", "isr", "io", "pipe", "config", "config_files", "presets"},
    "batch": {"images", "camera", "isr", "io", "pipe", "tasks", "config_files"},
    "butler": {"images", "camera", "io", "pipe", "tasks", "config_files", "isr"},
    "qa": {"images", "camera"},
    "simulate": {"images", "camera", "isr", "io", "qa"},
}


def home(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


# The command line and the root of the package may import everything.
SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if home(path) in MAY_IMPORT]


def imported(path):
    """Yield the packages of ours that a file imports when it is imported itself."""
    waiting = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("cfhtisr."):
                yield name.split(".")[1]
        waiting.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    names = set(imported(path)) - EVERYONE - {home(path), "__version__"}
    assert names <= MAY_IMPORT[home(path)]


@pytest.mark.parametrize("suffix", ["py", "rs"])
def test_no_file_is_longer_than_one_sitting(suffix):
    files = [*ROOT.glob(f"python/**/*.{suffix}"), *ROOT.glob(f"rust/**/*.{suffix}")]
    long = {str(f.relative_to(ROOT)) for f in files if len(f.read_text().splitlines()) > 700}
    assert long == set()


def test_every_kernel_has_its_binding_oracle_and_benchmark():
    bindings = {path.stem for path in (ROOT / "rust" / "python").glob("*.rs")}
    kernels = bindings - {"planes", "pool", "simd"}
    for folder, suffix in (("rust", "rs"), ("tests/oracle", "py"), ("benches", "rs")):
        missing = {name for name in kernels if not (ROOT / folder / f"{name}.{suffix}").exists()}
        assert missing == set(), folder


def test_the_versions_agree():
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert cfhtisr.__version__ == cargo == citation[1]
