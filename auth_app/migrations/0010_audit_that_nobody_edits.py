"""Audit entries that stay as they were written, and lists of them that are quick however many there are.

A trigger refuses UPDATE, DELETE and TRUNCATE, whoever asks. Old entries go through `poolgate_forget_audit` only, which
leaves an entry of its own.
"""

import django.utils.timezone
from django.db import migrations, models

NOBODY_EDITS = """
CREATE FUNCTION poolgate_refuse_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('poolgate.forgetting', true) = pg_current_xact_id()::text THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'audit entries are neither changed nor deleted' USING ERRCODE = 'insufficient_privilege',
        HINT = 'Old ones are forgotten by: manage.py gateway forget-audit --older-than-days N';
END $$;

CREATE TRIGGER poolgate_audit_stays BEFORE UPDATE OR DELETE ON auth_app_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION poolgate_refuse_audit();
CREATE TRIGGER poolgate_audit_stays_whole BEFORE TRUNCATE ON auth_app_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION poolgate_refuse_audit();

CREATE FUNCTION poolgate_forget_audit(before timestamptz, who text, at_most integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM set_config('poolgate.forgetting', pg_current_xact_id()::text, true);
    DELETE FROM auth_app_auditentry WHERE id IN (
        SELECT id FROM auth_app_auditentry WHERE at < before ORDER BY at LIMIT at_most
    );
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('poolgate.forgetting', '', true);
    IF gone > 0 THEN
        INSERT INTO auth_app_auditentry
            (at, actor_email, action, object_kind, object_id, object_name, changes, request_id, via)
        VALUES (now(), who, 'audit.forgotten', 'audit', '', '',
                jsonb_build_object('before', before, 'entries', gone), '', 'command');
    END IF;
    RETURN gone;
END $$;
"""
AGAIN = """
DROP TRIGGER poolgate_audit_stays ON auth_app_auditentry;
DROP TRIGGER poolgate_audit_stays_whole ON auth_app_auditentry;
DROP FUNCTION poolgate_refuse_audit();
DROP FUNCTION poolgate_forget_audit(timestamptz, text, integer);
"""
# What is searched for are beginnings of words; an address and `gateway.created` are several.
WORDS = """
CREATE FUNCTION poolgate_words(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_tsvector('simple'::regconfig, translate(said, '@._-/:', '      '))
$$;
CREATE INDEX audit_words ON auth_app_auditentry
    USING gin (poolgate_words(actor_email || ' ' || action || ' ' || object_name));
"""
NO_WORDS = "DROP INDEX audit_words; DROP FUNCTION poolgate_words(text);"


class Migration(migrations.Migration):

    dependencies = [
        ('auth_app', '0009_oauth_versions'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='auditentry',
            name='audit_object',
        ),
        migrations.AddField(
            model_name='auditentry',
            name='team_id',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='at',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['at', 'id'], name='audit_newest'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['object_kind', 'object_id', 'at', 'id'], name='audit_object'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['object_kind', 'at', 'id'], name='audit_kind'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['actor_email', 'at', 'id'], name='audit_actor'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['action', 'at', 'id'], name='audit_action'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(condition=models.Q(('team_id__isnull', False)), fields=['team_id', 'at', 'id'], name='audit_team'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(condition=models.Q(('request_id', ''), _negated=True), fields=['request_id'], name='audit_request'),
        ),
        migrations.RunSQL(NOBODY_EDITS, AGAIN),
        migrations.RunSQL(WORDS, NO_WORDS),
    ]
