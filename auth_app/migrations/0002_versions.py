"""Count every change to what the processes keep in memory, and tell them, from inside the database.

A trigger cannot be forgotten by a view, a job, a migration or somebody with psql. It is deferred to the commit, so that
the version's row lock is taken last and held for an instant: writers that touch different rows never wait for each
other before that, and versions become visible in the order of the commits. `poolgate_watch(table, part, columns)`
attaches it; proxy_app does so for its own tables.
"""

from django.db import migrations

CREATE = """
CREATE SEQUENCE poolgate_version;

CREATE FUNCTION poolgate_bump() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text := TG_ARGV[0];
BEGIN
    -- Once per transaction and part, however many rows it changed.
    IF current_setting('poolgate.bumped_' || changed, true) IS DISTINCT FROM pg_current_xact_id()::text THEN
        PERFORM set_config('poolgate.bumped_' || changed, pg_current_xact_id()::text, true);
        INSERT INTO auth_app_stateversion AS v (part, version) VALUES (changed, nextval('poolgate_version'))
            ON CONFLICT (part) DO UPDATE SET version = nextval('poolgate_version');
        PERFORM pg_notify('poolgate', changed);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION poolgate_watch(watched regclass, part text, columns text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE CONSTRAINT TRIGGER poolgate_bump AFTER INSERT OR DELETE OR UPDATE OF %s ON %s '
        'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION poolgate_bump(%L)',
        columns, watched, part
    );
END $$;

SELECT poolgate_watch('auth_app_apitoken', 'access', 'secret_hash, expires_at, revoked_at, user_id');
SELECT poolgate_watch('auth_app_user', 'access', 'email, is_admin, is_active');
SELECT poolgate_watch('auth_app_membership', 'access', 'team_id, user_id, role');
"""

DROP = """
DROP TRIGGER poolgate_bump ON auth_app_apitoken;
DROP TRIGGER poolgate_bump ON auth_app_user;
DROP TRIGGER poolgate_bump ON auth_app_membership;
DROP FUNCTION poolgate_watch(regclass, text, text);
DROP FUNCTION poolgate_bump();
DROP SEQUENCE poolgate_version;
"""


class Migration(migrations.Migration):
    dependencies = [("auth_app", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
