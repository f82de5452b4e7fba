"""What people call AWS's Regions, and which of them new workspaces may choose."""

from typing import Final

from django.conf import settings

# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
NAMES: Final = {
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "ca-central-1": "Canada (Central)",
    "eu-central-1": "Europe (Frankfurt)",
    "eu-north-1": "Europe (Stockholm)",
    "eu-west-1": "Europe (Ireland)",
    "eu-west-2": "Europe (London)",
    "eu-west-3": "Europe (Paris)",
    "sa-east-1": "South America (São Paulo)",
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-2": "US West (Oregon)",
}


def region_choices() -> list[tuple[str, str]]:
    """Return the Regions of this deployment, as a form offers them."""
    return [(region, f"{NAMES.get(region, region)} · {region}") for region in settings.REGIONS]
