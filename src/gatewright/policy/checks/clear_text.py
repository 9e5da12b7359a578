"""Actions that let traffic through in clear."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.policy.checks.view import View
from gatewright.policy.findings import Finding, error
from gatewright.policy.reading import shown


def check(view: View) -> Iterable[Finding]:
    for protection in view.protections():
        action = protection.action
        if action.accept_unsecured:
            yield error(
                "accepts-clear-text",
                action.place,
                f"filter action {shown(action.name)} accepts unsecured communication, and "
                f"{protection.title} uses it",
                "for secure operation a tunnel must not accept in clear what it is to protect: "
                "only session key perfect forward secrecy is a valid setting for a tunnel",
                "remove `accept_unsecured`",
            )
        if action.allow_fallback:
            yield error(
                "falls-back-to-clear-text",
                action.place,
                f"filter action {shown(action.name)} goes on without security when the peer does "
                f"not answer, and {protection.title} uses it",
                "anybody who can keep the gateways' IKE messages apart would switch the "
                "protection off; for a tunnel the setting is not valid",
                "remove `allow_fallback`",
            )
