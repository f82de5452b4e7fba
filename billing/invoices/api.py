"""REST: invoices, their lines, and the requests behind a line."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from billing.invoices.models import Invoice
from billing.invoices.selectors import (
    HIDDEN,
    invoice_of,
    line_of,
    line_requests,
    request_entries,
)
from billing.invoices.views import pdf_answer
from tenants.context import current


class LineSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    text = serializers.CharField()
    plan = serializers.CharField()
    metric = serializers.CharField()
    model = serializers.CharField()
    quantity = serializers.CharField()
    detail = serializers.DictField(help_text="What the amount was computed from.")
    usd = serializers.CharField()


class InvoiceSerializer(serializers.Serializer[Any]):
    """An invoice; amounts are USD as text, to the cent."""

    id = serializers.UUIDField()
    number = serializers.CharField(source="name")
    period = serializers.DateField(help_text="First day of the month.")
    state = serializers.CharField()
    currency = serializers.CharField()
    subtotal = serializers.CharField()
    credits = serializers.CharField()
    tax_label = serializers.CharField()
    tax_percent = serializers.CharField()
    tax = serializers.CharField()
    total = serializers.CharField()
    issued_at = serializers.DateTimeField()
    due_on = serializers.DateField()
    paid_at = serializers.DateTimeField(allow_null=True)


class WholeInvoiceSerializer(InvoiceSerializer):
    bill_to = serializers.DictField()
    seller = serializers.CharField()
    lines = LineSerializer(many=True)


class EntrySerializer(serializers.Serializer[Any]):
    """A ledger entry and the price row that it was priced by."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    attempt = serializers.IntegerField()
    unit = serializers.CharField()
    quantity = serializers.IntegerField()
    kind = serializers.CharField()
    estimated = serializers.BooleanField()
    model = serializers.CharField()
    route = serializers.CharField()
    price_id = serializers.IntegerField(allow_null=True)
    price_usd = serializers.CharField(allow_null=True)
    price_per = serializers.IntegerField(allow_null=True)
    price_from = serializers.DateField(allow_null=True)
    usd = serializers.CharField(allow_null=True)


class RequestShareSerializer(serializers.Serializer[Any]):
    request_id = serializers.UUIDField()
    at = serializers.DateTimeField()
    feature = serializers.CharField()
    user_id = serializers.UUIDField(allow_null=True)
    quantity = serializers.IntegerField()
    usd = serializers.CharField()
    entries = EntrySerializer(many=True)


class LineRequestsSerializer(serializers.Serializer[Any]):
    """`next` is the value of `after` that goes on; empty at the end."""

    line = LineSerializer()
    results = RequestShareSerializer(many=True)
    next = serializers.CharField(allow_blank=True)


Pages: Any = api_settings.DEFAULT_PAGINATION_CLASS


class ByPeriod(Pages):
    """Every list's cursor, over months."""

    ordering = ("-period", "-id")


class InvoicesView(ListAPIView[Invoice]):
    """The workspace's invoices, newest first."""

    roles: ClassVar = {"GET": "owner"}
    serializer_class = InvoiceSerializer
    pagination_class = ByPeriod

    def get_queryset(self) -> Any:
        return Invoice.objects.filter(tenant_id=current().id).exclude(state__in=HIDDEN)


class InvoiceView(APIView):
    """One invoice."""

    roles: ClassVar = {"GET": "owner"}

    @extend_schema(operation_id="invoice", responses=WholeInvoiceSerializer)
    def get(self, request: Request, invoice_id: UUID) -> Response:
        """The invoice with its lines."""
        return Response(WholeInvoiceSerializer(invoice_of(invoice_id)).data)


class InvoicePdfView(APIView):
    """One invoice as a document."""

    roles: ClassVar = {"GET": "owner"}

    @extend_schema(operation_id="invoice_pdf",
                   responses={(200, "application/pdf"): OpenApiTypes.BINARY})  # fmt: skip
    def get(self, request: Request, invoice_id: UUID) -> Any:
        """The PDF that was sent."""
        return pdf_answer(invoice_of(invoice_id))


class InvoiceLineView(APIView):
    """What stands behind a line."""

    roles: ClassVar = {"GET": "owner"}

    @extend_schema(
        operation_id="invoice_line",
        parameters=[OpenApiParameter("after", str, description="`next` of the answer before.")],
        responses=LineRequestsSerializer,
    )
    def get(self, request: Request, invoice_id: UUID, line_id: UUID) -> Response:
        """Requests of the line, ten at a time, each with its ledger entries and price rows."""
        invoice = invoice_of(invoice_id)
        line = line_of(invoice, line_id)
        after = request.query_params.get("after", "")
        rows, more = line_requests(invoice, line, after=after, limit=10)
        shown = [
            {
                **{name: getattr(row, name) for name in
                   ("request_id", "at", "feature", "user_id", "quantity", "usd")},
                "entries": request_entries(invoice, row.request_id),
            }
            for row in rows
        ]  # fmt: skip
        return Response(LineRequestsSerializer({"line": line, "results": shown, "next": more}).data)
