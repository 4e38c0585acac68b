"""The tools over the Model Context Protocol, for agents that are not ours."""
