"""Certificates for DANE: anchors, intermediates and leaves of any shape, chains of them as a server
shows them, and the TLSA records that name them."""

import datetime
import hashlib
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from certificates import Certificate

DAY = datetime.timedelta(days=1)
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
# In days from now: from when until when.
VALID, EXPIRED, NOT_YET = (-1, 90), (-60, -30), (30, 60)
# Association data of what nobody has.
NOBODY_256 = hashlib.sha256(b"a key that nobody has").hexdigest()
NOBODY_512 = hashlib.sha512(b"a key that nobody has").hexdigest()


# A tenth of a second each, so a few take turns: the certificates of one host have different ones.
RSA_KEYS = 4
_rsa_keys = []


def _new_key(kind):
    if kind == "rsa":
        if len(_rsa_keys) < RSA_KEYS:
            _rsa_keys.append(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        else:
            _rsa_keys.append(_rsa_keys.pop(0))
        return _rsa_keys[-1]
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}
    return ec.generate_private_key(curves[kind]())


def _subject(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Link:
    """One certificate with its key; `signer` is the link that signed it, None for itself."""

    def __init__(self, common_name, signer=None, names=(), is_ca=False, days=VALID, key="p256",
                 path_length=None, same_key_as=None, extensions=()):
        now = datetime.datetime.utcnow()
        self.key = same_key_as.key if same_key_as else _new_key(key)
        issuer = signer.certificate.subject if signer else _subject(common_name)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_subject(common_name))
            .issuer_name(issuer)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
        )
        if names:
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternative, critical=False)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        signing = signer.key if signer else self.key
        is_edwards = isinstance(signing, ed25519.Ed25519PrivateKey)
        self.certificate = builder.sign(signing, None if is_edwards else hashes.SHA256())

    def sub(self, common_name, **options):
        """A certificate that this one signs: an authority."""
        return Link(common_name, self, is_ca=True, **options)

    def leaf(self, *names, **options):
        """A certificate of a server with these names, the first as common name too."""
        return Link(options.pop("common_name", names[0] if names else "nameless"), self, names,
                    **options)

    def data(self, selector):
        if selector == 0:
            return self.certificate.public_bytes(DER)
        return self.key.public_key().public_bytes(
            DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def tlsa(self, usage, selector, matching):
        """The record that names this certificate, as "U S M HEX"."""
        data = self.data(selector)
        digest = {0: lambda: data, 1: hashlib.sha256(data).digest,
                  2: hashlib.sha512(data).digest}[matching]
        return f"{usage} {selector} {matching} {digest().hex()}"


def self_signed(*names, **options):
    return Link(options.pop("common_name", names[0] if names else "nameless"), None, names,
                **options)


def authority(name, **options):
    return Link(name, None, is_ca=True, **options)


class Chains:
    """Writes chains as the files that servers read, each once."""

    def __init__(self, directory):
        self.directory = directory
        self._made = {}
        os.makedirs(directory, exist_ok=True)

    def certificate(self, *links):
        """What a server shows, its leaf first."""
        if links not in self._made:
            base = os.path.join(self.directory, str(len(self._made)))
            with open(base + ".pem", "wb") as file:
                for link in links:
                    file.write(link.certificate.public_bytes(PEM))
            # For all to read: Postfix has a user of its own, and it guards nothing.
            with open(base + ".key", "wb") as file:
                file.write(links[0].key.private_bytes(
                    PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
            os.chmod(base + ".key", 0o644)
            self._made[links] = Certificate(base + ".pem", base + ".key")
        return self._made[links]
