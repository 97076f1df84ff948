"""Addresses are found in any case by UPPER, for which there was no index."""

from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("auth_app", "0014_sso")]

    operations = [
        migrations.AddIndex("user", models.Index(Upper("email"), name="user_email_looked_up")),
        migrations.AddIndex(
            "authevent", models.Index(Upper("email"), models.F("at").desc(), name="auth_event_of_an_address")
        ),
    ]
