"""tshark as a judge: what another implementation makes of packets, given the session keys."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

TSHARK = shutil.which("tshark")

SK = "Encrypted and Authenticated"
_V1_ENCRYPTION_FLAG = 1  # RFC 2408 section 3.1; IKEv2 keeps that bit zero
_PREFERENCES = (
    "esp.enable_encryption_decode:TRUE",
    "esp.enable_authentication_check:TRUE",
    "esp.enable_null_encryption_decode_heuristic:FALSE",
)


@dataclass(frozen=True)
class IkeFinding:
    """One IKE message.

    ``payloads`` are tshark's names of all payloads and their substructures, those inside the
    encryption included.  ``decrypted`` says that something was found inside; an empty message
    counts as not decrypted, and its ``integrity`` tells.  ``integrity`` is the verdict on the ICV
    of an SK payload, None without one (IKEv1, or no key).
    """

    version: int
    exchange: str
    encrypted: bool
    decrypted: bool
    payloads: tuple[str, ...]
    integrity: bool | None


@dataclass(frozen=True)
class EspFinding:
    """One ESP packet.  ``inner`` is the inner packet's protocols from outermost ("ip", "icmp"),
    empty when it could not be decrypted; ``integrity`` None when tshark could not check it."""

    spi: int
    sequence: int
    inner: tuple[str, ...]
    integrity: bool | None


@dataclass(frozen=True)
class Frame:
    """``complaints``: whatever tshark finds malformed or remarks at warning level or above."""

    number: int
    protocols: tuple[str, ...]
    ike: IkeFinding | None
    esp: EspFinding | None
    complaints: tuple[str, ...]


def examine(capture: Path, keys: Path | None = None, *arguments: str) -> list[Frame]:
    """Every frame of the capture; ``keys`` is a folder with tables as `KeyLog` writes them."""
    assert TSHARK is not None
    with tempfile.TemporaryDirectory() as home:
        configuration = Path(home) / "wireshark"
        configuration.mkdir()
        for table in keys.iterdir() if keys is not None else ():
            shutil.copy(table, configuration)
        options = [item for preference in _PREFERENCES for item in ("-o", preference)]
        done = subprocess.run(
            [TSHARK, "-r", str(capture), "-T", "pdml", *options, *arguments],
            env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home},
            check=True,
            capture_output=True,
        )
    remarks = [
        line
        for line in done.stderr.decode().splitlines()
        if line.strip() and "Running as user" not in line
    ]
    assert not remarks, remarks  # tshark tells here which row of a table it did not understand
    return [_frame(packet) for packet in ElementTree.fromstring(done.stdout).iter("packet")]


def _fields(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (field for field in element.iter("field") if field.get("name") == name)


def _number(element: ElementTree.Element, name: str) -> int:
    return int(next(_fields(element, name)).get("show", ""), 0)


def _frame(packet: ElementTree.Element) -> Frame:
    protocols = tuple(proto.get("name", "") for proto in packet.iter("proto"))
    ike = next((proto for proto in packet.iter("proto") if proto.get("name") == "isakmp"), None)
    esp = next((proto for proto in packet.iter("proto") if proto.get("name") == "esp"), None)
    return Frame(
        number=_number(packet, "frame.number"),
        protocols=tuple(name for name in protocols if name not in ("geninfo", "frame")),
        ike=_ike(ike) if ike is not None else None,
        esp=_esp(esp, protocols) if esp is not None else None,
        complaints=tuple(_complaints(packet)),
    )


def _complaints(packet: ElementTree.Element) -> Iterator[str]:
    for proto in packet.iter("proto"):
        if proto.get("name") == "_ws.malformed":
            yield proto.get("showname", "malformed")
    for field in _fields(packet, "_ws.expert"):
        severity = next(_fields(field, "_ws.expert.severity")).get("showname", "")
        if "Error" in severity or "Warning" in severity:
            yield field.get("showname", "")


def _ike(message: ElementTree.Element) -> IkeFinding:
    checksums = [field.get("showname", "") for field in _fields(message, "isakmp.enc.icd")]
    payloads = tuple(_payload_names(message))
    flags = int(next(_fields(message, "isakmp.flags")).get("show", ""), 16)
    encrypted = SK in payloads or flags & _V1_ENCRYPTION_FLAG != 0
    return IkeFinding(
        version=_number(message, "isakmp.version") >> 4,
        exchange=next(_fields(message, "isakmp.exchangetype")).get("showname", ""),
        encrypted=encrypted,
        decrypted=encrypted and any(name != SK for name in payloads),
        payloads=payloads,
        integrity="[correct]" in checksums[0] if checksums else None,
    )


def _payload_names(message: ElementTree.Element) -> Iterator[str]:
    for field in _fields(message, "isakmp.typepayload"):
        yield re.sub(r" \(\d+\).*", "", field.get("showname", "").removeprefix("Payload: "))


def _esp(packet: ElementTree.Element, protocols: tuple[str, ...]) -> EspFinding:
    good = [field.get("show") for field in _fields(packet, "esp.icv_good")]
    bad = [field.get("show") for field in _fields(packet, "esp.icv_bad")]
    integrity = None
    if "1" in good or "1" in bad:
        integrity = "1" in good
    return EspFinding(
        spi=_number(packet, "esp.spi"),
        sequence=_number(packet, "esp.sequence"),
        inner=protocols[protocols.index("esp") + 1 :],
        integrity=integrity,
    )
