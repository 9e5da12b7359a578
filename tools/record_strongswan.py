"""Record negotiations of two strongSwan gateways, with the keys that they derived.

Run by hand as root (needs strongSwan 5.9, tcpdump, iproute2):

    python tools/record_strongswan.py OUTPUT_DIRECTORY

Each case gives one JSON file: the IKE messages as captured between the two, in order, and every
secret that the initiator's log names at level 4.  Nothing of it is computed by Gatewright.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scapy.layers.inet import IP, UDP
from scapy.utils import rdpcap

PSK = "Recorded-Key-of-2003"
CHARON = "/usr/lib/ipsec/charon"
ADDRESSES = {"i": "203.0.113.1", "r": "203.0.113.2"}
NETWORKS = {"i": "192.168.10.0/24", "r": "10.20.0.0/24"}
PREFIX = f"gw{os.getpid()}"
PLUGINS = (
    "random nonce openssl gcrypt aes sha1 sha2 md5 gmp curve25519 hmac kdf pem pkcs1 pkcs8 x509 "
    "pubkey gcm chapoly kernel-libipsec kernel-netlink socket-default vici"
)


@dataclass(frozen=True)
class Case:
    name: str
    version: int
    ike: str
    esp: str
    steps: tuple[str, ...] = ()


CASES = (
    Case("v2-gcm256-sha384-ecp384", 2, "aes256gcm16-prfsha384-ecp384", "aes256gcm16"),
    Case(
        "v2-chacha-sha512-x25519",
        2,
        "chacha20poly1305-prfsha512-x25519",
        "chacha20poly1305-x25519",
        ("--rekey --child net", "--rekey --ike case"),
    ),
    Case(
        "v2-cbc128-sha256-modp2048",
        2,
        "aes128-sha256-modp2048",
        "aes128-sha256-modp2048",
        ("--rekey --child net", "--rekey --ike case"),
    ),
    Case("v2-3des-md5-modp1024", 2, "3des-md5-modp1024", "3des-md5"),
    Case("v2-cbc192-sha1-ecp521", 2, "aes192-sha1-ecp521", "aes192-sha512"),
    Case("v1-3des-sha1-modp1024", 1, "3des-sha1-modp1024", "3des-sha1"),
    Case("v1-des-md5-modp768", 1, "des-md5-modp768", "des-md5"),
    Case("v1-cbc256-md5-modp1536", 1, "aes256-md5-modp1536", "aes256-sha512"),
    Case("v1-cbc256-sha256-modp2048-pfs", 1, "aes256-sha256-modp2048", "aes256-sha256-modp2048"),
    Case("v1-cbc128-sha384-ecp256-pfs", 1, "aes128-sha384-ecp256", "aes128gcm16-ecp256"),
)


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[-1]}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def write_configuration(folder: Path, side: str, case: Case) -> None:
    other = "r" if side == "i" else "i"
    (folder / "run").mkdir(parents=True)
    (folder / "etc").mkdir()
    (folder / "strongswan.conf").write_text(
        f"""charon {{
  load = {PLUGINS}
  rsa_pss = no
  filelog {{ log {{ path = {folder}/log
    default = 1
    ike = 4
    chd = 4
    flush_line = yes }} }}
}}
swanctl {{ load = random openssl }}
"""
    )
    (folder / "etc" / "swanctl.conf").write_text(
        f"""connections {{ case {{
  version = {case.version}
  local_addrs = {ADDRESSES[side]}
  remote_addrs = {ADDRESSES[other]}
  proposals = {case.ike}
  mobike = no
  local {{ auth = psk
    id = {ADDRESSES[side]} }}
  remote {{ auth = psk
    id = {ADDRESSES[other]} }}
  children {{ net {{
    local_ts = {NETWORKS[side]}
    remote_ts = {NETWORKS[other]}
    esp_proposals = {case.esp} }} }}
}} }}
secrets {{ ike-1 {{ secret = "{PSK}" }} }}
"""
    )


def inside(side: str, folder: Path, command: str) -> list[str]:
    script = (
        f"mount --bind {folder}/run /run; export STRONGSWAN_CONF={folder}/strongswan.conf "
        f"SWANCTL_DIR={folder}/etc; exec {command}"
    )
    return ["ip", "netns", "exec", f"{PREFIX}-{side}", "bash", "-c", script]


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"{path} did not appear")
        time.sleep(0.05)


def negotiate(folder: Path, case: Case) -> None:
    """Leaves the two logs and ``capture.pcap`` in ``folder``."""
    processes = []
    try:
        for side in ADDRESSES:
            write_configuration(folder / side, side, case)
            processes.append(subprocess.Popen(inside(side, folder / side, CHARON)))
            wait_for(folder / side / "run" / "charon.vici")
        capture = [
            "tcpdump",
            "--immediate-mode",
            "-U",
            "-ni",
            "wan",
            "-w",
            f"{folder}/capture.pcap",
        ]
        processes.append(
            subprocess.Popen(
                ["ip", "netns", "exec", f"{PREFIX}-i", *capture, "udp"], stderr=subprocess.DEVNULL
            )
        )
        wait_for(folder / "capture.pcap")
        for side in ("r", "i"):
            run(*inside(side, folder / side, "swanctl --load-all"))
        for step in ("--initiate --child net --ike case --timeout 10", *case.steps):
            print(run(*inside("i", folder / "i", f"swanctl {step}")).splitlines()[-1])
            time.sleep(1)
        run(*inside("i", folder / "i", "swanctl --terminate --ike case --timeout 5"))
        time.sleep(0.5)
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)
            process.wait(10)


def read_messages(capture: Path) -> list[dict[str, str]]:
    messages = []
    for packet in rdpcap(str(capture)):
        if IP not in packet or UDP not in packet:
            continue
        payload = bytes(packet[UDP].payload)
        if packet[UDP].dport == 4500 or packet[UDP].sport == 4500:
            if not payload.startswith(bytes(4)):
                continue
            payload = payload[4:]
        side = "i" if packet[IP].src == ADDRESSES["i"] else "r"
        messages.append({"from": side, "octets": payload.hex()})
    return messages


def read_secrets(log: str) -> list[dict[str, str]]:
    """Each ``name => n bytes`` with its hex dump, in the order of the log."""
    secrets: list[dict[str, str]] = []
    missing = 0
    for line in log.splitlines():
        start = re.search(r"\] (?:<[^>]*> )?(.*?) => (\d+) bytes @", line)
        if start:
            secrets.append({"name": start[1], "octets": ""})
            missing = int(start[2])
        elif missing and (dump := re.search(r"\] (?:<[^>]*> )?\s*\d+: ((?:[0-9A-F]{2} ?)+)", line)):
            octets = "".join(dump[1].split()[:16])[: 2 * missing].lower()
            secrets[-1]["octets"] += octets
            missing -= len(octets) // 2
    return secrets


def record(case: Case, output: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        try:
            for side in ADDRESSES:
                run("ip", "netns", "add", f"{PREFIX}-{side}")
                run("ip", "-n", f"{PREFIX}-{side}", "link", "set", "lo", "up")
            ends = (f"wan netns {PREFIX}-i", f"wan netns {PREFIX}-r")
            run(*f"ip link add {ends[0]} type veth peer name {ends[1]}".split())
            for side, address in ADDRESSES.items():
                run("ip", "-n", f"{PREFIX}-{side}", "addr", "add", f"{address}/24", "dev", "wan")
                run("ip", "-n", f"{PREFIX}-{side}", "link", "set", "wan", "up")
                # strongSwan refuses selectors in which it has no address of its own
                inner = NETWORKS[side].replace(".0/", ".1/")
                run("ip", "-n", f"{PREFIX}-{side}", "addr", "add", inner, "dev", "lo")
            negotiate(folder, case)
        finally:
            for side in ADDRESSES:
                subprocess.run(["ip", "netns", "del", f"{PREFIX}-{side}"], check=False)
            log = folder / "i" / "log"
            if log.exists():
                (output / f"{case.name}.log").write_text(log.read_text())
        recorded = {
            "ike": case.ike,
            "esp": case.esp,
            "psk": PSK,
            "messages": read_messages(folder / "capture.pcap"),
            "secrets": read_secrets((folder / "i" / "log").read_text()),
        }
        (output / f"{case.name}.json").write_text(json.dumps(recorded, indent=1) + "\n")


def main() -> None:
    output = Path(sys.argv[1])
    for case in CASES:
        print(case.name)
        record(case, output)


if __name__ == "__main__":
    main()
