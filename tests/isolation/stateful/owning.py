"""What only the owner's login may do to the passing workspace, in a process of its own."""


def main(what: str, slug: str) -> None:
    """Make the workspace `slug`, or erase it and see that nothing is left."""
    from django.core.management import call_command

    from tenants.lifecycle.onboarding import tenant_create
    from tests.isolation.stateful.model import GISELA
    from tests.support.cast import PASSWORD

    if what == "erase":
        call_command("offboard_workspace", slug, "--now")
        call_command("offboard_workspace", slug, "--check")
        return
    tenant_create(
        slug=slug,
        name="Guest Works",
        host=GISELA.host,
        owner_email=GISELA.email,
        owner_password=PASSWORD,
        owner_name=GISELA.name,
        plan="enterprise",
    )
