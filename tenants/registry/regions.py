"""What people call AWS's Regions, and which of them new workspaces may choose."""

from typing import Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _

# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
NAMES: Final = {
    "ap-northeast-1": _("Asia Pacific (Tokyo)"),
    "ap-south-1": _("Asia Pacific (Mumbai)"),
    "ap-southeast-1": _("Asia Pacific (Singapore)"),
    "ap-southeast-2": _("Asia Pacific (Sydney)"),
    "ca-central-1": _("Canada (Central)"),
    "eu-central-1": _("Europe (Frankfurt)"),
    "eu-north-1": _("Europe (Stockholm)"),
    "eu-west-1": _("Europe (Ireland)"),
    "eu-west-2": _("Europe (London)"),
    "eu-west-3": _("Europe (Paris)"),
    "sa-east-1": _("South America (São Paulo)"),
    "us-east-1": _("US East (N. Virginia)"),
    "us-east-2": _("US East (Ohio)"),
    "us-west-2": _("US West (Oregon)"),
}


def region_choices() -> list[tuple[str, str]]:
    """Return the Regions of this deployment, as a form offers them."""
    return [(region, f"{NAMES.get(region, region)} · {region}") for region in settings.REGIONS]
