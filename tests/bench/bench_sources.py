"""How many hosts of other people's lists our own table of sources knows: `python -m tests.bench.bench_sources FOLDER`.

FOLDER holds Matomo's SearchEngines.yml, Socials.yml, AIAssistants.yml and spammers.txt, which are no part of this
project; where they do not lie, there is nothing to compare with.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from collector.acquisition import is_spam, known_source

LISTS = ("AIAssistants.yml", "Socials.yml", "SearchEngines.yml")
SPAMMERS = "spammers.txt"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    folder: Path = options.parse_args().folder
    if missing := [name for name in (*LISTS, SPAMMERS) if not (folder / name).is_file()]:
        sys.exit(f"Nothing to compare with: {folder} has no {', '.join(missing)}.")
    for name in LISTS:
        known = [any(map(known_source, hosts)) for hosts in sources(yaml.safe_load((folder / name).read_text()))]
        print(f"{name}: {sum(known)} of {len(known)} sources")
    spammers = (folder / SPAMMERS).read_text().split()
    print(f"{SPAMMERS}: {sum(map(is_spam, spammers))} of {len(spammers)} hosts")


def sources(listed: dict[str, Any]) -> Iterator[list[str]]:
    """The hosts of each source, of either form that the lists have."""
    for entries in listed.values():
        plain = [entry for entry in entries if isinstance(entry, str)]
        nested = [url for entry in entries if isinstance(entry, dict) for url in entry.get("urls", [])]
        yield [host.split("/")[0].replace("{}", "com") for host in plain + nested]


if __name__ == "__main__":
    main()
