-- Roles, database and extension of a new PostgreSQL cluster. Run once, as a superuser, with psql 14+:
--
--   OWNER_PASSWORD=... APP_PASSWORD=... OPS_PASSWORD=... psql -d postgres -f deploy/postgres-init.sql
--
-- DATABASE_NAME is `tenantry` unless set. Running it again changes nothing but the passwords.
--
--   owner       owns every schema and makes tenants' roles: migrations and provisioning
--   app         the web and worker login: owns nothing, inherits nothing, takes one role at a time
--   ops         sweepers and invoices, across tenants, under policies of their own
--   app_public  what `app` becomes outside every tenant: looking a host up
--   staff       what `app` becomes for the staff's admin on the public host
--   tenant      the group that every tenant's own role joins: rights on shared tables, no login

\set ON_ERROR_STOP on
\set QUIET on
\set owner_password ''
\set app_password ''
\set ops_password ''
\set database_name ''
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
\getenv ops_password OPS_PASSWORD
\getenv database_name DATABASE_NAME
SELECT coalesce(nullif(:'database_name', ''), 'tenantry') AS database_name \gset
SELECT :'owner_password' = '' OR :'app_password' = '' OR :'ops_password' = '' AS incomplete \gset
\if :incomplete
  \warn 'Set OWNER_PASSWORD, APP_PASSWORD and OPS_PASSWORD: each login needs one.'
  DO $$ BEGIN RAISE EXCEPTION 'a password is missing'; END $$;
\endif

SELECT format('CREATE ROLE %I', name)
  FROM unnest(ARRAY['owner', 'app', 'ops', 'app_public', 'staff', 'tenant']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE owner LOGIN NOSUPERUSER CREATEROLE PASSWORD :'owner_password';
ALTER ROLE app LOGIN NOSUPERUSER NOINHERIT PASSWORD :'app_password';
ALTER ROLE ops LOGIN NOSUPERUSER NOINHERIT PASSWORD :'ops_password';
ALTER ROLE app_public NOLOGIN NOSUPERUSER;
ALTER ROLE staff NOLOGIN NOSUPERUSER;
ALTER ROLE tenant NOLOGIN NOSUPERUSER;
GRANT tenant TO owner WITH ADMIN OPTION, INHERIT FALSE, SET FALSE;
GRANT app_public, staff TO app WITH INHERIT FALSE, SET TRUE;

SELECT format('CREATE DATABASE %I OWNER owner ENCODING ''UTF8'' TEMPLATE template0', :'database_name')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database_name') \gexec

REVOKE ALL ON DATABASE :"database_name" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database_name" TO app, ops;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;

\connect :"database_name"

-- The owner's functions and tables in `public` are granted one by one, by migrations.
ALTER SCHEMA public OWNER TO owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO app_public, staff, ops, tenant;

-- Large objects belong to no schema, so no role of ours may make one.
REVOKE EXECUTE ON FUNCTION lo_create(oid), lo_creat(integer), lo_from_bytea(oid, bytea) FROM PUBLIC;

-- Types and operators live apart from tables, so that a tenant's path reaches them and no table.
CREATE SCHEMA IF NOT EXISTS extensions;
GRANT USAGE ON SCHEMA extensions TO PUBLIC;
CREATE EXTENSION IF NOT EXISTS vector SCHEMA extensions;
