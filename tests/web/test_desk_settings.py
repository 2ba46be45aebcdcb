"""The desk's own settings, and what it was started with."""

import pytest

from servicedesk import app as application
from servicedesk import settings as loading
from servicedesk.desk import setup
from servicedesk.domain.people import Role
from servicedesk.web.keys import SOURCES
from tests.served import Client, Desk
from tests.web.guests import Guest
from tests.web.test_people_pages import sent

HERE = "/settings/desk"
FIELDS = {"desk_name": "Acme help", "time_zone": "Europe/Berlin"}


async def text(client: Client, path: str = HERE) -> str:
    answer = await client.get(path)
    assert answer.status == 200, answer.body
    return str(answer.body.decode())


async def test_an_admin_names_the_desk_and_sets_its_zone(desk: Desk) -> None:
    admin = await desk.admin()

    done = await sent(admin, HERE, **FIELDS, public_form="on")

    assert (done.status, done.headers["Location"]) == (303, f"{HERE}?done=saved")
    page = await text(admin, f"{HERE}?done=saved")
    assert "Saved." in page
    assert 'value="Acme help"' in page
    assert 'value="Europe/Berlin"' in page
    assert 'name="public_form" value="on" checked' in page
    assert desk.db.peek(setup.public_form)
    assert "<title>Log in · Acme help" in await text(Guest(desk), "/login")


async def test_the_public_form_is_closed_until_somebody_opens_it(desk: Desk) -> None:
    admin = await desk.admin()
    assert not desk.db.peek(setup.public_form)

    await sent(admin, HERE, **FIELDS, public_form="on")
    await sent(admin, HERE, **FIELDS)

    assert not desk.db.peek(setup.public_form)
    assert 'name="public_form" value="on">' in await text(admin)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"desk_name": " "}, "Must not be blank"),
        ({"desk_name": "x" * 81}, "desk_name-hint"),
        ({"desk_name": "a\tb"}, "Must not contain line breaks"),
        ({"time_zone": "Mars/Base"}, "Is no time zone like Europe/Berlin"),
        ({"time_zone": "../../etc/passwd"}, "Is no time zone like Europe/Berlin"),
        ({"time_zone": ""}, "Is no time zone like Europe/Berlin"),
        ({"time_zone": "x" * 65}, "time_zone-hint"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_saved(
    desk: Desk, fields: dict[str, str], wrong: str
) -> None:
    admin = await desk.admin()

    answer = await sent(admin, HERE, **(FIELDS | fields))

    page = answer.body.decode()
    assert answer.status == 422
    assert wrong in page
    assert page.count('aria-invalid="true"') == 1
    assert desk.db.peek(setup.facts) == setup.Facts(
        desk_name="Service desk", time_zone="UTC", public_form=False
    )


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.CUSTOMER])
async def test_nobody_but_admins_sees_or_sets_it(desk: Desk, role: Role) -> None:
    somebody = await desk.person(role)

    assert (await somebody.get(HERE)).status == 403
    assert (await sent(somebody, HERE, **FIELDS)).status == 403
    assert desk.db.peek(setup.desk_name) == "Service desk"
    assert (await Guest(desk).get(HERE)).status == 303


async def test_staff_find_the_pages_of_the_desk_and_admins_find_more(desk: Desk) -> None:
    for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMIN):
        page = await text(await desk.person(role), "/settings/all")
        found = [
            each for each in ("/people", "/settings/sla", "/settings/macros") if f'href="{each}"' in page
        ]
        assert len(found) == 3
        admins = [HERE, "/settings/sessions", "/settings/audit", "/settings/status"]
        assert [f'href="{each}"' in page for each in admins] == [role is Role.ADMIN] * len(admins)
    assert (await (await desk.customer()).get("/settings/all")).status == 403


async def test_what_the_program_set_is_shown_and_secrets_are_not(desk: Desk) -> None:
    page = await text(await desk.admin())

    assert desk.settings.secret_key not in page
    assert loading.MASK in page
    assert str(desk.settings.data_dir) in page
    assert page.count("set by the program") == len(loading.Settings.__struct_fields__)


async def test_each_value_says_where_it_came_from(desk: Desk) -> None:
    folder = desk.settings.data_dir
    (folder / "servicedesk.toml").write_text('log_level = "warning"\n')
    flags = {"data_dir": str(folder), "port": "8081"}
    environ = {"SERVICEDESK_PUBLIC_URL": "https://desk.example.org", "SERVICEDESK_SECRET_KEY": "s" * 40}

    loaded = loading.load(flags, environ)
    desk.app._state[SOURCES] = application.build(loaded.settings, sources=loaded.sources)[SOURCES]
    page = await text(await desk.admin())

    for name, source in (
        ("port", "flag --port"),
        ("public_url", "environment SERVICEDESK_PUBLIC_URL"),
        ("log_level", "servicedesk.toml"),
        ("secret_key", "environment SERVICEDESK_SECRET_KEY"),
        ("session_days", "default"),
    ):
        row = page.split(f"<code>{name}</code>")[1].split("</tr>")[0]
        assert f">{source}</td>" in row
