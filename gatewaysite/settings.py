"""Every setting of the gateway, read from the environment once, each with its default and a line of why.

No other module reads the environment (a lint rule keeps it), and a test holds `.env.example` to the names read here.
What that says of each is what people read: the settings page shows it too.
"""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from gatewaysite.db.options import pool_options
from gatewaysite.environment import env
from gatewaysite.mailers import mailers_of
from gatewaysite.rates import setting_of

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Identity of this installation -------------------------------------------------------------------------------

# Signs sessions, CSRF tokens and list cursors. `make run` keeps a generated one in DATA_DIR.
SECRET_KEY = env.str("SECRET_KEY")
# Encrypts upstream credentials at rest. Several, comma separated: the first encrypts, all decrypt.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS", default=[SECRET_KEY])
# Where people and clients reach the gateway; links and server URLs are built from it, never from a Host header.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
# Host names answered to. Every other Host is refused with 400.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
# Shows tracebacks in the browser; never on in production.
DEBUG = env.bool("DEBUG", default=False)
# Local state of `make run`: the embedded PostgreSQL, the generated secret key.
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data")))

# Where the workers of one machine or container tell each other how they stand; a memory file system will do.
RUN_DIR = Path(env.str("RUN_DIR", default=str(DATA_DIR / "run")))

# --- The first administrator, made by `manage.py gateway bootstrap` -------------------------------------------------

ADMIN_EMAIL = env.str("ADMIN_EMAIL", default="admin@example.com")
# Unset: one is generated and printed once.
ADMIN_PASSWORD = env.str("ADMIN_PASSWORD", default="")
# An administrator's API token with exactly this secret exists; at least 32 characters.
GATEWAY_BOOTSTRAP_TOKEN = env.str("GATEWAY_BOOTSTRAP_TOKEN", default="")

# Who needs a second factor to go on after logging in: nobody, administrators, everybody.
REQUIRE_SECOND_FACTOR = env.str("REQUIRE_SECOND_FACTOR", default="nobody")
if REQUIRE_SECOND_FACTOR not in ("nobody", "administrators", "everybody"):
    raise ImproperlyConfigured(
        f"REQUIRE_SECOND_FACTOR is nobody, administrators or everybody, not {REQUIRE_SECOND_FACTOR!r}"
    )

# --- Database doorway ----------------------------------------------------------------------------------------------

# Connections one worker process may hold in its pool; up to 5 more are outside it:
# workers x replicas x (DB_POOL_MAX + 5) <= 0.8 x max_connections.
DB_POOL_MIN = env.int("DB_POOL_MIN", default=2)
DB_POOL_MAX = env.int("DB_POOL_MAX", default=10)
# Seconds to wait for a connection, and how many may wait, before the answer is 503 `db_pool_full`.
DB_POOL_TIMEOUT = env.float("DB_POOL_TIMEOUT", default=5.0)
DB_POOL_MAX_WAITING = env.int("DB_POOL_MAX_WAITING", default=50)
# Seconds after which a connection is replaced, and after which an unused one above the minimum is closed.
DB_POOL_MAX_LIFETIME = env.float("DB_POOL_MAX_LIFETIME", default=1800.0)
DB_POOL_MAX_IDLE = env.float("DB_POOL_MAX_IDLE", default=300.0)
# Belts set on every connection, in seconds; any hit is an alarm.
DB_IDLE_IN_TRANSACTION_SESSION_TIMEOUT = env.float("DB_IDLE_IN_TRANSACTION_SESSION_TIMEOUT", default=5.0)
DB_STATEMENT_TIMEOUT = env.float("DB_STATEMENT_TIMEOUT", default=15.0)
DB_LOCK_TIMEOUT = env.float("DB_LOCK_TIMEOUT", default=2.0)
# Lets PostgreSQL keep the plans of the lists. false behind a PgBouncer before 1.21 in transaction mode.
DB_PREPARED_STATEMENTS = env.bool("DB_PREPARED_STATEMENTS", default=True)

# A request that uses the database while it renders, streams or waits for an upstream, or holds a connection meanwhile:
# raise (it fails), count (it goes on; log and metrics tell), off.
GUARD_MODE = env.str("GUARD_MODE", default="raise" if DEBUG else "count")
if GUARD_MODE not in ("off", "count", "raise"):
    raise ImproperlyConfigured(f"GUARD_MODE is off, count or raise, not {GUARD_MODE!r}")

DATABASE = env.db_url("DATABASE_URL")

DATABASES = {
    "default": DATABASE
    | {
        "ENGINE": "gatewaysite.db.handback",
        "CONN_MAX_AGE": 0,  # Django's pool insists on it
        # What the URL asks for (sslmode, or host for a Unix socket) and what we ask for.
        "OPTIONS": DATABASE.get("OPTIONS", {})
        | pool_options(
            min_size=DB_POOL_MIN,
            max_size=DB_POOL_MAX,
            timeout_s=DB_POOL_TIMEOUT,
            max_waiting=DB_POOL_MAX_WAITING,
            max_lifetime_s=DB_POOL_MAX_LIFETIME,
            max_idle_s=DB_POOL_MAX_IDLE,
            idle_in_transaction_timeout_s=DB_IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            statement_timeout_s=DB_STATEMENT_TIMEOUT,
            lock_timeout_s=DB_LOCK_TIMEOUT,
            prepare_statements=DB_PREPARED_STATEMENTS,
        ),
    }
}
# For LISTEN and the job worker, which need a session: past a PgBouncer in transaction mode.
DATABASE_DIRECT_URL = env.str("DATABASE_DIRECT_URL", default=env.str("DATABASE_URL"))

# --- Rate limits ----------------------------------------------------------------------------------------------------

# How many requests each of them may make, where its own row says nothing else: 100/minute, or 10/second; 5000/hour.
RATE_LIMIT_TOKEN = setting_of("RATE_LIMIT_TOKEN", env.str("RATE_LIMIT_TOKEN", default=""))
RATE_LIMIT_TEAM = setting_of(
    "RATE_LIMIT_TEAM", env.str("RATE_LIMIT_TEAM", default="")
)  # its people together; who is in no team, or in many, by themselves
RATE_LIMIT_ROUTE = setting_of(
    "RATE_LIMIT_ROUTE", env.str("RATE_LIMIT_ROUTE", default="")
)  # everybody's through one proxy route
RATE_LIMIT_UPSTREAM = setting_of(
    "RATE_LIMIT_UPSTREAM", env.str("RATE_LIMIT_UPSTREAM", default="")
)  # everybody's calls to one gateway's upstream
# Where the requests of all processes are counted: redis://... (Redis or Valkey). Empty: in PostgreSQL.
CACHE_URL = env.str("CACHE_URL", default="")
# What else all processes must know for a while: failed log-ins, mails that were sent, codes of OAuth.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    # Past so many it forgets some that still count, and by itself it would do so past 300.
    else {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

# --- OAuth ----------------------------------------------------------------------------------------------------------

# Clients that no administrator has entered may register, or be described by a document; people still decide.
OAUTH_REGISTRATION = env.bool("OAUTH_REGISTRATION", default=True)
# Web pages that may call the MCP endpoints, beside our own: https://inspector.example.com
ALLOWED_ORIGINS = env.list("ALLOWED_ORIGINS", default=[])

# --- Upstream doorway ----------------------------------------------------------------------------------------------

# false: no connection is kept for the next call, for comparison and roll-out only. All bounds hold all the same.
HTTP_POOL_ENABLED = env.bool("HTTP_POOL_ENABLED", default=True)
# Calls at one time in one worker process: to all upstreams, and to one of them (0: as many as to all). A gateway may
# have limits and time-outs of its own in its row.
HTTP_MAX_CONNECTIONS = env.int("HTTP_MAX_CONNECTIONS", default=100)
HTTP_MAX_CONNECTIONS_PER_UPSTREAM = env.int("HTTP_MAX_CONNECTIONS_PER_UPSTREAM", default=25)
# Percent of either that one team or person may have, so that the others always find something.
HTTP_MAX_SHARE_PERCENT = env.int("HTTP_MAX_SHARE_PERCENT", default=80)
# How many calls may wait for their turn before the answer is 503 `upstream_pool_full`: all, and of one upstream.
HTTP_MAX_PENDING = env.int("HTTP_MAX_PENDING", default=200)
HTTP_MAX_PENDING_PER_UPSTREAM = env.int("HTTP_MAX_PENDING_PER_UPSTREAM", default=50)
HTTP_MAX_KEEPALIVE_CONNECTIONS = env.int("HTTP_MAX_KEEPALIVE_CONNECTIONS", default=20)
HTTP_KEEPALIVE_EXPIRY = env.float("HTTP_KEEPALIVE_EXPIRY", default=300.0)
# Seconds after which a connection is not used again, so that moved names and new certificates are noticed; 0: never.
HTTP_CONNECTION_LIFETIME = env.float("HTTP_CONNECTION_LIFETIME", default=1800.0)
HTTP_CONNECT_TIMEOUT = env.float("HTTP_CONNECT_TIMEOUT", default=10.0)
HTTP_READ_TIMEOUT = env.float("HTTP_READ_TIMEOUT", default=30.0)
HTTP_WRITE_TIMEOUT = env.float("HTTP_WRITE_TIMEOUT", default=10.0)
HTTP_POOL_TIMEOUT = env.float("HTTP_POOL_TIMEOUT", default=5.0)
# Silence allowed inside a stream of events once it has begun, and how long such a stream may last.
HTTP_STREAM_IDLE_TIMEOUT = env.float("HTTP_STREAM_IDLE_TIMEOUT", default=120.0)
STREAM_MAX_SECONDS = env.float("STREAM_MAX_SECONDS", default=1800.0)
# Streams open at one time in one worker process; more are 503 `stream_cap`.
STREAM_MAX_OPEN = env.int("STREAM_MAX_OPEN", default=200)
# Seconds that calls on connections which were replaced get to end.
HTTP_DRAIN_TIMEOUT = env.float("HTTP_DRAIN_TIMEOUT", default=60.0)
# Every so many seconds one of all workers asks each upstream how it is; 0: never.
HTTP_HEALTH_INTERVAL = env.float("HTTP_HEALTH_INTERVAL", default=60.0)
# After so many failures in a row an upstream is left alone for so long (503 `circuit_open`); doubled up to the most.
BREAKER_CONSECUTIVE_FAILURES = env.int("BREAKER_CONSECUTIVE_FAILURES", default=5)
BREAKER_OPEN_SECONDS = env.float("BREAKER_OPEN_SECONDS", default=30.0)
BREAKER_MAX_OPEN_SECONDS = env.float("BREAKER_MAX_OPEN_SECONDS", default=300.0)
# Calls that may be sent again, and how often one of them: only what never left, or what may be done twice.
RETRY_BUDGET_PERCENT = env.int("RETRY_BUDGET_PERCENT", default=20)
RETRY_MAX = env.int("RETRY_MAX", default=2)
# Private networks upstreams may live in (CIDR list). Empty: public addresses only.
UPSTREAM_ALLOWED_NETWORKS = env.list("UPSTREAM_ALLOWED_NETWORKS", default=[])

# --- Catalogue ------------------------------------------------------------------------------------------------------

# More public servers for the catalogue page: a TOML or JSON file, or the list of an MCP registry, which a job reads:
# https://registry.modelcontextprotocol.io/v0.1/servers
CATALOGUE_SOURCE = env.str("CATALOGUE_SOURCE", default="")

# --- Mail -----------------------------------------------------------------------------------------------------------

# Where letters go (invitations): smtp://, smtp+tls:// or smtp+ssl://user:password@host:port, filemail:///folder, or
# consolemail:// for the log of the process.
MAILERS = mailers_of(env.email_url("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="poolgate@localhost")

# --- People ---------------------------------------------------------------------------------------------------------

# Whether anybody may make an account, with an address at one of these domains (none named: at any); and whether an
# administrator has to let them in then.
ALLOW_SIGN_UP = env.bool("ALLOW_SIGN_UP", default=False)
SIGN_UP_DOMAINS = [domain.lower() for domain in env.list("SIGN_UP_DOMAINS", default=[])]
SIGN_UP_APPROVAL = env.bool("SIGN_UP_APPROVAL", default=True)
# Days after which a password must be changed; 0: never, as NIST SP 800-63B advises.
PASSWORD_MAX_AGE_DAYS = env.int("PASSWORD_MAX_AGE_DAYS", default=0)
# Hours without a request, and in all, after which a session is over.
SESSION_IDLE_HOURS = env.float("SESSION_IDLE_HOURS", default=24.0)
SESSION_MAX_HOURS = env.float("SESSION_MAX_HOURS", default=168.0)

# --- The process ---------------------------------------------------------------------------------------------------

# Threads that run the control plane (pages and JSON endpoints), and requests that may wait for one before 503. Views
# that wait for an upstream have as many of both for themselves.
CONTROL_PLANE_THREADS = env.int("CONTROL_PLANE_THREADS", default=4)
CONTROL_PLANE_MAX_WAITING = env.int("CONTROL_PLANE_MAX_WAITING", default=400)
# Bytes of a request body; more is 413.
BODY_LIMIT_BYTES = env.int("BODY_LIMIT_BYTES", default=4 * 1024 * 1024)
# What a root may begin with; `file` as well where agents and their files are all of one house.
ROOT_ALLOWED_SCHEMES = [scheme.lower() for scheme in env.list("ROOT_ALLOWED_SCHEMES", default=["https"])]
# What references in a configuration document may lead to; by their beginning, so that they lead to nothing else.
IMPORT_SECRETS = {name: value for name, value in env.ENVIRON.items() if name.startswith("POOLGATE_SECRET_")}
# Bytes of an upstream's buffered JSON answer; more is 502 `upstream_too_large`.
UPSTREAM_ANSWER_LIMIT_BYTES = env.int("UPSTREAM_ANSWER_LIMIT_BYTES", default=16 * 1024 * 1024)
# Calls waiting to be recorded; when full the oldest are dropped and counted, never the caller delayed.
RECORD_QUEUE_SIZE = env.int("RECORD_QUEUE_SIZE", default=20_000)
# How many jobs (registrations, refreshes) one worker process runs at a time; 0 leaves them to other processes.
JOB_CONCURRENCY = env.int("JOB_CONCURRENCY", default=4)

# --- Logs ----------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
# json: one object per line. console: for people.
LOG_FORMAT = env.str("LOG_FORMAT", default="json")

# --- Django, nothing from the environment below --------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.idp.oidc",
    "gatewaysite.guard",
    "auth_app",
    "proxy_app",
]

# ArrayField needs nothing of django.contrib.postgres, whose signal handlers would run on every borrowed connection.
SILENCED_SYSTEM_CHECKS = ["postgres.E005"]

MIDDLEWARE = [
    "gatewaysite.middleware.request_context",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "auth_app.middleware.credential",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "gatewaysite.middleware.TranslateErrors",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "gatewaysite.urls"
CSRF_FAILURE_VIEW = "gatewaysite.error_views.csrf_failure"
APPEND_SLASH = False
AUTH_USER_MODEL = "auth_app.User"
AUTHENTICATION_BACKENDS = ["auth_app.login.adapter.Backend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Logging in, second factors, single sign-on and OAuth are django-allauth's; its pages are ours (auth_app/hosted.py).
ACCOUNT_ADAPTER = "auth_app.login.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
# Of those who sign up; whom somebody entered is believed, see auth_app.login.stages.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_FORMS = {
    "reset_password": "auth_app.passwords.forms.ForgotForm",
    "signup": "auth_app.login.forms.SignUpForm",
    "add_email": "auth_app.login.forms.ChangeEmailForm",
}
# Nobody gets mail because somebody else typed an address that we do not know.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
# Whoever is signed in may sign in as somebody else.
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False
# Our authorization server stands on its rows and its validator; it fetches no documents of clients itself.
IDP_OIDC_ADAPTER = "auth_app.oauth.adapter.OAuthAdapter"
IDP_OIDC_CIMD_ENABLED = False
# An office behind one address logs in all at once in the morning; guessing is bounded by what fails. A device that
# somebody has logged in from before has a count of its own, see auth_app/login/devices.py.
ACCOUNT_RATE_LIMITS = {
    "login": "300/m/ip",
    "login_failed": "30/m/ip,10/m/key,100/d/key",
    "login_failed_on_a_known_device": "10/m/key",
}

# Providers are rows (auth_app/sso). What they say of people counts as far as those say; none of their tokens is kept.
SOCIALACCOUNT_ADAPTER = "auth_app.sso.adapter.SocialAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_STORE_TOKENS = False

MFA_ADAPTER = "auth_app.second_factor.adapter.MFAAdapter"
MFA_FORMS = {
    "add_webauthn": "auth_app.second_factor.forms.Add",
    "login_webauthn": "auth_app.second_factor.forms.Login",
    "authenticate_webauthn": "auth_app.second_factor.forms.Authenticate",
    "reauthenticate_webauthn": "auth_app.second_factor.forms.Reauthenticate",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
# A passkey cannot be guessed; the limit of an address is that of log-ins.
MFA_RATE_LIMITS = {"webauthn_login": ACCOUNT_RATE_LIMITS["login"]}

FORM_RENDERER = "gatewaysite.templates.FormRenderer"
TEMPLATES = [
    {
        "BACKEND": "gatewaysite.templates.Templates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.messages.context_processors.messages",
                "gatewaysite.responses.page_context",
                "auth_app.menu.offered",
            ],
            "builtins": ["gatewaysite.template_tags"],
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".static"
STATICFILES_DIRS = [BASE_DIR / "gatewaysite" / "static"]
# File names carry a hash of the content, so a browser keeps them for good and never sees an old one.
STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "auth_app.sessions.store"
SESSION_COOKIE_AGE = int(SESSION_MAX_HOURS * 3600)
# In a signed cookie: the session, and so the database, is not asked on every page.
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
DATA_UPLOAD_MAX_MEMORY_SIZE = BODY_LIMIT_BYTES

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

LOGGING_CONFIG = "gatewaysite.logging.configure"
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT}

PROCRASTINATE_IMPORT_PATHS = [
    "auth_app.idempotency.tasks",
    "auth_app.oauth.tasks",
    "proxy_app.catalogue.tasks",
    "proxy_app.federation.tasks",
    "proxy_app.observe.attest.tasks",
    "proxy_app.transfer.tasks",
]
