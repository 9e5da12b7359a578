"""Fixtures for tests that need network namespaces: worlds, and the gateways in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from gatewright.lab import privilege
from gatewright.lab.errors import PrivilegeMissingError
from gatewright.lab.strongswan import StrongSwan
from gatewright.lab.uml import KernelGateway
from gatewright.lab.world import World


@dataclass(slots=True)
class Access:
    """Why no world can be built here; None while one can."""

    refusal: str | None = None


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ACCESS] = Access()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Enter a user namespace where that is needed: only possible before there are threads."""
    if not any(item.get_closest_marker("netns") for item in session.items):
        return
    try:
        privilege.acquire()
    except PrivilegeMissingError as error:
        session.config.stash[_ACCESS].refusal = str(error)


_ACCESS = pytest.StashKey[Access]()


@pytest.fixture(scope="session")
def namespaces(request: pytest.FixtureRequest) -> None:
    """Skips, with the reason, where no world can be built."""
    if (refusal := request.config.stash[_ACCESS].refusal) is not None:
        pytest.skip(refusal)


@pytest.fixture(scope="module")
def new_world(namespaces: None) -> Iterator[Callable[..., World]]:  # noqa: ARG001
    """Builds worlds that go with the test module.  Takes the arguments of ``World``."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(World(**options))


@pytest.fixture
def world(namespaces: None) -> Iterator[World]:  # noqa: ARG001
    """A plain world of this test alone."""
    with World() as world:
        yield world


@pytest.fixture(scope="session")
def strongswan() -> None:
    """Skips where strongSwan is not installed."""
    if (why := StrongSwan.missing()) is not None:
        pytest.skip(why)


@pytest.fixture(scope="session")
def kernel_gateway() -> None:
    """Skips where user-mode-linux is not installed."""
    if (why := KernelGateway.missing()) is not None:
        pytest.skip(why)
