"""`python -m moonloop.agents.scripted`: started, asked, stopped."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import httpx

from support.scripted import MODEL


async def test_the_program_serves_a_scenario_and_ends_when_told(tmp_path: Path) -> None:
    """It prints its address, plays the scenario, and ends with SIGTERM as after a day's work."""
    scenario = tmp_path / "scenario.json"
    scenario.write_text(json.dumps({"answers": {"*": [{"text": "from the file"}]}}))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "moonloop.agents.scripted", "--scenario", str(scenario)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        async with httpx.AsyncClient() as client:
            body = {"model": MODEL, "messages": [{"role": "user", "content": "?"}]}
            answer = (await client.post(f"{url}/chat/completions", json=body)).json()
        process.send_signal(signal.SIGTERM)
        ended = await asyncio.wait_for(process.wait(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert answer["choices"][0]["message"]["content"] == "from the file"
    assert ended == 0
