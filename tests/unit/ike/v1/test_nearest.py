from itertools import repeat

from gatewright.ike.outputs import Difference
from gatewright.ike.v1.nearest import differences, in_words

STRONG = (("encryption", "aes-256-cbc"), ("hash", "sha256"), ("group", "modp-2048"))
WEAK = (("encryption", "des-cbc"), ("hash", "md5"), ("group", "modp-768"))
MIXED = (("encryption", "aes-256-cbc"), ("hash", "md5"), ("group", "modp-2048"))


def test_the_nearest_pair_is_compared() -> None:
    assert differences([WEAK, STRONG], [MIXED]) == (Difference("hash", "sha256", "md5"),)


def test_without_offers_there_is_nothing_to_compare() -> None:
    assert differences([], [MIXED]) == differences([STRONG], []) == ()


def test_an_endless_offer_is_not_looked_at_to_its_end() -> None:
    assert differences([STRONG], repeat(MIXED)) == (Difference("hash", "sha256", "md5"),)


def test_in_words() -> None:
    found = differences([STRONG], [WEAK])
    assert in_words(found[:2]) == (
        "encryption (here aes-256-cbc, there des-cbc), hash (here sha256, there md5)"
    )
