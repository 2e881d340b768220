"""Signatures: OpenSSH's own program is the judge."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from jobs.errors import InputError
from jobs.evidence.signing import NAMESPACE, SIGNER, Signer, read_signer

MESSAGE = b'{"format": "berthwatch-evidence-1"}\n'
needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")

FORMS = {
    "openssh": (Encoding.PEM, PrivateFormat.OpenSSH),
    "pem": (Encoding.PEM, PrivateFormat.PKCS8),
}


def write_key(path: Path, form: str, secret: bytes | None = None) -> Path:
    lock = NoEncryption() if secret is None else BestAvailableEncryption(secret)
    path.write_bytes(Ed25519PrivateKey.generate().private_bytes(*FORMS[form], lock))
    return path


def never() -> str | None:
    raise AssertionError("asked for a passphrase that it does not need")


def judged(folder: Path, signer: Signer, message: bytes) -> subprocess.CompletedProcess[bytes]:
    """What ssh-keygen says of the signature of MESSAGE for another or the same message."""
    (folder / "allowed_signers").write_bytes(signer.allowed_signers)
    (folder / "manifest.json.sig").write_bytes(signer.sign(MESSAGE))
    call = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", SIGNER, "-n", NAMESPACE]
    return subprocess.run(
        [*call, "-s", "manifest.json.sig"], input=message, capture_output=True, cwd=folder
    )


@needs_ssh
@pytest.mark.parametrize("form", sorted(FORMS))
def test_ssh_keygen_takes_the_signature_of_this_message_alone(tmp_path: Path, form: str) -> None:
    signer = read_signer(write_key(tmp_path / "key", form), never)
    good = judged(tmp_path, signer, MESSAGE)
    assert good.returncode == 0, good.stderr
    assert signer.fingerprint in good.stdout.decode()
    assert judged(tmp_path, signer, MESSAGE + b" ").returncode != 0


@needs_ssh
def test_a_key_that_ssh_keygen_made(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", key], check=True
    )
    signer = read_signer(key, lambda: "open sesame")
    assert key.with_suffix(".pub").read_text().startswith(signer.public_line)
    assert judged(tmp_path, signer, MESSAGE).returncode == 0


def test_the_same_message_gives_the_same_signature(tmp_path: Path) -> None:
    signer = read_signer(write_key(tmp_path / "key", "openssh"), never)
    assert signer.sign(MESSAGE) == signer.sign(MESSAGE)
    assert max(map(len, signer.sign(MESSAGE).decode().splitlines())) <= 70


@pytest.mark.parametrize("form", sorted(FORMS))
def test_an_encrypted_key_needs_its_passphrase(tmp_path: Path, form: str) -> None:
    key = write_key(tmp_path / "key", form, b"secret")
    assert read_signer(key, lambda: "secret").fingerprint.startswith("SHA256:")
    with pytest.raises(InputError, match=r"key cannot be decrypted .*expected its passphrase"):
        read_signer(key, lambda: "guess")
    with pytest.raises(InputError, match="is encrypted, and there is no passphrase"):
        read_signer(key, lambda: None)


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    other = tmp_path / "ec"
    made = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(made.private_bytes(*FORMS["pem"], NoEncryption()))
    with pytest.raises(InputError, match="a key of another kind; expected Ed25519"):
        read_signer(other, never)
    public = tmp_path / "key.pub"
    public.write_text(read_signer(write_key(tmp_path / "key", "openssh"), never).public_line)
    with pytest.raises(InputError, match=r"no private key \(a public key\?\)"):
        read_signer(public, never)
    with pytest.raises(InputError, match="the key cannot be read"):
        read_signer(tmp_path / "nowhere", never)
