"""The pages are followed: every command of theirs is run, on the real system, and prints what is shown."""

from docs.console import Console
from docs.pages import page


def test_the_first_campaign_goes_as_the_tutorial_says(console: Console) -> None:
    """From the doctor to the export: a beginner types what the tutorial says and sees what it shows."""
    console.follow(page("docs/tutorials/first-campaign.md"))


def test_the_how_to_pages_do_what_they_say(console: Console) -> None:
    """Operating, an adapter of one's own, a campaign of one's own: on one system, one page after another."""
    console.follow(page("docs/how-to/operate.md"))
    console.follow(page("docs/how-to/own-adapter.md"))
    console.follow(page("docs/how-to/own-campaign.md"))


def test_agents_take_part_as_the_page_says(console: Console) -> None:
    """A campaign with agents, on a system of its own, whose model is the script."""
    console.follow(page("docs/how-to/agents.md"))
