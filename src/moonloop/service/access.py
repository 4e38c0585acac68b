"""Tokens: who asks, and the owner's token that `up` makes."""

import os
import secrets
import tempfile
import time
from pathlib import Path

from moonloop.domain.access import EVERYTHING, Identity, Scope
from moonloop.domain.errors import Unauthenticated
from moonloop.domain.facts import IssuedToken
from moonloop.domain.ids import mint
from moonloop.domain.reviews import DeciderKind
from moonloop.service.settings import Settings
from moonloop.store import Ledger, tokens

__all__ = ["Access", "new_id", "new_secret"]


def new_id(prefix: str) -> str:
    """Return a new random id that sorts by time."""
    return mint(prefix, time.time_ns() // 1_000_000, secrets.randbits(32))


def new_secret(kind: str) -> str:
    """Return a new secret of 256 random bits; the prefix lets scanners recognise one that leaked."""
    return f"moonloop_{kind}_{secrets.token_urlsafe(32)}"


class Access:
    """Identities by token."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._settings = settings

    async def identify(self, secret: str | None) -> Identity:
        """Return whose token it is; raise `Unauthenticated` unless it is known and live."""
        if not secret:
            raise Unauthenticated(why="send one as `Authorization: Bearer …`")
        return await self._ledger.read(tokens.identify, tokens.fingerprint(secret))

    async def issue(
        self,
        by: str,
        principal: str,
        scopes: frozenset[Scope],
        expires_in_s: float | None,
        decider: DeciderKind = DeciderKind.PERSON,
    ) -> IssuedToken:
        """Issue a token; the secret is told once and never kept."""
        secret, token = new_secret("token"), new_id("tok")
        until = await self._ledger.write(
            tokens.issue,
            by,
            token,
            secret,
            principal,
            scopes,
            decider=decider,
            expires_in_s=expires_in_s,
        )
        return IssuedToken(id=token, secret=secret, principal=principal, expires_at=until)

    async def revoke(self, by: str, token: str) -> None:
        """End a token."""
        await self._ledger.write(tokens.revoke, by, token)

    async def make_owner(self) -> None:
        """Make the owner's token file if there is none, and record its hash; nobody else can read it."""
        path = self._settings.owner_token
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_once(path, new_secret("owner"))
        secret = path.read_text().strip()
        await self._ledger.write(
            tokens.issue, "up", new_id("tok"), secret, _owner_name(), frozenset(EVERYTHING)
        )


def _write_once(path: Path, secret: str) -> None:
    """Write a file whole or not at all, readable by its owner alone; one that is there stays as it is."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secret)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)
    except FileExistsError:
        path.chmod(0o600)
    finally:
        Path(temporary).unlink()


def _owner_name() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "owner"
