#!/usr/bin/env bash
# One database and its roles for each NAME_HOST in the environment. Runs as often as wanted; changes only what differs.
set -euo pipefail
here=$(dirname "$0")
for variable in $(compgen -e | grep '_HOST$' | sort); do
  name=${variable%_HOST}
  of() { local all="${name}_$1"; printf '%s' "${!all-}"; }
  [ -n "$(of ADMIN)" ] || continue # a variable of somebody else's
  PGHOST=${!variable} PGUSER=$(of ADMIN) PGPASSWORD=$(of ADMIN_PASSWORD)
  export PGHOST PGUSER PGPASSWORD PGDATABASE=postgres PGCONNECT_TIMEOUT=5
  until psql -Xqc 'SELECT' >/dev/null; do sleep 1; done
  # values go in by standard input, where no list of processes shows them
  if [ "$name" = KEYCLOAK ]; then
    { printf '\\set name %s\n\\set password %s\n' keycloak "'$(of PASSWORD)'"; cat "$here/database.sql"; }
  else
    printf '\\set service %s\n' "${name,,}"
    for role in owner app ro; do printf '\\set %s_password %s\n' "$role" "'$(of "${role^^}_PASSWORD")'"; done
    cat "$here/service.sql"
  fi | psql -Xq
  echo "${name,,}: database and roles are there"
done
