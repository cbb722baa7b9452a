"""Takes the lists of bots out of their npm packages into collector/data; `make update` calls it.

    python -m collector.data_update [--npm npm]

The packages are pinned below; a new version is a reviewed change of the data files, never a surprise at run time.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ISBOT = "isbot@5.2.3"
CRAWLERS = "crawler-user-agents@1.60.0"
DATA = Path(__file__).parent / "data"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--npm", default="npm", help="the npm command to fetch the packages with")
    npm = arguments.parse_args().npm
    with tempfile.TemporaryDirectory() as folder:
        write("isbot.json", isbot(fetch(npm, ISBOT, Path(folder))))
        write("crawlers.json", crawlers(fetch(npm, CRAWLERS, Path(folder))))


def fetch(npm: str, package: str, folder: Path) -> dict[str, str]:
    """The text files of an npm package, by their path inside it. Raises CalledProcessError when npm fails."""
    packed = subprocess.run([npm, "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        members = (member for member in archive.getmembers() if member.isfile())
        return {m.name.removeprefix("package/"): _text(archive, m) for m in members}


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = archive.extractfile(member)
    return content.read().decode("utf-8", "replace") if content else ""


def isbot(files: dict[str, str]) -> dict[str, Any]:
    """isbot's patterns, rewritten for Python's `re`."""
    found = re.search(r"var patterns_default = (\[.*?\n\]);", files["index.js"], re.DOTALL)
    if not found:
        raise SystemExit(f"{ISBOT}: index.js holds no patterns_default; the package has changed its form.")
    return _head(files, ISBOT) | {"patterns": [for_python(pattern) for pattern in json.loads(found.group(1))]}


def for_python(pattern: str) -> str:
    """A JavaScript pattern as one of Python: look-behinds of one width each, and no range that begins with a class."""
    pattern = re.sub(r"\(\?<!([^()|]*(?:\|[^()|]*)+)\)", _split_look_behind, pattern)
    return re.sub(r"(\\[dws])-(?=[^\]])", r"\1\\-", pattern)


def _split_look_behind(found: re.Match[str]) -> str:
    return "".join(f"(?<!{choice})" for choice in found.group(1).split("|"))


def crawlers(files: dict[str, str]) -> dict[str, Any]:
    """Pattern and tags of every known crawler, in the package's order (the most common ones first)."""
    known = json.loads(files["crawler-user-agents.json"])
    return _head(files, CRAWLERS) | {
        "notice": files["LICENSE"],
        "crawlers": [[for_python(one["pattern"]), *one["tags"]] for one in known],
    }


def _head(files: dict[str, str], package: str) -> dict[str, Any]:
    manifest = json.loads(files["package.json"])
    return {"source": f"npm {package}", "version": manifest["version"], "licence": manifest["license"]}


def write(name: str, content: dict[str, Any]) -> None:
    """One entry a line, so that an update reads as a diff."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    text = re.sub(r"\[\n   (.*?)\n  \]", _on_one_line, text, flags=re.DOTALL)
    (DATA / name).write_text(text + "\n", encoding="utf-8")


def _on_one_line(entry: re.Match[str]) -> str:
    return "[" + re.sub(r"\n +", " ", entry.group(1)) + "]"


if __name__ == "__main__":
    main()
