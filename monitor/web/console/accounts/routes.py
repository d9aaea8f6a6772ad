"""The pages about accounts, put together."""

from collections.abc import Sequence

from starlette.routing import BaseRoute

from monitor.accounts.roles import Role, Scope
from monitor.web.console.accounts.keeping import Keeping
from monitor.web.console.accounts.own import Own
from monitor.web.console.accounts.signing import Signing
from monitor.web.console.page import Pages, Place
from monitor.web.parts import Parts

__all__ = ["ACCOUNT_PLACES", "make_accounts"]

ACCOUNT_PLACES: Sequence[Place] = (
    Place("/users", "Users", Role.ADMINISTRATOR, Scope.ADMINISTER, group="run"),
    Place("/tokens", "API tokens", Role.ADMINISTRATOR, Scope.ADMINISTER, group="run"),
    Place("/audit", "Audit trail", Role.ADMINISTRATOR, Scope.ADMINISTER, group="run"),
)
"""Their entries of the navigation; one's own account is linked by one's name."""


def make_accounts(parts: Parts, pages: Pages) -> Sequence[BaseRoute]:
    """Make the routes; none where nobody keeps accounts."""
    if parts.accounts is None:
        return []
    words = (parts.site.name, parts.site.id)
    signing = Signing(parts.accounts, pages, words)
    own, keeping = Own(parts.accounts, pages, signing, words), Keeping(parts, parts.accounts, pages)
    return [*signing.routes(), *own.routes(), *keeping.routes()]
