"""Tokens: only their hash is kept; each has a principal, scopes and, but for the owner's, an end."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from moonloop.domain.access import Identity, Scope
from moonloop.domain.errors import NotFound, Unauthenticated
from moonloop.domain.reviews import DeciderKind
from moonloop.store.database import now as read_clock
from moonloop.store.tables import tokens
from moonloop.store.transaction import Tx

__all__ = ["fingerprint", "identify", "issue", "revoke"]


def fingerprint(secret: str) -> str:
    """Return what is kept of a secret. The secrets are 256 random bits: a plain hash cannot be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue(
    tx: Tx,
    token: str,
    secret: str,
    principal: str,
    scopes: frozenset[Scope],
    *,
    decider: DeciderKind = DeciderKind.PERSON,
    expires_in_s: float | None = None,
    robot: str | None = None,
) -> datetime | None:
    """Record a token; return when it ends. A secret that is known already keeps its record."""
    sha256 = fingerprint(secret)
    known = tx.one(select(tokens).where(tokens.c.sha256 == sha256))
    if known is not None:
        return known.expires_at
    now = tx.now()
    until = now + timedelta(seconds=expires_in_s) if expires_in_s is not None else None
    tx.add(
        tokens,
        id=token,
        sha256=sha256,
        principal=principal,
        decider=decider,
        scopes=sorted(scopes),
        robot_id=robot,
        created_at=now,
        expires_at=until,
    )
    facts = {"principal": principal, "scopes": sorted(scopes)}
    tx.journal("token.issued", token, None, after="live", facts=facts)
    return until


def revoke(tx: Tx, token: str) -> None:
    """End a token now; revoking it twice changes nothing."""
    row = tx.one(select(tokens).where(tokens.c.id == token))
    if row is None:
        raise NotFound(kind="token", id=token)
    if row.revoked_at is None:
        tx.run(update(tokens).where(tokens.c.id == token).values(revoked_at=tx.now()))
        tx.journal("token.revoked", token, None, before="live", after="revoked")


_BY_HASH = select(tokens).where(tokens.c.sha256 == bindparam("sha256"))


def identify(connection: Connection, sha256: str) -> Identity:
    """Return whose token this is; raise `Unauthenticated` unless it is known and live."""
    row: Any = connection.execute(_BY_HASH, {"sha256": sha256}).one_or_none()
    if row is None:
        raise Unauthenticated(why="the token is not known here")
    if row.revoked_at is not None:
        raise Unauthenticated(why="the token has been revoked")
    if row.expires_at is not None and read_clock(connection) >= row.expires_at:
        raise Unauthenticated(why="the token has expired")
    return Identity(
        principal=row.principal,
        decider=row.decider,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        robot_id=row.robot_id,
    )
