"""What one chooses in Write reaches the model: template, length, tone, language."""

from playwright.sync_api import Page, expect

from bedrock.models import Model
from tenants.context import public_scope
from tests.assistant.talking import Server
from tests.assistant.test_browser import sign_in
from tests.support.cast import MAX
from tests.support.localaws import LocalAws

STREAM = {"operation": "ConverseStream"}
LETTER = "Hi, the parcel is late. We send another one."
POLITE = "Sehr geehrte Frau Weber, Ihr Paket kommt später. Wir senden Ihnen ein neues."


def test_template_length_tone_and_language_are_what_the_model_is_told(
    server: Server, page: Page, localaws: LocalAws
) -> None:
    with public_scope("staff"):
        Model.objects.update(supports_tone=True, supports_translate=True)
    sign_in(page, server, MAX, "/write/?task=rewrite")
    localaws.script(text=POLITE, match=STREAM)
    page.get_by_label("Text", exact=True).fill(LETTER)
    page.get_by_label("Length").select_option(label="Shorter")
    page.get_by_label("Tone").select_option(label="Formal")
    page.locator("#language").select_option("Translate it into German.")
    page.get_by_label("Instructions").fill("Address Ms Weber.")
    page.get_by_role("button", name="Rewrite").click()
    expect(page.locator("[data-write-text]")).to_contain_text("Sehr geehrte Frau Weber")
    told = str(localaws.requests("ConverseStream")[-1])
    chosen = (
        "Make it shorter and more concise. Use a formal tone. Translate it into German."
        " Address Ms Weber."
    )
    assert chosen in told
    assert LETTER in told
    page.get_by_role("link", name="Versions").click()
    expect(page.locator("main")).to_contain_text("Sehr geehrte Frau Weber")
    page.goto(f"http://{server.host(MAX)}/write/?task=draft")
    page.get_by_label("Template").select_option(index=1)
    expect(page.get_by_label("What to draft")).not_to_have_value("")
    template = page.get_by_label("What to draft").input_value()
    localaws.script(text="Drafted.", match=STREAM)
    page.get_by_label("Tone").select_option(label="Friendly")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-write-text]")).to_contain_text("Drafted.")
    told = str(localaws.requests("ConverseStream")[-1])
    assert "Use a friendly tone." in told
    assert template.split("\n")[0] in told
