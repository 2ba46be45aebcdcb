"""Why this agent: who was considered, who was not and why, and the points, as the API has them."""

from playwright.async_api import expect

from servicedesk.web import wording
from tests.browser.windows import Windows, on_every_screen, press, show_details
from tests.served import Desk

pytestmark = on_every_screen


async def test_the_panel_says_of_everybody_what_the_api_says(desk: Desk, windows: Windows) -> None:
    mara, yuki = await desk.agent(name="Mara Lind", skills=("vpn",)), await desk.agent(name="Yuki Tanaka")
    await desk.agent(name="Ann Away", skills=("vpn",), availability="away")
    busy = await desk.agent(name="Ben Busy", skills=("vpn",))
    await desk.team("Support", mara, yuki, busy)
    for n in range(2):
        await busy.ticket(f"Old {n}", assigned_to=busy.id)
    ticket = await mara.ticket("No tunnel", required_skills=["vpn"])
    path = f"/tickets/{ticket['id']}"
    made = (await mara.get(f"/api{path}/assignment")).body["items"][-1]
    able = [each for each in made["candidates"] if each["eligible"]]
    excluded = [each for each in made["candidates"] if not each["eligible"]]
    assert {each["agent"]["name"] for each in able} == {"Mara Lind", "Ben Busy"}
    assert {each["agent"]["name"] for each in excluded} == {"Yuki Tanaka", "Ann Away"}
    page = await windows.open(mara, path)

    await show_details(page)
    await press(page.get_by_text("Why this agent?"))

    await expect(page.locator(".why-row")).to_have_count(len(made["candidates"]))
    await expect(page.locator(".why-row.is-winner .name")).to_have_text(made["winner"]["name"])
    for each in made["candidates"]:
        row = page.locator(".why-row").filter(has_text=each["agent"]["name"])
        if each["eligible"]:
            points = [f"{f['name'].replace('_', ' ')} {f['points']:.2f}" for f in each["factors"]]
            await expect(row.locator(".points")).to_have_text(f"{each['score']:.2f}")
            await expect(row.locator(".small-print")).to_have_text(" · ".join(points))
        else:
            reasons = ", ".join(wording.exclusion_label(code) for code in each["excluded_by"])
            await expect(row.locator(".small-print")).to_have_text(reasons)
