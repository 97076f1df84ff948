"""The table of Django's database cache: what all processes must know for a while, such as failed log-ins.

Not logged: after a crash of the database it is empty, which costs nobody anything.
"""

from django.db import migrations

CREATE = """
CREATE UNLOGGED TABLE shared_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX shared_cache_expires ON shared_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("auth_app", "0004_roles_and_token_scopes")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE shared_cache")]
