# The gateway and what it needs at run time, nothing of the tests and tools. It runs as nobody in particular, writes no
# file but to /tmp and /dev/shm, and wants DATABASE_URL and SECRET_KEY; compose.yaml shows both beside a PostgreSQL.
# scripts/dockerfile_dry_run executes these steps without an engine: it knows the instructions used here.

FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements.txt ./
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --requirement requirements.txt
COPY . ./
# Loading the settings takes both; nothing connects, and neither stays.
RUN SECRET_KEY=collect DATABASE_URL=postgresql:///nowhere /venv/bin/python manage.py collectstatic --noinput
RUN /venv/bin/python -m compileall -q .

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000 RUN_DIR=/tmp/poolgate
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
# A number without a name: it owns no file here, so it can change none.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "deploy/healthcheck.py"]
CMD ["gunicorn", "--config", "gunicorn.conf.py"]
