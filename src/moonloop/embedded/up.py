"""`moonloop up`: the stack, until it is asked to end."""

import shlex
from pathlib import Path

from moonloop.client.terminal import print_json, say, say_aside
from moonloop.embedded.processes import interrupted
from moonloop.embedded.stack import running
from moonloop.service.settings import Settings

__all__ = ["at_home", "stay_up"]


async def stay_up(settings: Settings, *, as_json: bool = False) -> None:
    """Run the stack and tell how to use it, as a line of JSON or in words; end on the first signal."""
    async with running(settings, say_aside if as_json else say) as stack:
        if as_json:
            _tell(stack.settings)
        else:
            _explain(stack.settings)
        await interrupted()


def at_home(home: Path) -> str:
    """Return what to type in a shell so that the commands after it find a home."""
    return f"export MOONLOOP_HOME={shlex.quote(str(home.absolute()))}"


def _tell(settings: Settings) -> None:
    where = {"url": settings.url, "home": str(settings.home), "owner_token": str(settings.owner_token)}
    print_json(where, in_one_line=True)


def _explain(settings: Settings) -> None:
    say(f"Moonloop is up at {settings.url} (OpenAPI at {settings.url}/docs).")
    say(f"The owner's token is in {settings.owner_token}; commands here find it by themselves.")
    if not _is_default(settings):
        say(f"In another terminal first: {at_home(settings.home)}")
    say("A robot:    moonloop robot enroll xtb --kind computational && moonloop robot run xtb")
    say("A campaign: moonloop campaign start FILE --watch")
    say("Ctrl-C ends it; campaigns go on where they were when it is up again.")


def _is_default(settings: Settings) -> bool:
    # Not what the environment names here: another terminal has its own.
    return settings.home == Path.home() / ".moonloop"
