from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.crypto import modp
from gatewright.crypto.groups import InvalidPublicValue, generate
from gatewright.iana.algorithms import GROUP_BY_NAME, GROUPS, Group
from tests.support.entropy import seeded

VECTORS = Path(__file__).parents[2] / "vectors" / "crypto"
RFC5903 = json.loads((VECTORS / "rfc5903_groups.json").read_text())
MODP = [group for group in GROUPS if group.name.startswith("modp")]
ECP = [group for group in GROUPS if group.name.startswith("ecp")]
X25519 = GROUP_BY_NAME["x25519"]

# Points of small order on Curve25519 and its twist, and the same unreduced (RFC 7748 section 6.1
# tells that a result of zero betrays them); the list is the well-known one of cr.yp.to/ecdh.html.
SMALL_ORDER = (
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)


def names(group: Group) -> str:
    return group.name


@pytest.mark.parametrize("group", GROUPS, ids=names)
def test_both_sides_agree(group: Group) -> None:
    ours, theirs = generate(group, seeded(1)), generate(group, seeded(2))
    assert len(ours.public) == group.public_len
    secret = ours.shared_secret(theirs.public)
    assert len(secret) == group.secret_len
    assert theirs.shared_secret(ours.public) == secret


@pytest.mark.parametrize("name", RFC5903)
def test_rfc5903_vectors(name: str) -> None:
    vector = {key: bytes.fromhex(value) for key, value in RFC5903[name].items()}
    group = GROUP_BY_NAME[name]

    def with_scalar(scalar: bytes) -> bytes:
        # generate() takes the scalar modulo the order less one, and adds one
        return (int.from_bytes(scalar, "big") - 1).to_bytes(group.secret_len + 8, "big")

    ours = generate(group, lambda _: with_scalar(vector["i"]))
    theirs = generate(group, lambda _: with_scalar(vector["r"]))
    assert ours.public == vector.get("gi", ours.public)
    assert theirs.public == vector.get("gr", theirs.public)
    assert ours.shared_secret(theirs.public).reveal() == vector["secret"]


def test_rfc7748_vector() -> None:
    """Section 6.1."""
    alice = generate(
        X25519,
        lambda _: bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
    )
    bob = generate(
        X25519,
        lambda _: bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
    )
    public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert alice.public.hex() == public
    secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert alice.shared_secret(bob.public).reveal().hex() == secret


@pytest.mark.parametrize("group", MODP, ids=names)
def test_modp_values_out_of_range_are_refused(group: Group) -> None:
    """RFC 6989 section 2.1."""
    key = generate(group, seeded(1))
    prime = modp.PRIMES[group.public_len]
    for value in (0, 1, prime - 1, prime, prime + 1, 2 ** (8 * group.public_len) - 1):
        with pytest.raises(InvalidPublicValue, match=group.name):
            key.shared_secret(value.to_bytes(group.public_len, "big"))


@pytest.mark.parametrize("group", MODP, ids=names)
def test_modp_secret_keeps_leading_zeros(group: Group) -> None:
    """RFC 7296 section 2.14: g^ir has the length of the modulus."""
    key = generate(group, seeded(1))
    prime = modp.PRIMES[group.public_len]
    exponent = modp.exponent(seeded(1)(modp.EXPONENT_LENGTH))
    # the exponent's inverse gives the public value whose secret is 4: a square, so in the subgroup
    order = (prime - 1) // 2
    peer = pow(4, pow(exponent, -1, order), prime)
    secret = key.shared_secret(peer.to_bytes(group.public_len, "big")).reveal()
    assert secret == (4).to_bytes(group.secret_len, "big")


@pytest.mark.parametrize("group", GROUPS, ids=names)
@pytest.mark.parametrize("change", [-1, 1], ids=["short", "long"])
def test_wrong_length_is_refused(group: Group, change: int) -> None:
    with pytest.raises(InvalidPublicValue, match=str(group.public_len)):
        generate(group, seeded(1)).shared_secret(b"\x02" * (group.public_len + change))


@pytest.mark.parametrize("group", ECP, ids=names)
def test_points_off_the_curve_are_refused(group: Group) -> None:
    """RFC 6989 section 2.3."""
    key, peer = generate(group, seeded(1)), generate(group, seeded(2))
    changed = peer.public[:-1] + bytes([peer.public[-1] ^ 1])
    beyond = b"\xff" * group.public_len  # coordinates that are not below the field's prime
    for public in (changed, bytes(group.public_len), beyond):
        with pytest.raises(InvalidPublicValue, match="not on the curve"):
            key.shared_secret(public)


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_x25519_points_of_small_order_are_refused(public: str) -> None:
    with pytest.raises(InvalidPublicValue, match="zero"):
        generate(X25519, seeded(1)).shared_secret(bytes.fromhex(public))


@pytest.mark.parametrize("group", [X25519, *ECP, GROUP_BY_NAME["modp-768"]], ids=names)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_octets_give_a_secret_or_one_refusal(group: Group, data: st.DataObject) -> None:
    public = data.draw(
        st.binary(max_size=group.public_len + 2)
        | st.binary(min_size=group.public_len, max_size=group.public_len)
    )
    try:
        secret = generate(group, seeded(1)).shared_secret(public)
    except InvalidPublicValue:
        return
    assert len(secret) == group.secret_len


@pytest.mark.parametrize("group", GROUPS, ids=names)
def test_private_part_stays_inside(group: Group) -> None:
    octets = seeded(7)(128)
    key = generate(group, lambda length: octets[:length])
    assert repr(key).count(group.name) == 1
    assert octets[:16].hex() not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.copy(key)
    assert not hasattr(key, "__dict__")
