"""Settings shared by every place the product runs; complete in themselves.

`local` and `production` differ in what faces the outside (cookies, e-mail), not in behaviour.
"""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from config.env import ROOT, environment
from config.logging import logging_config

env = environment()

SECRET_KEY = env.secret_key
DEBUG = False
BASE_HOST = env.base_host
BASE_URL = env.base_url
PUBLIC_SCHEME = env.scheme
PORT = env.port
VAR_DIR = env.var_dir
ALLOWED_HOSTS = [env.base_host, f".{env.base_host}", "127.0.0.1"]

# Apps by placement: django-tenants routes migrations by app label, so an app stands wholly in one
# list. Only the six that serve both staff and users stand in both.
_BOTH = [
    "tenants.accounts",
    "tenants.signin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.admin.apps.SimpleAdminConfig",  # its pages load with their addresses
]
SHARED_APPS = [
    # django-unfold, first: its admin templates must be found before those that django-tenants ships
    "config.staffsite.StaffUnfold",
    "django_tenants",
    "tenants.registry",
    *_BOTH,
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "channels",
    "django_htmx",
    "template_partials",
    "billing",
    "bedrock",
    "config",
]
TENANT_APPS = [*_BOTH, "tenants.webhooks", "search", "documents", "assistant"]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]

TENANT_MODEL = "registry.Tenant"
TENANT_DOMAIN_MODEL = "registry.Domain"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
PUBLIC_SCHEMA_URLCONF = "config.urls_public"
ROOT_URLCONF = "config.urls_tenant"
ASGI_APPLICATION = "config.asgi.application"


# Connections of the serving logins; a migration holds one of its own. `tenants.backend` looks
# whether one that it takes is alive, and takes its role off before it goes back.
_POOL = {"min_size": 1, "max_size": 20, "timeout": 5}

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "tenants.backend",
        "NAME": env.database.name,
        "USER": env.database.user,
        "PASSWORD": env.database.password,
        "HOST": env.database.host,
        "PORT": env.database.port,
        "CONN_MAX_AGE": 0,
        # Plans are kept of statements that ask for it (`connection.planned()`), and of no others.
        "OPTIONS": {} if env.login == "owner" else {"pool": _POOL, "prepare_threshold": 5},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["config.staffroles.StaffRoles"]
STAFF_SECOND_FACTOR = env.staff_second_factor or "optional"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = reverse_lazy("home")
PASSWORD_RESET_TIMEOUT = 3600
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Host-only cookies: `__Host-` forbids a Domain attribute, and browsers take it over https alone.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.scheme == "https"
SESSION_COOKIE_NAME = "__Host-session" if SESSION_COOKIE_SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if CSRF_COOKIE_SECURE else "csrf"
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"

REDIS_URL = env.redis_url
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env.redis_url,
        "KEY_FUNCTION": "tenants.cache.tenant_cache_key",
        "KEY_PREFIX": "cache",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "tenants.redis.ChannelLayer",
        "CONFIG": {
            # The time-out must exceed channels_redis' blocking pop of 5 s, or sockets die. A
            # connection that a restart of Redis has cut is opened again, for some eight seconds.
            "hosts": [
                {
                    "address": env.redis_url,
                    "socket_timeout": 20,
                    "retry": Retry(
                        ExponentialBackoff(cap=1, base=0.1), 10, (RedisConnectionError,)
                    ),
                }
            ],
            "capacity": 2000,
            "prefix": "channels",
        },
    }
}

MIDDLEWARE = [
    "config.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "tenants.languages.LanguageMiddleware",
    "tenants.middleware.TenantMiddleware",
    "config.middleware.MaintenanceMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.middleware.SessionTenantMiddleware",
    "config.visiting.VisitMiddleware",
    "tenants.languages.UserLanguageMiddleware",
    "tenants.signin.middleware.SessionSeenMiddleware",
    "tenants.signin.middleware.StaffSecondMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "billing.ratelimits.RateLimitHeaders",
    "tenants.accounts.idempotency.IdempotencyMiddleware",
    "config.errors.RenderErrors",
]
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.workspace",
            ],
            "builtins": ["config.templatetags.icons"],
        },
    }
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = env.static_root
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static.StampedFiles"},
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
# Texts of templates and scripts, then those of the code. The compiled catalogues are kept with
# their sources: nothing has to be compiled where the product is installed.
FORMAT_MODULE_PATH = "config.formats"
LOCALE_PATHS = [ROOT / "config" / "locale", ROOT / "tenants" / "locale"]

# Uploads stream to disk, and a body that is not a file upload stays small.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_HANDLERS = ["documents.uploads.InMemory", "documents.uploads.OnDisk"]
DATA_UPLOAD_MAX_NUMBER_FILES = 200
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # the table of allowances has four fields a member

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.accounts.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "tenants.accounts.permissions.RolePermission",
        "config.parameters.KnownParameters",
        "tenants.accounts.idempotency.OnlyOnce",  # last: a key is claimed by who may do it
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "config.openapi.ContractSchema",
    "EXCEPTION_HANDLER": "config.errors.problem_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "DEFAULT_GENERATOR_CLASS": "config.document.Document",
    "TITLE": "Tenantry API",
    "DESCRIPTION": "Search, ask, chat and write over your workspace's documents.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,  # bodies are closed, answers may grow
}

PG_DUMP = env.pg_dump

AWS_TENANT_ROLE_ARN = env.tenant_role_arn
AWS_APP_PRINCIPAL = env.app_principal
AWS_ENDPOINTS = env.aws_endpoints
AWS_BUCKET_PREFIX = env.bucket_prefix
UPLOADS_DIRECT_FROM = env.uploads_direct_from  # bytes; 0: every file goes through the product
GUARDRAIL_SECONDS = 15.0  # a check that takes longer has failed, and what it was for stays unsent
REGIONS = env.regions
OUTBOUND_PRIVATE = env.outbound_private
DNS_SERVERS = env.dns_servers

DEFAULT_FROM_EMAIL = env.default_from_email
INVOICE_SELLER = env.invoice_seller
PAYMENT_WEBHOOK_SECRET = env.payment_webhook_secret

LOGGING_CONFIG = None
logging_config()

UNFOLD = {
    "SITE_TITLE": "Tenantry staff",
    "SITE_HEADER": "Tenantry",
    "SITE_SUBHEADER": "Staff",
    "SITE_ICON": lambda _request: static("favicon.svg"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("favicon.svg"),
        }
    ],
    "STYLES": [lambda _request: static("billing/staff.css")],
    "SCRIPTS": [lambda _request: static("js/sent.js")],
    "SHOW_HISTORY": True,
    "DASHBOARD_CALLBACK": "config.staffdashboard.dashboard",
    "SHOW_VIEW_ON_SITE": False,
    "LOGIN": {"form": "tenants.accounts.forms.StaffSignInForm"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Your second factor", "link": reverse_lazy("staff-factors")},
            {"title": "Staff roles", "link": reverse_lazy("staff-roles")},
        ]
    },
    # The product's greys, as static/css/tokens.css has them, and its accent, #2b50d4, in steps.
    "COLORS": {
        "base": {
            "50": "250 250 250",
            "100": "244 244 245",
            "200": "230 230 233",
            "300": "210 210 215",
            "400": "154 156 165",
            "500": "101 103 111",
            "600": "75 77 85",
            "700": "56 59 66",
            "800": "38 40 45",
            "900": "18 19 22",
            "950": "11 12 14",
        },
        "primary": {
            "50": "239 243 255",
            "100": "224 231 255",
            "200": "196 208 253",
            "300": "157 176 248",
            "400": "110 137 240",
            "500": "70 102 226",
            "600": "43 80 212",
            "700": "35 65 175",
            "800": "31 55 143",
            "900": "29 48 116",
            "950": "18 29 71",
        },
    },
}
