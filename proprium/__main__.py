"""Runs the command line for `python -m proprium`."""

from proprium.cli import main

if __name__ == "__main__":
    main()
