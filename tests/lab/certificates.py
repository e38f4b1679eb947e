"""The lab's certification authority: one root, and leaves with whatever is wrong with them."""

import datetime
import hashlib
import ipaddress
import os
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dh, ec, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def _new_key(kind):
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    raise ValueError(kind)


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def ffdhe2048(directory):
    """The file of the 2,048 bit group of RFC 7919 (appendix A.1), out of its definition there."""
    path = os.path.join(directory, "ffdhe2048.pem")
    bits = 1918
    # e as a fraction of 2^bits, by its series, with bits to spare.
    e, term, n = 0, 1 << (bits + 64), 0
    while term > 0:
        e += term
        n += 1
        term //= n
    prime = 2**2048 - 2**1984 + ((e >> 64) + 560316) * 2**64 - 1
    parameters = dh.DHParameterNumbers(prime, 2).parameters()
    data = parameters.parameter_bytes(
        serialization.Encoding.PEM, serialization.ParameterFormat.PKCS3)
    with open(path + f".{threading.get_ident()}", "wb") as file:
        file.write(data)
    os.rename(file.name, path)
    return path


class Certificate:
    """A certificate and its key as files, and a server context made of them."""

    def __init__(self, chain_file, key_file):
        self.chain_file = chain_file
        self.key_file = key_file

    def key_digest(self):
        """SHA-256 of the leaf's public key in hex: the data of a TLSA record 3 1 1."""
        with open(self.chain_file, "rb") as file:
            leaf = x509.load_pem_x509_certificate(file.read())
        key = leaf.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(key).hexdigest()

    def context(self, minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.MAXIMUM_SUPPORTED):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = minimum
        context.maximum_version = maximum
        context.load_cert_chain(self.chain_file, self.key_file)
        return context


class Authority:
    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.ca_file = os.path.join(directory, "ca.pem")
        self._lock = threading.Lock()
        self._made = {}
        self._key = _new_key("p256")
        self._certificate = self._build("Lab root", [], self._key, self._key, None, True, 0, 3650)
        self._write(self.ca_file, [self._certificate])

    def issue(self, names, key="p256", damage=None):
        """A leaf for these names. damage: expired, not-yet, self-signed, common-name (that of the first
        name, without alternative names), or None."""
        assert damage in (None, "expired", "not-yet", "self-signed", "common-name"), damage
        recipe = (tuple(names), key, damage)
        with self._lock:
            if recipe not in self._made:
                self._made[recipe] = self._issue(len(self._made), names, key, damage)
            return self._made[recipe]

    def _issue(self, number, names, key_kind, damage):
        key = _new_key(key_kind)
        first, last = {"expired": (-60, -30), "not-yet": (30, 60)}.get(damage, (-1, 90))
        own = damage == "self-signed"
        certificate = self._build(
            names[0], [] if damage == "common-name" else names, key, key if own else self._key,
            None if own else self._certificate, False, first, last)
        base = os.path.join(self.directory, f"{number}-{names[0]}")
        self._write(base + ".pem", [certificate] + ([] if own else [self._certificate]))
        # Readable for all: Postfix and Exim read it as their own users. It guards nothing.
        with open(base + ".key", "wb") as file:
            file.write(key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
        os.chmod(base + ".key", 0o644)
        return Certificate(base + ".pem", base + ".key")

    def _build(self, subject, names, key, signer, issuer, authority, first, last):
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(issuer.subject if issuer is not None else _name(subject))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + first * DAY)
            .not_valid_after(now + last * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(signer, hashes.SHA256())

    def _write(self, path, certificates):
        with open(path, "wb") as file:
            for certificate in certificates:
                file.write(certificate.public_bytes(serialization.Encoding.PEM))
