"""Fixtures for tests that need network namespaces: worlds, and the gateways in them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import pytest

from gatewright.lab import privilege, uml
from gatewright.lab.errors import PrivilegeMissingError
from gatewright.lab.strongswan import StrongSwan
from gatewright.lab.uml_peer import KernelGateway
from gatewright.lab.world import World

LOG_LINES = 40


@dataclass(slots=True)
class Access:
    """``refusal``: why no world can be built here, or None.  ``worlds``: those that stand."""

    refusal: str | None = None
    worlds: list[World] = field(default_factory=list)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_ACCESS] = Access()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark as thorough what its module says is; leave that out unless markers are asked for."""
    for item in items:
        patterns = getattr(getattr(item, "module", None), "THOROUGH", ())
        if any(fnmatchcase(item.name, pattern) for pattern in patterns):
            item.add_marker(pytest.mark.thorough)
    if config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("thorough")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Enter a user namespace where that is needed: only possible before there are threads."""
    if not any(item.get_closest_marker("netns") for item in session.items):
        return
    try:
        privilege.acquire()
    except PrivilegeMissingError as error:
        session.config.stash[_ACCESS].refusal = str(error)


_ACCESS = pytest.StashKey[Access]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of every log of the worlds that stand when a test fails."""
    report = yield
    if report.failed:
        for world in item.config.stash[_ACCESS].worlds:
            for log in sorted(world.directory.rglob("*.log")):
                tail = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
                report.sections.append((str(log.relative_to(world.directory)), "\n".join(tail)))
    return report


@pytest.fixture(scope="session")
def namespaces(request: pytest.FixtureRequest) -> None:
    """Skips, with the reason, where no world can be built."""
    if (refusal := request.config.stash[_ACCESS].refusal) is not None:
        pytest.skip(refusal)


@pytest.fixture(scope="module")
def new_world(request: pytest.FixtureRequest, namespaces: None) -> Iterator[Callable[..., World]]:  # noqa: ARG001
    """Builds worlds that go with the test module.  Takes the arguments of ``World``."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(standing(request, World(**options)))


@pytest.fixture
def world(request: pytest.FixtureRequest, namespaces: None) -> Iterator[World]:  # noqa: ARG001
    """A plain world of this test alone."""
    with standing(request, World()) as world:
        yield world


@contextmanager
def standing(request: pytest.FixtureRequest, world: World) -> Iterator[World]:
    """The world, for as long as the context lasts; its logs are shown when a test fails."""
    worlds = request.config.stash[_ACCESS].worlds
    with world:
        worlds.append(world)
        try:
            yield world
        finally:
            worlds.remove(world)


@pytest.fixture(scope="session")
def strongswan() -> None:
    """Skips where strongSwan is not installed."""
    if (why := StrongSwan.missing()) is not None:
        pytest.skip(why)


@pytest.fixture(scope="session")
def guests() -> None:
    """Skips where user-mode-linux is not installed."""
    if (why := uml.missing()) is not None:
        pytest.skip(why)


@pytest.fixture(scope="session")
def kernel_gateway() -> None:
    """Skips where user-mode-linux or strongSwan is not installed."""
    if (why := KernelGateway.missing()) is not None:
        pytest.skip(why)
