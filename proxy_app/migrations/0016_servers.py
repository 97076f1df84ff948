"""Resources and prompts have places in a server as tools have, and a place says what is different about it there.

The tables of the former plain links become those of the places: what was chosen stays.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from proxy_app.migrations._watching import watch_again

# (table, its columns that the snapshot holds from now on)
WATCHED_TOO = (
    ("proxy_app_server", ("tool_mode",)),
    ("proxy_app_servertool", ("description", "enabled")),
    ("proxy_app_tool", ("tags",)),
)
DIFFERENCES = ("alias", "description", "enabled", "position")


def watch_places(of: str) -> list[str]:
    """Whether the plain link was watched or not."""
    table, columns = f"proxy_app_server{of}", ", ".join(("server_id", f"{of}_id", *DIFFERENCES))
    return [
        f"DROP TRIGGER IF EXISTS poolgate_bump ON {table}",
        f"SELECT poolgate_watch('{table}', 'registry', '{columns}')",
    ]


def to_places(of: str, link_constraint: str) -> Operation:
    """The table of a plain link becomes the one of places."""
    old, new = f"proxy_app_server_{of}s", f"proxy_app_server{of}"
    return migrations.RunSQL(
        [
            f"ALTER TABLE {old} RENAME TO {new}",
            f"ALTER TABLE {new} RENAME CONSTRAINT {link_constraint} TO server{of}_once",
        ],
        [
            f"ALTER TABLE {new} RENAME CONSTRAINT server{of}_once TO {link_constraint}",
            f"ALTER TABLE {new} RENAME TO {old}",
        ],
    )


def place(of: str) -> Operation:
    """The model as the renamed table holds it."""
    return migrations.CreateModel(
        name=f"Server{of.capitalize()}",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            (of, models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="places", to=f"proxy_app.{of}")),
            ("server", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name=f"{of}_places", to="proxy_app.server")),
        ],
        options={
            "ordering": ["position", "id"],
            "constraints": [models.UniqueConstraint(fields=("server", of), name=f"server{of}_once")],
        },
    )


def through_places(of: str) -> Operation:
    return migrations.AlterField(
        model_name="server",
        name=f"{of}s",
        field=models.ManyToManyField(related_name="servers", through=f"proxy_app.Server{of.capitalize()}", to=f"proxy_app.{of}"),
    )


def differences(of: str) -> list[Operation]:
    """What a place says beside which item is there."""
    name = f"server{of}"
    alias_once = models.UniqueConstraint(
        condition=models.Q(("alias", ""), _negated=True), fields=("server", "alias"), name=f"{name}_alias_once"
    )
    return [
        migrations.AddField(name, "alias", models.CharField(blank=True, max_length=128, default=""), preserve_default=False),
        migrations.AddField(name, "description", models.TextField(blank=True, null=True)),
        migrations.AddField(name, "enabled", models.BooleanField(default=True)),
        migrations.AddField(name, "position", models.PositiveIntegerField(default=0)),
        migrations.AddConstraint(name, alias_once),
    ]


class Migration(migrations.Migration):
    dependencies = [("proxy_app", "0015_drift")]

    operations = [
        migrations.AddField(
            "server",
            "tool_mode",
            models.CharField(choices=[("all", "All"), ("search", "Search")], default="all", max_length=10),
        ),
        migrations.AddField("servertool", "description", models.TextField(blank=True, null=True)),
        migrations.AddField("servertool", "enabled", models.BooleanField(default=True)),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                to_places("resource", "proxy_app_server_resources_server_id_resource_id_08e0ffa8_uniq"),
                to_places("prompt", "proxy_app_server_prompts_server_id_prompt_id_78929be5_uniq"),
            ],
            state_operations=[
                place("resource"), through_places("resource"), place("prompt"), through_places("prompt"),
            ],
        ),
        *differences("resource"),
        *differences("prompt"),
        migrations.RunSQL(
            [
                *(watch_again(table, more=columns) for table, columns in WATCHED_TOO),
                *(statement for of in ("resource", "prompt") for statement in watch_places(of)),
            ],
            [
                *(watch_again(table, less=columns) for table, columns in WATCHED_TOO),
                *(watch_again(f"proxy_app_server{of}", less=DIFFERENCES) for of in ("resource", "prompt")),
            ],
        ),
    ]
