"""API keys: the account of a key, and whether it signed a payload (HMAC-SHA256 or Ed25519)."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from trading.errors import SettingsError


@dataclass(frozen=True)
class Credentials:
    """A key of the account named ``account``; ``public_key`` (PEM) makes it an Ed25519 key."""

    key: str
    secret: str
    account: str
    public_key: str = ""

    @cached_property
    def _verifier(self) -> Ed25519PublicKey | None:
        if not self.public_key:
            return None
        try:
            loaded = load_pem_public_key(self.public_key.encode())
        except ValueError as error:
            raise SettingsError(f"key {self.key}: its public key is not PEM ({error})") from error
        if not isinstance(loaded, Ed25519PublicKey):
            raise SettingsError(f"key {self.key}: only Ed25519 public keys are supported")
        return loaded

    @cached_property
    def _keyed(self) -> hmac.HMAC:
        return hmac.new(self.secret.encode(), digestmod="sha256")

    @property
    def ed25519(self) -> bool:
        """Whether the key signs with Ed25519; only such a key may log on a session."""
        return self._verifier is not None

    def verifies(self, payload: str, signature: str) -> bool:
        """Whether this key signed ``payload`` (hexadecimal HMAC or base64 Ed25519)."""
        verifier = self._verifier
        if verifier is None:
            keyed = self._keyed.copy()
            keyed.update(payload.encode())
            return hmac.compare_digest(keyed.hexdigest().encode(), signature.encode())
        try:
            verifier.verify(base64.b64decode(signature, validate=True), payload.encode())
        except (InvalidSignature, binascii.Error):
            return False
        return True
