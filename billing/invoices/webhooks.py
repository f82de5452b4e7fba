"""The payment provider's door on the public host."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from billing.invoices.payments import payment_receive


@csrf_exempt  # signed instead: no browser sends it
def payments_webhook(request: HttpRequest) -> HttpResponse:
    """Take a signed message; answer 200 to one that was taken before too, so that it rests."""
    if request.method != "POST":
        return JsonResponse({"accepts": "signed payment events, by POST"})
    fresh = payment_receive(header=request.headers.get("Tenantry-Signature", ""), body=request.body)
    return JsonResponse({"received": True, "new": fresh})
