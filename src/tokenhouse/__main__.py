"""``python -m tokenhouse``: the command line."""

from tokenhouse.cli import main

if __name__ == "__main__":
    main()
