#!/usr/bin/env bash
# Runs `dotnet paket install` (or the command given, such as `update`). Paket writes the feed's address into the lock:
# it is taken out again, also when the command fails, because neither file may name a host.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${NUGET_SOURCE:-}" ]; then
    NUGET_SOURCE=$(dotnet nuget list source --format short | sed -n 's/^E[^ ]* \(http.*\)/\1/p' | head -n 1)
    export NUGET_SOURCE
fi

hide_feed() {
    sed -i.old 's|^\( *remote: \).*|\1%NUGET_SOURCE%|' paket.lock
    rm paket.lock.old
}
trap hide_feed EXIT

dotnet tool restore
dotnet paket "${@:-install}"
