"""Who may ask what: tokens, scopes, and the same plain 401 and 403 everywhere."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from moonloop.domain.access import EVERYTHING, Scope
from moonloop.store import tokens
from moonloop.store.tables import tokens as tokens_table
from support.campaigns import CAMPAIGN, make_spec
from support.devices import Site, problem
from support.serving import ON_BOTH

SPEC = make_spec().model_dump(mode="json")
DECISION = {"id": "dec_0001", "verdict": "approve", "plan_sha256": "0" * 64}

CALLS: dict[tuple[str, str], tuple[Scope, Any]] = {
    ("GET", "/v1/campaigns"): (Scope.READ, None),
    ("GET", f"/v1/campaigns/{CAMPAIGN}"): (Scope.READ, None),
    ("GET", f"/v1/campaigns/{CAMPAIGN}/facts"): (Scope.READ, None),
    ("GET", f"/v1/campaigns/{CAMPAIGN}/history"): (Scope.READ, None),
    ("GET", f"/v1/campaigns/{CAMPAIGN}/threads"): (Scope.READ, None),
    ("GET", f"/v1/campaigns/{CAMPAIGN}/threads/thr_0000_0001_critic"): (Scope.READ, None),
    ("GET", f"/v1/campaigns/{CAMPAIGN}/report"): (Scope.READ, None),
    ("GET", f"/v1/campaigns/{CAMPAIGN}/export"): (Scope.READ, None),
    ("GET", f"/v1/artifacts/{'0' * 64}"): (Scope.READ, None),
    ("GET", "/v1/journal"): (Scope.READ, None),
    ("GET", "/v1/journal/stream"): (Scope.READ, None),
    ("GET", "/v1/reviews"): (Scope.READ, None),
    ("GET", "/v1/reviews/rev_0000_0001_01"): (Scope.READ, None),
    ("GET", "/v1/holds"): (Scope.READ, None),
    ("GET", "/v1/incidents"): (Scope.READ, None),
    ("GET", "/v1/incidents/inc_0000"): (Scope.READ, None),
    ("GET", "/v1/robots"): (Scope.READ, None),
    ("POST", "/v1/campaigns"): (Scope.CAMPAIGN, {"request_id": "request-1", "spec": SPEC}),
    ("POST", "/v1/campaigns/validate"): (Scope.CAMPAIGN, SPEC),
    ("POST", f"/v1/campaigns/{CAMPAIGN}/pause"): (Scope.CAMPAIGN, {}),
    ("POST", f"/v1/campaigns/{CAMPAIGN}/resume"): (Scope.CAMPAIGN, {}),
    ("POST", f"/v1/campaigns/{CAMPAIGN}/stop"): (Scope.CAMPAIGN, {}),
    ("PUT", f"/v1/campaigns/{CAMPAIGN}/budget"): (Scope.ADMINISTER, {"line": "experiments", "limit": 1}),
    ("GET", f"/v1/documents/{'0' * 64}"): (Scope.CAMPAIGN, None),
    ("PUT", f"/v1/documents/{'0' * 64}"): (Scope.CAMPAIGN, None),
    ("PUT", "/v1/imports"): (Scope.ADMINISTER, None),
    ("POST", "/v1/reviews/rev_0000_0001_01/decisions"): (Scope.DECIDE, DECISION),
    ("POST", "/v1/holds"): (Scope.HOLD, {"scope": "site", "reason": "a leak"}),
    ("POST", "/v1/holds/release"): (Scope.HOLD, {"scope": "site", "reason": "mended"}),
    ("POST", "/v1/incidents/inc_0000/reconcile"): (Scope.RECONCILE, {"resolution": "fail", "reason": "x"}),
    ("POST", "/v1/robots/codes"): (Scope.ADMINISTER, {"kind": "simulated"}),
    ("POST", "/v1/robots/rob_0000/admit"): (Scope.ADMINISTER, None),
    ("POST", "/v1/robots/rob_0000/revoke"): (Scope.ADMINISTER, {}),
    ("POST", "/v1/tokens"): (Scope.ADMINISTER, {"principal": "x", "scopes": ["read"], "expires_in_s": 9}),
    ("POST", "/v1/tokens/tok_0000/revoke"): (Scope.ADMINISTER, None),
    ("POST", "/v1/jobs/claim"): (Scope.ROBOT, {"request_id": "request-1"}),
    ("POST", "/v1/attempts/att_0000_0001_0001_01/accept"): (Scope.ROBOT, {"fence": 1}),
    ("POST", "/v1/attempts/att_0000_0001_0001_01/start"): (Scope.ROBOT, {"fence": 1}),
    ("POST", "/v1/attempts/att_0000_0001_0001_01/heartbeat"): (Scope.ROBOT, {"fence": 1, "seq": 0}),
    ("POST", "/v1/attempts/att_0000_0001_0001_01/release"): (Scope.ROBOT, {"fence": 1}),
    ("POST", "/v1/attempts/att_0000_0001_0001_01/events"): (Scope.ROBOT, []),
    ("PUT", "/v1/attempts/att_0000_0001_0001_01/artifacts/a"): (Scope.ROBOT, None),
    ("POST", "/v1/attempts/att_0000_0001_0001_01/finish"): (
        Scope.ROBOT,
        {"fence": 1, "report": {"outcome": "failed"}},
    ),
}
"""Every call that needs a token, with the scope that it needs and a body that is well formed."""

OPEN_TO_ALL = {("GET", "/v1/health"), ("POST", "/v1/robots/enroll")}

HEADERS = {"X-Content-SHA256": "0" * 64, "X-Content-Size": "1"}


def _ask(client: httpx.Client, method: str, path: str) -> httpx.Response:
    body = CALLS[method, path][1]
    if body is None:
        return client.request(method, path, headers=HEADERS)
    return client.request(method, path, json=body, headers=HEADERS)


def test_every_call_is_in_the_table_of_this_test(site: Site) -> None:
    """No call is added without saying who may make it."""
    document = site.client(None).get("/openapi.json").json()
    declared = {(method.upper(), path) for path, calls in document["paths"].items() for method in calls}

    def template(path: str) -> str:
        found = [known for _, known in declared if _fits(known, path)]
        return min(found, key=lambda known: known.count("{"))

    listed = {(method, template(path)) for method, path in CALLS}
    assert declared == listed | OPEN_TO_ALL


def _fits(template: str, path: str) -> bool:
    parts, given = template.split("/"), path.split("/")
    return len(parts) == len(given) and all(
        part.startswith("{") or part == found for part, found in zip(parts, given, strict=True)
    )


def test_nothing_is_told_without_a_token(site: Site) -> None:
    """Every call but the open ones asks who you are first."""
    nobody = site.client(None)
    for method, path in CALLS:
        problem(_ask(nobody, method, path), 401, "unauthenticated")


def test_no_scope_opens_a_call_of_another(site: Site) -> None:
    """A token with every scope but the one that is needed is refused, and told which one that is."""
    for scope in Scope:
        others = site.client(site.token(*(set(Scope) - {scope})))
        for (method, path), (needed, _) in CALLS.items():
            if needed is scope:
                document = problem(_ask(others, method, path), 403, "forbidden")
                assert f"the token has not the scope {scope}" in document["detail"]


@pytest.mark.parametrize("path", ["/v1/health", "/openapi.json"])
def test_health_and_the_protocol_are_open(site: Site, path: str) -> None:
    """A robot's programmer and a watchdog need no token."""
    assert 200 == site.client(None).get(path).status_code


def _expired(site: Site) -> str:
    secret = site.token(Scope.READ, expires_in_s=60)
    site.bench.clock.advance(61)
    return secret


def _revoked(site: Site) -> str:
    body = {"principal": "bob", "scopes": ["read"], "expires_in_s": 60}
    issued = site.owner.post("/v1/tokens", json=body).json()
    for _ in range(2):  # a second time changes nothing
        assert 204 == site.owner.post(f"/v1/tokens/{issued['id']}/revoke").status_code
    return issued["secret"]


BAD_TOKENS: dict[str, tuple[Callable[[Site], str], str]] = {
    "garbage": (lambda _: "garbage", "not known"),
    "one character short": (lambda site: site.token(Scope.READ)[:-1], "not known"),
    "in another case": (lambda site: site.token(Scope.READ).upper(), "not known"),
    "very long": (lambda _: "x" * 20_000, "not known"),
    "expired": (_expired, "expired"),
    "revoked": (_revoked, "revoked"),
}


@pytest.mark.parametrize("case", BAD_TOKENS)
@ON_BOTH
def test_a_token_that_is_no_good_says_why_and_nothing_else(site: Site, case: str) -> None:
    """401 with the reason, and never a word of the token itself."""
    make, why = BAD_TOKENS[case]
    token = make(site)

    document = problem(site.client(token).get("/v1/campaigns"), 401, "unauthenticated")

    assert why in document["detail"]
    assert token not in str(document)


@pytest.mark.parametrize("header", [b"Basic b2xnYTpzZWNyZXQ=", b"Bearer", b"Bearer \xff\xfe", b"\xc3\xbc"])
def test_an_authorization_of_another_make_is_no_token(site: Site, header: bytes) -> None:
    """Whatever stands there, the answer is a 401 and not a fault."""
    answer = site.client(None).get("/v1/campaigns", headers={b"Authorization": header})

    problem(answer, 401, "unauthenticated")


def test_a_token_gives_no_more_than_its_issuer_has(site: Site) -> None:
    """An administrator of little cannot make an administrator of everything."""
    small = site.client(site.token(Scope.ADMINISTER, Scope.READ))
    body = {"principal": "bob", "scopes": ["read", "decide"], "expires_in_s": 60}

    problem(small.post("/v1/tokens", json=body), 403, "forbidden")
    assert 201 == small.post("/v1/tokens", json=body | {"scopes": ["read"]}).status_code


def test_a_stand_in_cannot_make_itself_a_person(site: Site) -> None:
    """Whatever its scopes: what a person must decide would be decided by nobody."""
    body = {
        "principal": "demo",
        "scopes": ["administer", "decide"],
        "expires_in_s": 60,
        "decider": "unattended",
    }
    stand_in = site.client(site.owner.post("/v1/tokens", json=body).json()["secret"])

    for decider in ("person", "unattended"):
        wanted = {"principal": "olga", "scopes": ["decide"], "expires_in_s": 60, "decider": decider}
        problem(stand_in.post("/v1/tokens", json=wanted), 403, "forbidden")


def test_nobody_is_given_the_scope_of_a_robot(site: Site) -> None:
    """Only an enrolment makes a robot."""
    body = {"principal": "bob", "scopes": ["robot"], "expires_in_s": 60}

    problem(site.owner.post("/v1/tokens", json=body), 403, "forbidden")


def test_no_token_decides_as_a_policy(site: Site) -> None:
    """Policies decide inside the ledger; whoever comes with a token is a person or a named stand-in."""
    body = {"principal": "bob", "scopes": ["decide"], "expires_in_s": 60, "decider": "policy"}

    document = problem(site.owner.post("/v1/tokens", json=body), 422, "invalid-input")

    assert "decider" == document["facts"]["errors"][0]["field"]


@pytest.mark.parametrize(
    "change", [{"scopes": []}, {"expires_in_s": 0}, {"expires_in_s": 1e9}, {"principal": ""}]
)
def test_a_token_has_a_scope_an_end_and_an_owner(site: Site, change: dict[str, Any]) -> None:
    """What is issued over HTTP is always bounded."""
    body = {"principal": "bob", "scopes": ["read"], "expires_in_s": 60} | change

    problem(site.owner.post("/v1/tokens", json=body), 422, "invalid-input")


def test_the_secret_of_a_token_is_told_once_and_never_kept(site: Site) -> None:
    """The ledger holds a hash; neither the tables nor the journal hold the secret."""
    body = {"principal": "bob", "scopes": ["read"], "expires_in_s": 60}
    issued = site.owner.post("/v1/tokens", json=body).json()

    kept = site.bench.all(tokens_table.select())

    assert issued["secret"] not in str(kept)
    assert issued["secret"] not in str(site.bench.journal("token.issued"))
    assert tokens.fingerprint(issued["secret"]) in str(kept)


def test_a_person_with_every_scope_is_no_robot(site: Site) -> None:
    """Even the scope alone is not enough: a robot's calls need a robot."""
    pretender = site.client(site.token(*EVERYTHING, Scope.ROBOT))

    document = problem(pretender.post("/v1/jobs/claim", json={"request_id": "request-1"}), 403, "forbidden")

    assert "it is not one" in document["detail"]
