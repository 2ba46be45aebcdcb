"""Templates: how they are found, and what they know beside what a page gives them."""

from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any, Final

import aiohttp_jinja2
import jinja2
from aiohttp import web
from jinja2 import filters
from markupsafe import Markup

from servicedesk import resources
from servicedesk.domain.words import Text
from servicedesk.web import wording, words
from servicedesk.web.assets import ASSETS, Assets
from servicedesk.web.keys import SETTINGS
from servicedesk.web.words import Words


def setup(app: web.Application) -> None:
    """Make templates and assets ready."""
    reload = app[SETTINGS].is_development
    assets = app[ASSETS] = Assets(resources.static(), reload=reload)
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(resources.templates()),
        autoescape=True,
        auto_reload=reload,
        trim_blocks=True,
        lstrip_blocks=True,
        enable_async=False,
        extensions=["jinja2.ext.i18n"],
        finalize=_said,
        filters=_FILTERS,
        context_processors=[_from_request],
    )
    environment = aiohttp_jinja2.get_env(app)
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.getattr = MethodType(_part, environment)  # type: ignore[method-assign]
    environment.globals |= {"gettext": _gettext, "ngettext": _ngettext}
    environment.globals["asset"] = assets.url
    environment.globals["modules"] = assets.modules
    environment.globals["desk_name"] = "Service desk"


def _part(environment: jinja2.Environment, whole: Any, name: str) -> Any:
    """Return ``whole.name``. Nearly all that pages show are dicts, of which Jinja first asks in vain for an attribute.

    A page does that some thousand times, and the error that comes back each time took a tenth of it.
    """
    if type(whole) is dict and name in whole and name not in _METHODS:
        return whole[name]
    return jinja2.Environment.getattr(environment, whole, name)


_METHODS: Final = frozenset(dir(dict))


async def _from_request(request: web.Request) -> dict[str, Any]:
    theme = request.cookies.get("theme")
    return {"theme": theme if theme in ("light", "dark") else None, "words": words.of_request(request)}


def _language(context: jinja2.runtime.Context) -> Words:
    """Return the page's language; a part that is drawn without a page is in English."""
    found: Words = context.get("words") or words.words(words.ENGLISH)
    return found


@jinja2.pass_context
def _gettext(context: jinja2.runtime.Context, message: str, **values: Any) -> str:
    return _filled(context, _language(context).gettext(message), values)


@jinja2.pass_context
def _ngettext(context: jinja2.runtime.Context, one: str, many: str, num: int, **values: Any) -> str:
    return _filled(context, _language(context).ngettext(one, many, num), {"num": num, **values})


def _filled(context: jinja2.runtime.Context, text: str, values: dict[str, Any]) -> str:
    """Return the text with its values, those that are texts in the page's language as well."""
    if not values and "%" not in text:
        return Markup(text) if context.eval_ctx.autoescape else text  # noqa: S704 -- our own  # nosec B704
    said = {name: _said(context, value) for name, value in values.items()}
    return (Markup(text) if context.eval_ctx.autoescape else text) % said  # noqa: S704 -- values are escaped  # nosec B704


@jinja2.pass_context
def _said(context: jinja2.runtime.Context, value: Any) -> Any:
    """Return what a page shows of the value: a text in the page's language."""
    return _language(context).say(value) if isinstance(value, Text) else value


@jinja2.pass_context
def _join(
    context: jinja2.runtime.Context,
    values: Iterable[Any],
    between: str = "",
    attribute: str | int | None = None,
) -> str:
    """Join as Jinja does, texts in the page's language."""
    if attribute is not None:
        values = map(filters.make_attrgetter(context.environment, attribute), values)
    said: str = filters.do_join(context.eval_ctx, (_said(context, value) for value in values), between)
    return said


@jinja2.pass_context
def _lower(context: jinja2.runtime.Context, value: Any) -> str:
    return filters.do_lower(_said(context, value))


def _timed(word: Callable[[int, int], str]) -> Callable[..., str]:
    @jinja2.pass_context
    def shown(context: jinja2.runtime.Context, at: str | int) -> str:
        return word(wording.instant(at), context["now"])

    return shown


@jinja2.pass_context
def _full_time(context: jinja2.runtime.Context, at: str | int) -> str:
    return wording.full_time(wording.instant(at), context["zone"])


@jinja2.pass_context
def _change_text(context: jinja2.runtime.Context, change: dict[str, Any]) -> str:
    return wording.change_text(change, context["names"])


@jinja2.pass_context
def _markdown(context: jinja2.runtime.Context, text: str, calls: bool = False) -> Markup:
    from servicedesk.media import markdown  # see serving.LATER

    return markdown.render(text, context.get("callable", frozenset()) if calls else frozenset())


def _team_name(team_id: int, names: dict[int, str]) -> str:
    return names.get(team_id, "?")


_FILTERS: dict[str, Callable[..., Any]] = {
    "said": _said,
    "join": _join,
    "lower": _lower,
    "ago": _timed(wording.ago),
    "due": _timed(wording.due),
    "due_long": _timed(wording.due_long),
    "full_time": _full_time,
    "change_text": _change_text,
    "change_icon": wording.change_icon,
    "markdown": _markdown,
    "initials": wording.initials,
    "status_label": wording.status_label,
    "priority_label": wording.priority_label,
    "priority_word": wording.priority_word,
    "role_label": wording.role_label,
    "preset_word": wording.preset_word,
    "factor_word": wording.factor_word,
    "clock_label": wording.clock_label,
    "clock_word": wording.clock_word,
    "priority_said": wording.priority_said,
    "verdict_label": wording.verdict_label,
    "exclusion_label": wording.exclusion_label,
    "decision_text": wording.decision_text,
    "barred_label": wording.barred_label,
    "file_size": wording.file_size,
    "file_icon": wording.file_icon,
    "scan_label": wording.scan_label,
    "duration": wording.duration,
    "percent": wording.percent,
    "team_name": _team_name,
}
