"""The whole system on one machine: the Temporal server found or built, the processes supervised."""
