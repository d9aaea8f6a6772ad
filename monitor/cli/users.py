"""`user` and `token`: who may use the console, and what programs ask the API with."""

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from monitor.cli.options import Json, SocketPath, StateFolder
from monitor.cli.output import local_time, print_json, print_line, print_table

if TYPE_CHECKING:
    from monitor.cli.client import Client

__all__ = ["add_to"]


class _Role(StrEnum):
    """Those of `monitor.accounts.roles`, for the help of commands."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


class _Scope(StrEnum):
    """The same of tokens."""

    READ = "read"
    METRICS = "metrics"
    ALARMS = "alarms"
    PLAN = "plan"
    METERS = "meters"
    ACCESS = "access"
    ADMINISTER = "administer"


_FIRST: Final = "admin"
"""What the first administrator is called where nobody says."""
_Login = Annotated[str, typer.Argument(metavar="LOGIN", help="What he signs in with.")]
_CONFLICT: Final = 409


def add_to(app: typer.Typer) -> None:
    """Add this module's commands."""
    users = typer.Typer(help="Who may use the console.", no_args_is_help=True, rich_markup_mode=None)
    users.command("list")(list_users)
    users.command("add")(add_user)
    users.command("role")(change_role)
    users.command("disable")(disable)
    users.command("enable")(enable)
    users.command("remove")(remove_user)
    users.command("link")(link)
    app.add_typer(users, name="user")
    tokens = typer.Typer(
        help="What programs ask the API with, over the console's port.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    tokens.command("list")(list_tokens)
    tokens.command("add")(add_token)
    tokens.command("remove")(remove_token)
    app.add_typer(tokens, name="token")


def list_users(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List who may use the console."""
    client = _client(socket, state)
    found = client.get("users")
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("nobody yet: `facility-monitor user link` makes the first administrator")
        return
    zone = client.get("status")["timezone"]
    print_table(("login", "name", "role", "person", "last signed in", ""), [_user(each, zone) for each in found])


def _user(user: Mapping[str, Any], zone: str) -> tuple[str, ...]:
    when = "never" if user["signed_in"] is None else local_time(user["signed_in"], zone)
    state = "disabled" if user["disabled"] else "" if user["has_password"] else "has no password yet"
    return user["login"], user["name"], user["role"], user["person"], when, state


def add_user(
    login: _Login,
    role: Annotated[_Role, typer.Option(help="What he may; each may all that those before may.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What he does is kept under it; else the login.")] = "",
    person: Annotated[str, typer.Option(metavar="ID", help="His id under `notify.people`.")] = "",
    *,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Add somebody, and print the link on which he chooses his password."""
    from monitor.cli.client import Refused

    client = _client(socket, state)
    added = client.post("users", body={"login": login, "role": role, "name": name, "person": person})
    try:
        made = client.post("users", login, "link", body={})
    except Refused as refused:
        if refused.status != _CONFLICT:
            raise
        made, why = None, str(refused)
    if as_json:
        print_json({**added, "link": made})
        return
    print_line(f"{login} is {added['role']} now")
    print_line(_told(made) if made else f"no link: {why}")


def change_role(
    login: _Login,
    role: Annotated[_Role, typer.Argument(metavar="ROLE", help="viewer, operator, supervisor or administrator.")],
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Give somebody another role; he has to sign in again."""
    _say(_client(socket, state).post("users", login, body={"role": role}), f"{login} is {role} now", as_json)


def disable(login: _Login, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Keep somebody out, and end his sessions."""
    changed = _client(socket, state).post("users", login, body={"disabled": True})
    _say(changed, f"{login} is disabled, and signed out everywhere", as_json)


def enable(login: _Login, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """Let somebody in again."""
    _say(_client(socket, state).post("users", login, body={"disabled": False}), f"{login} is enabled", as_json)


def remove_user(
    login: _Login, socket: SocketPath = None, state: StateFolder = None, as_json: Json = False
) -> None:
    """Take somebody out; what he did stays under his name. The last administrator stays."""
    _say(_client(socket, state).post("users", login, "remove", body={}), f"{login} is removed", as_json)


def link(
    login: Annotated[
        str, typer.Argument(metavar="[LOGIN]", help="For whom; the first one is an administrator.")
    ] = "",
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Print a link on which somebody chooses a password, once, within a day; also when he has forgotten his."""
    client = _client(socket, state)
    if not login:
        if client.get("users"):
            raise typer.BadParameter("say for whom: `facility-monitor user list` names them", param_hint="LOGIN")
        login = _FIRST
    made = client.post("users", login, "link", body={})
    if as_json:
        print_json(made)
    else:
        print_line(_told(made))


def _told(made: Mapping[str, Any]) -> str:
    return f"{made['login']} chooses a password here, once, within a day; whoever has the link can:\n{made['url']}"


def list_tokens(socket: SocketPath = None, state: StateFolder = None, as_json: Json = False) -> None:
    """List the tokens, without their secrets."""
    client = _client(socket, state)
    found = client.get("tokens")
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("none: `facility-monitor token add NAME --scope read` makes one")
        return
    zone = client.get("status")["timezone"]
    print_table(("id", "name", "scopes", "made by", "until", "last used"), [_token(each, zone) for each in found])


def _token(token: Mapping[str, Any], zone: str) -> tuple[str, ...]:
    until = "it is removed" if token["expires_at"] is None else local_time(token["expires_at"], zone)
    used = "never" if token["used_at"] is None else local_time(token["used_at"], zone)
    return token["id"], token["name"], ", ".join(token["scopes"]), token["created_by"], until, used


def add_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which program it is for.")],
    scope: Annotated[list[_Scope], typer.Option(help="What it may; may be repeated.")],
    lives: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long it works, `90 days`; else until it is removed.")
    ] = "",
    *,
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Make a token and print its secret, this once."""
    from monitor.fields import seconds

    try:
        expires = round((time.time() + seconds(lives)) * 1000) if lives else None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error
    made = _client(socket, state).post("tokens", body={"name": name, "scopes": scope, "expires_at": expires})
    if as_json:
        print_json(made)
    else:
        print_line(f"{name}: send this as `Authorization: Bearer …`; it is printed only now:\n{made['secret']}")


def remove_token(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id or its name.")],
    socket: SocketPath = None,
    state: StateFolder = None,
    as_json: Json = False,
) -> None:
    """Take a token out: it is refused from now on."""
    removed = _client(socket, state).post("tokens", token, "remove", body={})
    _say(removed, f"{removed['name']} is removed", as_json)


def _client(socket: Any, state: Any) -> "Client":
    from monitor.cli.client import Client

    return Client(socket, state)


def _say(answer: Mapping[str, Any], told: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print_line(told)
