"""Work that is cut short after its start is lost, and runs again only when somebody has looked."""

from moonloop.domain.facts import CampaignSummary, IncidentFact
from moonloop.domain.ids import incident_id
from moonloop.domain.reviews import Resolution
from support.invariants import look, violations
from support.site import OpenSite, Site
from support.tables import table_spec
from support.tours import reconcile, start
from support.watching import Entry, Journal, watched

ROBOTS = ("robot", "other")


async def _killed_in_its_run(site: Site, journal: Journal, campaign: str) -> Entry:
    """Kill a robot as soon as it has started a job; return the start."""
    started = await journal.until("attempt.d", campaign=campaign)
    [row] = look(site.ledger)(
        "SELECT r.name FROM robots r JOIN attempts a ON a.robot_id = r.id WHERE a.id = ?", started.subject
    )
    assert site.kill(row["name"])
    return started


async def test_a_robot_that_dies_in_its_run_leaves_a_job_lost_until_somebody_says_what_became_of_it(
    open_a_site: OpenSite,
) -> None:
    """An incident opens, the robot is quarantined, and while others work nobody touches the job."""
    async with open_a_site(robots=ROBOTS, delay=1.0) as site, watched(site.ledger) as journal:
        campaign = await start(site, table_spec(budget={"experiments": 2}))
        started = await _killed_in_its_run(site, journal, campaign)
        opened = await journal.until("incident.opened", campaign=campaign)
        rows = look(site.ledger)
        [attempt] = rows("SELECT * FROM attempts WHERE id = ?", started.subject)
        incident = await site.owner.get(f"/v1/incidents/{opened.subject}", IncidentFact)

        assert incident_id(started.subject) == opened.subject
        assert ("open", "lost_job") == (incident.state, incident.kind)
        assert "lost" == attempt["state"]
        assert [{"state": "lost"}] == rows("SELECT state FROM jobs WHERE id = ?", attempt["job_id"])
        assert [{"state": "quarantined"}] == rows(
            "SELECT state FROM robots WHERE id = ?", attempt["robot_id"]
        )

        # A whole campaign goes by, in which the dead robot is back and the job could have been run again.
        elsewhere = await start(site, table_spec(budget={"experiments": 2}))
        await journal.until("campaign.e", campaign=elsewhere)
        await site.all_up()
        summary = await site.owner.get(f"/v1/campaigns/{campaign}", CampaignSummary)

        assert "running" == summary.state
        assert [{"state": "lost", "attempts": 1}] == rows(
            "SELECT state, attempts FROM jobs WHERE id = ?", attempt["job_id"]
        )

        await reconcile(site, opened.subject, Resolution.RERUN)
        await journal.until("campaign.e", campaign=campaign)
        await journal.numbered()

        assert [{"state": "succeeded", "attempts": 2}] == rows(
            "SELECT state, attempts FROM jobs WHERE id = ?", attempt["job_id"]
        )
        assert [] == violations(rows, {campaign: "budget_spent", elsewhere: "budget_spent"})
