"""Staff's lists call plans, features, postures and what was done to by their names."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import unfold
from django.utils.html import escape
from lxml import html

from bedrock.models import InferenceProfile, KnowledgePool, Model
from tenants.accounts.audit import audit_write
from tenants.accounts.models import User
from tenants.context import SYSTEM, public_scope
from tenants.registry.forms import SignUpForm
from tenants.registry.models import Tenant
from tests.support.cast import ALICE
from tests.support.clients import staff_client, tenant_of

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parents[2]
DRAWN_BAR = (
    " {% if cl.model_admin.list_horizontal_scrollbar_top %}simplebar-horizontal-scrollbar-top"
    '{% endif %}" data-simplebar data-simplebar-auto-hide="false">'
)


def test_lists_and_filters_name_codes_and_labels_are_as_they_are_spelt() -> None:
    page = staff_client().get("/admin/registry/tenant/").content.decode()
    assert 'data-label="Spend and cap"' in page and 'data-label="Slug"' in page
    assert "Workspaces" in page and "Tenants" not in page
    row = page.partition(">acme</a>")[2].partition("</tr>")[0]
    assert ">Growth<" in row and ">growth<" not in row
    page = staff_client().get("/admin/bedrock/tier/").content.decode()
    assert "Growth" in page and ">growth<" not in page
    page = staff_client().get("/admin/bedrock/routepolicy/").content.decode()
    assert "Assistant" in page and "Every plan" in page
    prices = "/admin/billing/price/?q=amazon.bedrock-guardrails"
    page = staff_client().get(prices).content.decode()
    assert '<span title="amazon.bedrock-guardrails">Bedrock Guardrails</span>' in page
    assert '<span title="guardrail_pii_units">Guardrail PII units</span>' in page
    assert "guardrail pii units" not in page, "not even in the filter"
    page = staff_client().get("/admin/billing/price/add/").content.decode()
    assert '<option value="guardrail_pii_units">Guardrail PII units</option>' in page


def test_the_audit_says_who_did_what_to_whom_with_links_for_those_who_may_see_them() -> None:
    acme = tenant_of(ALICE)
    with public_scope("staff"):
        audit_write(SYSTEM, action="workspace.suspend", object_type="workspace", object_id=acme.id)
        audit_write(SYSTEM, action="workspace.relocation", object_id=acme.id)
        audit_write(SYSTEM, action="fee.import", object_type="fee", object_id="7 lines")
    client = staff_client()
    page = client.get("/admin/accounts/auditevent/").content.decode()
    link = f'href="/admin/registry/tenant/{acme.id}/change/">{acme.slug}</a>'
    assert page.count(link) == 2 and "Workspace: <a" in page and "Fee 7 lines" in page
    assert "Suspended the workspace" in page


def test_a_heading_spells_a_colleague_as_the_address_is() -> None:
    client = staff_client()
    page = client.get("/admin/accounts/user/?q=support").content.decode()
    address = page.partition("support@tenantry.example</a>")[0].rpartition('href="')[2]
    page = client.get(address.partition('"')[0].partition("?")[0]).content.decode()
    head = page.partition('id="header-inner"')[2].partition("</h1>")[0]
    assert "support@tenantry.example" in head and "Support@" not in head


def test_no_name_is_a_tag_in_a_list_or_heading_or_turns_the_line_around() -> None:
    spelt, kept = "\u202e<b>Bold</b>\u200b & S\u00f6hne", "<b>Bold</b> & S\u00f6hne"
    client = staff_client()
    with public_scope("staff"):
        Tenant.objects.update(name=kept)
        audit_write(SYSTEM, action="fee.import", object_type="fee", object_id=kept)
        colleague = User.objects.get(email="support@tenantry.example")
        Model.objects.filter(pk="cohere.embed-v4:0").update(name=kept)
    form = {"email": colleague.email, "name": spelt, "staff_role": "support"}
    assert client.post(f"/admin/accounts/user/{colleague.pk}/change/", form).status_code == 302
    for address in (
        "registry/tenant/", "bedrock/inferenceprofile/", "accounts/auditevent/", "accounts/user/",
        "bedrock/model/cohere.embed-v4:0/change/",
    ):  # fmt: skip
        page = client.get(f"/admin/{address}").content.decode()
        assert escape(kept) in page, address
        assert "<b>Bold" not in page and "\u202e" not in page and "\u200b" not in page, address
    asked = SignUpForm({"name": spelt})
    asked.full_clean()
    assert asked.cleaned_data["name"] == kept


def test_figures_stand_below_each_other_with_their_thousands_apart() -> None:
    with public_scope("staff"):
        KnowledgePool.objects.filter(quota__lt=10_000).update(quota=300_000)
    page = html.fromstring(staff_client().get("/admin/bedrock/knowledgepool/").content.decode())
    figures = [
        (each.tag, " ".join(each.text_content().split()))
        for each in page.xpath("//*[contains(@class, 'column-quota') or @data-label='Quota']")
        if "figure" in each.get("class").split()
    ]
    assert figures == [("th", "Quota"), ("td", "300,000"), ("td", "10,000")]
    assert not page.xpath("//*[@data-label='Kind' and contains(@class, 'figure')]")
    prices = html.fromstring(staff_client().get("/admin/billing/price/").content.decode())
    costs = prices.xpath("//td[@data-label='USD']")
    assert costs and all("figure" in each.get("class").split() for each in costs)


def test_an_inference_profile_says_since_when_it_serves_no_more() -> None:
    with public_scope("staff"):
        InferenceProfile.objects.update(retired_at=datetime(2026, 11, 3, tzinfo=UTC))
    page = staff_client().get("/admin/bedrock/inferenceprofile/").content.decode()
    assert "as it should be, retired 3 Nov 2026" in page


def test_the_templates_that_replace_unfolds_differ_in_spelling_figures_and_the_bar_alone() -> None:
    """A drawn bar below a table has the browser style the whole page five times over."""
    theirs = Path(unfold.__file__).parent / "templates"
    rows = (theirs / "admin/change_list_results.html").read_text()
    ours = (ROOT / "templates/admin/change_list_results.html").read_text()
    heads = "{% include 'unfold/helpers/change_list_headers.html' %}"
    for found, our in (
        ("{{ item }}\n", "{{ item|labelled|figured:cl }}\n"),
        (heads, f"{{% filter figured:cl %}}{heads}{{% endfilter %}}"),
        ("admin_urls i18n unfold", "admin_urls i18n staffwords unfold"),
        (DRAWN_BAR, '">'),
    ):
        rows = rows.replace(found, our)
    assert ours == rows
    head = (theirs / "unfold/helpers/header_title.html").read_text()
    ours = (ROOT / "templates/unfold/helpers/header_title.html").read_text()
    assert ours == "{% load staffwords %}\n" + head.replace("title|capfirst", "title|headed")
