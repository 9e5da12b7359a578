from hypothesis import given
from hypothesis import strategies as st

from gatewright.ike.grouping import Grouping


def test_members_of_a_key_come_in_the_order_in_which_they_came() -> None:
    groups: Grouping[str, int] = Grouping()
    groups.put(2, "a")
    groups.put(1, "a")
    groups.put(3, "b")
    groups.put(2, "a")
    assert groups.of("a") == [2, 1]
    assert groups.of("b") == [3]
    assert groups.of("c") == []


def test_a_member_of_another_key_leaves_its_old_one() -> None:
    groups: Grouping[str, int] = Grouping()
    groups.put(1, "a")
    groups.put(2, "b")
    groups.put(1, "b")
    assert groups.of("a") == []
    assert groups.of("b") == [2, 1]


def test_what_it_gives_is_not_what_it_keeps() -> None:
    groups: Grouping[str, int] = Grouping()
    groups.put(1, "a")
    for member in groups.of("a"):
        groups.discard(member)
    assert groups.of("a") == []


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 3))))
def test_it_agrees_with_a_dictionary_and_keeps_no_empty_group(
    changes: list[tuple[int, int | None]],
) -> None:
    groups: Grouping[int, int] = Grouping()
    model: dict[int, int] = {}
    for member, key in changes:
        if key is None:
            groups.discard(member)
            model.pop(member, None)
        else:
            groups.put(member, key)
            if model.get(member) != key:
                model.pop(member, None)
                model[member] = key
    for key in range(4):
        assert groups.of(key) == [member for member, its in model.items() if its == key]
    assert len(groups) == len(set(model.values()))


def test_a_group_is_looked_at_without_taking_it_whole() -> None:
    groups: Grouping[str, int] = Grouping()
    assert (groups.first("a"), groups.size("a"), groups.key_of(1)) == (None, 0, None)
    groups.put(2, "a")
    groups.put(1, "a")
    assert (groups.first("a"), groups.size("a"), groups.key_of(1)) == (2, 2, "a")
