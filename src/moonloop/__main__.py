"""`python -m moonloop` is the `moonloop` command."""

from moonloop.cli.main import main

if __name__ == "__main__":
    main()
