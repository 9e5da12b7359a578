"""Every world here has a gateway A with a kernel of its own, whose engine its policies name.

The tests are those of the user-space engine, word for word, and a few that only a kernel needs.
``make test-kernel`` runs all of them; otherwise what a module calls THOROUGH is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewright.lab.world import World
from tests.support.worlds import standing

HERE = Path(__file__).parent
SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On a busy machine a gateway in a guest takes long to start."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="package")
def guest_world(request: pytest.FixtureRequest, namespaces: None, guests: None) -> Iterator[World]:  # noqa: ARG001
    """The one that serves all tests: a kernel takes seconds to boot."""
    with standing(request, World(guest=True)) as world:
        yield world


@pytest.fixture(scope="module")
def new_world(
    new_world: Callable[..., World], guest_world: World
) -> Iterator[Callable[..., World]]:
    """Takes the arguments of ``World``.  A plain one is always the same, and tidied before."""

    def make(**options: bool) -> World:
        if options:
            return new_world(guest=True, **options)
        guest_world.tidy()
        return guest_world

    yield make
    guest_world.tidy()


@pytest.fixture
def world(guest_world: World) -> Iterator[World]:
    guest_world.tidy()
    yield guest_world
    guest_world.tidy()
