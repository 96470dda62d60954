"""``python -m genesis_lib`` is the `genesis` command."""

from genesis_lib.cli import main

if __name__ == "__main__":
    main(prog_name="genesis")
