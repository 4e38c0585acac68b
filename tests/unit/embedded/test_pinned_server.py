"""The recipe for building the Temporal server, and what the code says of it."""

from moonloop.embedded.temporal import VERSION
from moonloop.embedded.temporal.building import module_folder


def test_the_recipe_pins_the_version_that_the_cache_is_named_after() -> None:
    """A server in the folder of a version was built from that version."""
    lines = (module_folder() / "go.mod").read_text().splitlines()

    assert f"require github.com/temporalio/cli v{VERSION}" in lines


def test_every_module_of_the_recipe_has_its_checksum() -> None:
    """Nothing is built whose bytes the recipe does not name."""
    folder = module_folder()
    required = [
        line.split("//")[0].split()
        for line in (folder / "go.mod").read_text().splitlines()
        if line.startswith("\t")
    ]
    sums = {tuple(line.split()[:2]) for line in (folder / "go.sum").read_text().splitlines()}

    unsummed = [name for name, version in required if (name, f"{version}/go.mod") not in sums]

    assert len(required) > 100
    assert ["github.com/temporalio/cli/cliext"] == unsummed  # stands for another version, see `replace`
