"""Events are found by the address they are about, in any case: an index for that, newest first."""

from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("auth_app", "0014_sso")]

    operations = [
        migrations.AddIndex(
            "authevent", models.Index(Upper("email"), models.F("at").desc(), name="auth_event_of_an_address")
        ),
    ]
