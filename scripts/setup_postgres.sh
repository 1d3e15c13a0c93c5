#!/usr/bin/env bash
# Install a PostgreSQL server for the tests of the ledger; they start their own, in a temporary folder.
# Where it cannot be installed they are skipped.
set -euo pipefail
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0
command -v initdb >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing postgresql (once)"
    # The tests need the programs alone: no cluster of the machine, which would start at once.
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null && exit 0
fi
echo "warning: no PostgreSQL; the tests of a ledger there are skipped (Debian: apt-get install postgresql)" >&2
