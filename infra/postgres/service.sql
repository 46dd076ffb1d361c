-- One service's database and its three roles; run with psql as often as wanted (it changes only what differs).
--   psql -v service=… -v owner_password=… -v app_password=… -v ro_password=… -f service.sql
-- <service>_owner owns the tables and migrates, <service>_app reads and writes rows, <service>_ro reads (reports, reconciler).
-- No role of one service may connect to another service's database.
\set ON_ERROR_STOP on
\set owner :service _owner
\set app :service _app
\set ro :service _ro
SELECT format('CREATE ROLE %I LOGIN', r) FROM unnest(ARRAY[:'owner', :'app', :'ro']) r WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) \gexec
ALTER ROLE :"owner" PASSWORD :'owner_password';
ALTER ROLE :"app" PASSWORD :'app_password';
ALTER ROLE :"ro" PASSWORD :'ro_password';
ALTER ROLE :"app" SET statement_timeout = '5s';
ALTER ROLE :"app" SET lock_timeout = '2s';
ALTER ROLE :"app" SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE :"owner" SET lock_timeout = '10s';
ALTER ROLE :"ro" SET statement_timeout = '120s';
ALTER ROLE :"ro" SET default_transaction_read_only = on;
SELECT format('ALTER ROLE %I SET transaction_timeout = %L', :'app', '15s') WHERE current_setting('server_version_num')::int >= 170000 \gexec
SELECT format('CREATE DATABASE %I OWNER %I', :'service', :'owner') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
-- nor to the server's own: everybody may, unless it is said
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"service" TO :"owner";
GRANT CONNECT ON DATABASE :"service" TO :"app", :"ro";
\connect :service
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";
GRANT USAGE ON SCHEMA public TO :"app", :"ro";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT USAGE ON SEQUENCES TO :"app";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA public GRANT SELECT ON TABLES TO :"ro";
-- Rows are fenced by company, and no index may be asked before that fence by a function that could tell of rows behind it.
-- `search @@ words` and `custom_fields @> values` tell nothing (they raise no error about what they read), so they may use
-- their indexes.
ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;
ALTER FUNCTION pg_catalog.jsonb_contains(jsonb, jsonb) LEAKPROOF;
