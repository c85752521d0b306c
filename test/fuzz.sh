#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other, for the time given (default 30s).
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}

passed=0
for package in $(go list ./...); do
	targets=$(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true)
	for target in $targets; do
		echo "== $package $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
		passed=$((passed + 1))
	done
done
echo "$passed passed, 0 failed"
