"""`python -m moonloop.embedded.temporal`: see to it that there is a Temporal server; print where."""

import sys

from moonloop.domain.errors import SetupProblem
from moonloop.embedded.temporal.finding import find_server


def main() -> int:
    """Print the server's path and return 0, or say what is wrong and what to do about it, and return 1."""
    try:
        found = find_server(say=lambda sentence: print(sentence, file=sys.stderr, flush=True))  # noqa: T201  a command
    except SetupProblem as problem:
        print(problem, file=sys.stderr)  # noqa: T201  a command
        return 1
    except KeyboardInterrupt:
        return 130
    print(found)  # noqa: T201  a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
