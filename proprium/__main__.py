"""`python -m proprium` is the same as `proprium`."""

from proprium.cli import main

if __name__ == "__main__":
    main()
