"""Tokens: only their hash is kept; each has a principal, scopes and an end."""

from typing import Any

import pytest
from sqlalchemy import select

from moonloop.domain.access import EVERYTHING, Scope
from moonloop.domain.errors import NotFound, Unauthenticated
from moonloop.domain.reviews import DeciderKind
from moonloop.store import tables as t
from moonloop.store import tokens
from moonloop.store.tokens import fingerprint
from support.campaigns import Bench

SECRET = "mlt_0123456789abcdef"


def _issue(bench: Bench, **more: Any) -> Any:
    return bench.do(tokens.issue, "tok_1", SECRET, "alice", frozenset({Scope.READ, Scope.DECIDE}), **more)


def _identify(bench: Bench, secret: str = SECRET) -> Any:
    return bench.ledger.read_now(tokens.identify, fingerprint(secret))


def test_a_token_says_who_asks_and_what_they_may(bench: Bench) -> None:
    """Principal, kind of decider and scopes, as issued."""
    _issue(bench, decider=DeciderKind.UNATTENDED)

    found = _identify(bench)
    assert (found.principal, found.decider, found.scopes, found.robot_id) == (
        "alice",
        DeciderKind.UNATTENDED,
        {Scope.READ, Scope.DECIDE},
        None,
    )


def test_the_secret_is_not_kept(bench: Bench) -> None:
    """Neither in its row nor in the journal."""
    _issue(bench)

    assert SECRET not in str(bench.dicts(select(t.tokens)))
    assert SECRET not in str(bench.dicts(select(t.journal)))


def test_a_known_secret_keeps_its_record(bench: Bench) -> None:
    """Issued again, with more scopes even, it stays what it was."""
    _issue(bench)
    bench.do(tokens.issue, "tok_2", SECRET, "mallory", EVERYTHING)

    assert bench.count(t.tokens) == 1
    assert _identify(bench).principal == "alice"


@pytest.mark.parametrize(("after", "good"), [(59, True), (60, False), (3600, False)])
def test_a_token_ends_with_its_time(bench: Bench, after: float, *, good: bool) -> None:
    """To the moment, by the ledger's clock."""
    until = _issue(bench, expires_in_s=60)
    assert until is not None
    bench.clock.advance(after - (0.9 if good else 0))

    if good:
        assert _identify(bench).principal == "alice"
    else:
        with pytest.raises(Unauthenticated, match="expired"):
            _identify(bench)


def test_a_revoked_token_is_refused_from_then_on(bench: Bench) -> None:
    """Revoking it twice changes nothing more."""
    _issue(bench)
    for _ in range(2):
        bench.do(tokens.revoke, "tok_1")

    with pytest.raises(Unauthenticated, match="revoked"):
        _identify(bench)
    assert len(bench.journal("token.revoked")) == 1


def test_an_unknown_secret_is_nobody(bench: Bench) -> None:
    """And an unknown token cannot be revoked."""
    with pytest.raises(Unauthenticated, match="not known"):
        _identify(bench, "another")
    with pytest.raises(NotFound):
        bench.do(tokens.revoke, "tok_9")
