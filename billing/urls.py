from django.urls import path

from billing import api, limitapi, limitviews, views
from billing.alerts import api as alert_api
from billing.alerts import views as alert_views
from billing.invoices import api as invoice_api
from billing.invoices import views as invoice_views
from billing.plans import api as plan_api
from billing.plans import views as plan_views

html_urlpatterns = [
    path("usage/", views.usage_page, name="usage"),
    path("usage/meters/", views.usage_meters, name="usage_meters"),
    path("usage/meter/", views.usage_meter, name="usage_meter"),
    path("usage/plans/", plan_views.plans_page, name="usage_plans"),
    path("usage/plans/keep/", plan_views.plan_keep_action, name="plan_keep"),
    path("usage/plans/<slug:plan>/", plan_views.plan_page, name="plan_change"),
    path("usage/prices/", views.prices_page, name="usage_prices"),
    path("usage/invoices/", invoice_views.invoices_page, name="invoices"),
    path("usage/invoices/details/", invoice_views.account_action, name="billing_account"),
    path("usage/invoices/<uuid:invoice_id>/", invoice_views.invoice_page, name="invoice"),
    path(
        "usage/invoices/<uuid:invoice_id>/pdf/", invoice_views.invoice_pdf_file, name="invoice_pdf"
    ),
    path(
        "usage/invoices/<uuid:invoice_id>/csv/", invoice_views.invoice_csv_file, name="invoice_csv"
    ),
    path(
        "usage/invoices/<uuid:invoice_id>/lines/<uuid:line_id>/",
        invoice_views.line_page,
        name="invoice_line",
    ),
    path("usage/limits/", limitviews.limits_page, name="usage_limits"),
    path("usage/alerts/", alert_views.alerts_page, name="usage_alerts"),
    path("usage/alerts/read/", alert_views.alerts_read_action, name="usage_alerts_read"),
    path("usage/requests/", limitviews.requests_page, name="usage_requests"),
    path("usage/requests/<uuid:request_id>/", limitviews.request_page, name="usage_request"),
    path("usage/export/", limitviews.usage_export, name="usage_export"),
]

api_urlpatterns = [
    path("usage/", api.UsageView.as_view(), name="api_usage"),
    path("plans/", plan_api.PlansView.as_view(), name="api_plans"),
    path("plans/next/", plan_api.PlanNextView.as_view(), name="api_plan_next"),
    path("plans/<slug:plan>/effect/", plan_api.PlanEffectView.as_view(), name="api_plan_effect"),
    path("plans/<slug:plan>/choose/", plan_api.PlanChoiceView.as_view(), name="api_plan_choose"),
    path("invoices/", invoice_api.InvoicesView.as_view(), name="api_invoices"),
    path("invoices/<uuid:invoice_id>/", invoice_api.InvoiceView.as_view(), name="api_invoice"),
    path(
        "invoices/<uuid:invoice_id>/pdf/",
        invoice_api.InvoicePdfView.as_view(),
        name="api_invoice_pdf",
    ),
    path(
        "invoices/<uuid:invoice_id>/lines/<uuid:line_id>/",
        invoice_api.InvoiceLineView.as_view(),
        name="api_invoice_line",
    ),
    path("usage/series/", limitapi.SeriesView.as_view(), name="api_usage_series"),
    path("usage/limits/", limitapi.LimitsView.as_view(), name="api_usage_limits"),
    path("usage/cap/", limitapi.CapView.as_view(), name="api_usage_cap"),
    path("usage/budget/", limitapi.BudgetView.as_view(), name="api_usage_budget"),
    path("usage/alerts/", alert_api.AlertsView.as_view(), name="api_usage_alerts"),
    path("usage/alerts/read/", alert_api.AlertsReadView.as_view(), name="api_usage_alerts_read"),
    path("usage/allowances/", limitapi.AllowanceView.as_view(), name="api_usage_allowances"),
]
