"""Session keys without perfect forward secrecy."""

from __future__ import annotations

from collections.abc import Iterable

from gatewright.policy.checks.view import View
from gatewright.policy.findings import Finding, note
from gatewright.policy.offers import pfs_groups
from gatewright.policy.profiles import ProfileName


def check(view: View) -> Iterable[Finding]:
    for protection in view.protections():
        action = protection.action
        if action.profile == ProfileName.WINDOWS_2003.value:
            # That a gateway of 2003 has it off by itself is part of what the profile means.
            continue
        without = [
            method
            for method in action.methods
            if not pfs_groups(method, action, protection.key_exchange)
        ]
        if without:
            yield note(
                "no-pfs",
                without[0].place,
                f"{protection.title} makes session keys without perfect forward secrecy",
                "who gets hold of the IKE SA's keys can compute all session keys made under it",
                "write `pfs: yes` in the short form or `session_key_pfs: yes` in a filter action, "
                "if the other gateway has it too",
            )
