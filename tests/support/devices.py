"""A device that speaks the job protocol in plain HTTP, as any language could, and looks at raw answers."""

import hashlib
import json
import secrets
import ssl
from typing import Any, Self

import httpx

from moonloop.domain.access import EVERYTHING, Scope
from moonloop.store import tokens
from support.campaigns import Bench

__all__ = ["Device", "Site", "measured", "problem"]

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""It trusts nobody: every address is http, and to read the authorities of a system takes 20 ms a client."""


def problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Return the problem document of an answer, checked for all that is promised of every one."""
    assert (status, "application/problem+json") == (
        response.status_code,
        response.headers.get("content-type"),
    ), response.text
    document = json.loads(response.text, parse_constant=_no_constant)
    assert f"urn:moonloop:problem:{slug}" == document["type"], document
    assert status == document["status"]
    assert document["detail"]
    assert document["title"]
    return document


def _no_constant(name: str) -> float:
    raise AssertionError(f"{name} is no JSON")


def measured(value: float = 50.0, unit: str = "%", **more: Any) -> dict[str, Any]:
    """Return the report of a success with one measurement."""
    return {"outcome": "succeeded", "measurements": [{"name": "yield", "value": value, "unit": unit, **more}]}


class Device:
    """One robot, by hand. Every call returns the raw answer."""

    def __init__(self, url: str, robot_id: str, token: str) -> None:
        self.id = robot_id
        self.http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
            verify=_NO_TLS,
        )

    def claim(self, request_id: str = "", **more: Any) -> httpx.Response:
        """Ask for a job."""
        body = {"request_id": request_id or secrets.token_hex(8), **more}
        return self.http.post("/v1/jobs/claim", json=body)

    def call(self, offer: dict[str, Any], verb: str, **body: Any) -> httpx.Response:
        """Say something about an attempt, with its fence unless another is given."""
        path = f"/v1/attempts/{offer['attempt_id']}/{verb}"
        return self.http.post(path, json={"fence": offer["fence"]} | body)

    def accept(self, offer: dict[str, Any], **body: Any) -> httpx.Response:
        """The job is checked."""
        return self.call(offer, "accept", **body)

    def start(self, offer: dict[str, Any], **body: Any) -> httpx.Response:
        """Pass the point of no return."""
        return self.call(offer, "start", **body)

    def beat(self, offer: dict[str, Any], seq: int = 0, **body: Any) -> httpx.Response:
        """Give a sign of life."""
        return self.call(offer, "heartbeat", seq=seq, **body)

    def release(self, offer: dict[str, Any], **body: Any) -> httpx.Response:
        """Give the job back."""
        return self.call(offer, "release", **body)

    def finish(
        self, offer: dict[str, Any], report: dict[str, Any] | None = None, **body: Any
    ) -> httpx.Response:
        """Report a result."""
        return self.call(offer, "finish", report=report or measured(), **body)

    def events(self, offer: dict[str, Any], events: Any) -> httpx.Response:
        """Tell what happened."""
        return self.http.post(f"/v1/attempts/{offer['attempt_id']}/events", json=events)

    def put(
        self,
        offer: dict[str, Any],
        body: bytes,
        name: str = "trace.csv",
        media_type: str = "text/csv",
        **headers: str,
    ) -> httpx.Response:
        """Store an artifact; `sha256` and `size` may be made to lie."""
        said = {
            "X-Content-SHA256": headers.pop("sha256", hashlib.sha256(body).hexdigest()),
            "X-Content-Size": headers.pop("size", str(len(body))),
            "Content-Type": media_type,
        }
        path = f"/v1/attempts/{offer['attempt_id']}/artifacts/{name}"
        return self.http.put(path, content=body, headers=said)

    # Steps together.

    def offered(self, request_id: str = "") -> dict[str, Any]:
        """Claim a job that must be there."""
        answer = self.claim(request_id)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def accepted(self) -> dict[str, Any]:
        """Bring an attempt to the brink of its start."""
        offer = self.offered()
        assert self.accept(offer).status_code == 200
        return offer

    def running(self) -> dict[str, Any]:
        """Bring an attempt to running."""
        offer = self.accepted()
        answer = self.start(offer)
        assert answer.status_code == 200, answer.text
        return offer


class Site:
    """A served laboratory: its campaign, its ledger, and HTTP clients with tokens of any scope."""

    def __init__(self, url: str, bench: Bench) -> None:
        self.url = url
        self.bench = bench
        self._clients: list[httpx.Client] = []
        self.owner = self.client(self.token(*EVERYTHING))

    def token(self, *scopes: Scope, expires_in_s: float | None = None, principal: str = "olga") -> str:
        """Return the secret of a new token."""
        secret = f"moonloop_token_{secrets.token_hex(16)}"
        name = f"tok_{secrets.token_hex(8)}"
        self.bench.do(tokens.issue, name, secret, principal, frozenset(scopes), expires_in_s=expires_in_s)
        return secret

    def client(self, token: str | None) -> httpx.Client:
        """Return a client with a token, or without one."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        made = httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False, verify=_NO_TLS)
        self._clients.append(made)
        return made

    def code(self, kind: str = "simulated", **more: Any) -> str:
        """Return a one-time enrolment code."""
        answer = self.owner.post("/v1/robots/codes", json={"kind": kind, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()["code"]

    def enrol(self, code: str, name: str = "r1", **capabilities: Any) -> httpx.Response:
        """Enrol a device with a code."""
        document = {"protocols": [self.bench.spec.protocol.name], **capabilities}
        body = {"code": code, "name": name, "adapter": "table", "version": "1", "capabilities": document}
        return self.client(None).post("/v1/robots/enroll", json=body)

    def device(self, name: str = "r1", kind: str | None = None, **capabilities: Any) -> Device:
        """Return a device that is enrolled and may work."""
        answer = self.enrol(self.code(kind or self.bench.spec.protocol.robot), name, **capabilities)
        assert answer.status_code == 201, answer.text
        said = answer.json()
        if said["state"] == "waiting":
            assert self.owner.post(f"/v1/robots/{said['robot_id']}/admit").status_code == 204
        made = Device(self.url, said["robot_id"], said["token"])
        self._clients.append(made.http)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for client in self._clients:
            client.close()
