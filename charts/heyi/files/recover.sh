#!/usr/bin/env bash
# Data that came out of a backup works through the log, up to AT or its end, before anybody else may connect: all databases
# to one point in time. $@: the server's settings. Broken off, it goes on where it was; without a log it does nothing.
set -euo pipefail
log=$(dirname "$PGDATA")/restore-log
[ -d "$log" ] || exit 0
options=(-c listen_addresses= -c "restore_command=$RESTORE_COMMAND" -c recovery_target_action=promote)
[ -z "$AT" ] || options+=(-c "recovery_target_time=$AT")
ask() { psql -XAtq -U "$POSTGRES_USER" -d "$1" -c "$2"; }
postgres "$@" "${options[@]}" &
server=$!
until [ "$(ask postgres 'SELECT pg_is_in_recovery()' 2>/dev/null)" = f ]; do
  kill -0 "$server" 2>/dev/null || { wait "$server" || true; echo "the databases did not come back" >&2; exit 1; }
  sleep 0.5
done
echo "all databases are back; the last change that came back is of $(ask postgres 'SELECT pg_last_xact_replay_timestamp()')"
if [ -n "$QUIET" ] && [ -n "$(ask postgres "SELECT 1 FROM pg_database WHERE datname = 'approval'")" ]; then
  ask approval "UPDATE webhook SET state = 'PAUSED'; UPDATE notice_robot SET state = 'INACTIVE'"
  echo "webhooks and group chats are paused: this is a copy"
fi
kill -INT "$server"
wait "$server"
rm -rf "$log"
