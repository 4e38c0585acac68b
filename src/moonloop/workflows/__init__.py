"""How Temporal drives the loop: contracts, workflows, activities, relay, worker."""
