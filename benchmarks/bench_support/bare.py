"""The bound of any service here: a FastAPI handler that inserts one row into SQLite, durably."""

import sqlite3
import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()
connection = sqlite3.connect(sys.argv[2], isolation_level=None, check_same_thread=False)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("PRAGMA synchronous=FULL")
connection.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body TEXT)")


@app.get("/v1/health")
async def health() -> dict[str, str]:
    """Say that it is up."""
    return {"version": "bare"}


@app.post("/insert")
async def insert(body: dict[str, str]) -> dict[str, int]:
    """Insert one row."""
    connection.execute("BEGIN IMMEDIATE")
    cursor = connection.execute("INSERT INTO rows (body) VALUES (?)", (body["text"],))
    connection.execute("COMMIT")
    return {"id": cursor.lastrowid or 0}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
