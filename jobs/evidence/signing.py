"""A detached signature with a person's own Ed25519 key, in the format of OpenSSH (SSHSIG).

The format is that of OpenSSH's PROTOCOL.sshsig: what is signed is not the message but a blob with
its digest and a namespace, so that a signature can never serve for a login.
``ssh-keygen -Y verify`` checks it.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from jobs.errors import InputError

NAMESPACE = "berthwatch-evidence"
SIGNER = "signer"
"""Name of the key in ``allowed_signers``; whose it is must be known from elsewhere."""
MAGIC = b"SSHSIG"
KIND = b"ssh-ed25519"
HASH = b"sha512"
OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"


@dataclass(frozen=True)
class Signer:
    """A key that signs."""

    key: Ed25519PrivateKey

    @property
    def public_line(self) -> str:
        """The public key as in ``authorized_keys``."""
        return self.key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    @property
    def fingerprint(self) -> str:
        """The public key's fingerprint, as ``ssh-keygen -l`` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.public_line.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def allowed_signers(self) -> bytes:
        """The file that ``ssh-keygen -Y verify -f`` takes."""
        return f'{SIGNER} namespaces="{NAMESPACE}" {self.public_line}\n'.encode()

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, armoured; the same message gives the same bytes."""
        public = _string(KIND) + _string(self.key.public_key().public_bytes_raw())
        digest = hashlib.sha512(message).digest()
        about = _string(NAMESPACE.encode()) + _string(b"") + _string(HASH)
        signed = self.key.sign(MAGIC + about + _string(digest))
        blob = MAGIC + struct.pack(">I", 1) + _string(public) + about
        blob += _string(_string(KIND) + _string(signed))
        lines = wrap(base64.b64encode(blob).decode(), 70)
        return "\n".join(
            ["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]
        ).encode()


def read_signer(path: Path, passphrase: Callable[[], str | None]) -> Signer:
    """The Ed25519 key of a file, OpenSSH's own format or PEM (PKCS 8).

    ``passphrase`` is asked only where the key is encrypted, and gives None where there is none.
    InputError for anything else, for a wrong passphrase, and for keys of another kind.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: the key cannot be read ({error.strerror or error}); expected a private "
            "Ed25519 key: ssh-keygen -t ed25519 -f FILE makes one"
        ) from error
    try:
        key = _load(content, None)
    except TypeError:  # encrypted
        secret = passphrase()
        if not secret:
            raise InputError(
                f"{path} is encrypted, and there is no passphrase; type it at a terminal, or set "
                "BERTHWATCH_KEY_PASSPHRASE"
            ) from None
        key = _loaded(path, content, secret.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path, error) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(
            f"{path} is a key of another kind; expected Ed25519, whose signatures are the same "
            "every time: ssh-keygen -t ed25519 -f FILE makes one"
        )
    return Signer(key)


def _loaded(path: Path, content: bytes, secret: bytes) -> object:
    try:
        return _load(content, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path} cannot be decrypted ({error}); expected its passphrase: is it another key's?"
        ) from error


def _load(content: bytes, secret: bytes | None) -> object:
    load = load_ssh_private_key if OPENSSH in content else load_pem_private_key
    return load(content, secret)


def _no_key(path: Path, error: Exception) -> InputError:
    public = " (a public key?)" if path.suffix == ".pub" else ""
    return InputError(
        f"{path}: no private key{public} ({error}); expected an Ed25519 key of OpenSSH or in PEM: "
        "ssh-keygen -t ed25519 -f FILE makes one"
    )


def _string(content: bytes) -> bytes:
    """A string of the SSH protocol: its length, then itself."""
    return struct.pack(">I", len(content)) + content
