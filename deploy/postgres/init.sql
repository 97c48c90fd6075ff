-- Run once by the Postgres image, as a superuser, in a new database: who migrates, and who watches.
\getenv admin_password ADMIN_PASSWORD
\getenv monitor_password MONITOR_PASSWORD
CREATE ROLE valutai_admin LOGIN CREATEROLE PASSWORD :'admin_password';
ALTER DATABASE valutai OWNER TO valutai_admin;
CREATE ROLE monitor LOGIN PASSWORD :'monitor_password' IN ROLE pg_monitor;
