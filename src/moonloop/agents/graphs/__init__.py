"""The graph of a task, over injected calls: it runs inside a workflow and under plain asyncio alike."""
