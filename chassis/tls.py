"""TLS inside the suite: a private authority, and for each part a certificate whose name says which part it is.

A service listens only to holders of a certificate of that authority, and asks only a server whose certificate bears
the name of the service that is meant. There is no way back to clear text: with certificates in the settings every
connection is made with them, and the settings refuse an address that would be asked in clear.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

DOMAIN = "heyi.internal"
ALTERNATIVE_NAMES = "x509_subject_alternative_name"


def name_of(part: str) -> str:
    """The name in the certificate of a part: `procurement.heyi.internal`."""
    return f"{part}.{DOMAIN}"


@dataclass(frozen=True)
class Tls:
    """Files (PEM) of one part: the authority that it trusts, its certificate, its key."""

    authority: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a client: trusts this authority alone and shows the certificate. Raises OSError, ssl.SSLError."""
        context = ssl.create_default_context(cafile=str(self.authority))
        context.load_cert_chain(self.certificate, self.key)
        return context

    def server_credentials(self) -> grpc.ServerCredentials:
        """For a gRPC server: nobody is heard without a certificate of the authority."""
        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        return grpc.ssl_server_credentials([pair], self.authority.read_bytes(), require_client_auth=True)

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """For a gRPC client."""
        files = (self.authority, self.key, self.certificate)
        return grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))


def verification(tls: Tls | None) -> ssl.SSLContext | bool:
    """What an HTTP client checks servers with."""
    return True if tls is None else tls.context()


def named(service: str) -> tuple[str, str]:
    """A channel's option: the server must be this service, whatever its address is."""
    return ("grpc.ssl_target_name_override", name_of(service))


def channel(service: str, address: str, options: Sequence[tuple[str, Any]], tls: Tls | None) -> grpc.aio.Channel:
    """A channel to a service; in clear only where there are no certificates."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, tls.channel_credentials(), options=[*options, named(service)])


def names_in(auth_context: Mapping[str, Sequence[bytes]]) -> frozenset[str]:
    """Names in the certificate of whoever calls; the handshake has proved that it is of our authority."""
    return frozenset(name.decode("utf-8", "replace") for name in auth_context.get(ALTERNATIVE_NAMES, ()))
