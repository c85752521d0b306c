#!/bin/sh
# Does by hand what the Dockerfile does, and checks the result, on machines without a
# container engine: the binary is static, the image is small, and a node runs in it as
# an unprivileged user with nothing else around. Wants root for chroot, or does
# without that part.
set -eu

max_mib=14 # Redis, OpenTelemetry and the page of the API are 3 of them
user=65532
cd "$(dirname "$0")/.."
work=$(mktemp -d)
node=
cleanup() {
	[ -z "$node" ] || kill "$node" 2>/dev/null || true
	[ -z "$node" ] || wait "$node" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "image-check: $*" >&2; exit 1; }

root=$work/root
mkdir -p "$root/data" "$root/etc/ssl/certs"
chmod 755 "$work" "$root"
chmod 700 "$root/data"
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$root/whippet" ./cmd/whippet
bundle=/etc/ssl/certs/ca-certificates.crt
[ -s "$bundle" ] || fail "no CA bundle at $bundle: install ca-certificates"
cp "$bundle" "$root/etc/ssl/certs/"

# An ELF file without an interpreter needs no dynamic linker.
if readelf -l "$root/whippet" 2>/dev/null | grep -q INTERP; then fail "the binary is not static"; fi
if go version -m "$root/whippet" | grep -q 'CGO_ENABLED=1'; then fail "the binary was built with cgo"; fi
if strings "$root/whippet" 2>/dev/null | grep -q "$PWD/"; then fail "the binary holds paths of this machine"; fi

size=$(tar -C "$root" -c . | gzip -9 | wc -c)
echo "image: $((size / 1024)) KiB compressed, at most $((max_mib * 1024))"
[ "$size" -lt $((max_mib * 1024 * 1024)) ] || fail "the image is too large; see: go tool nm -size -sort size"

if [ "$(id -u)" -ne 0 ]; then
	echo "image-check: not root, the run in a chroot is left out"
	exit 0
fi

# The kernel finds free ports, so that other nodes on the machine do not matter; the
# admin port must be known to the health check.
chown "$user:$user" "$root/data"
admin=127.0.0.1:${IMAGE_CHECK_PORT:-19090}
run() { chroot --userspec="$user:$user" "$root" /whippet "$@"; }
(
	export WHIPPET_DATA=/data WHIPPET_ADMIN="$admin"
	exec chroot --userspec="$user:$user" "$root" /whippet --http=127.0.0.1:0 --media=127.0.0.1:0
) >"$work/out" 2>"$work/err" &
node=$!
tries=0
until WHIPPET_ADMIN=$admin run health >"$work/health" 2>&1; do
	tries=$((tries + 1))
	kill -0 "$node" 2>/dev/null || { cat "$work/out" "$work/err" >&2; fail "the node ended"; }
	[ "$tries" -lt 50 ] || { cat "$work/out" "$work/err" "$work/health" >&2; fail "not healthy after $tries tries"; }
	sleep 0.1 # between tries; the state itself is asked for
done
grep -q 'is running' "$work/out" || fail "nothing was printed at the start"
secret=$root/data/jwt-secret
[ "$(stat -c '%a %u' "$secret")" = "600 $user" ] || fail "the secret is $(stat -c '%a %u' "$secret"), not 600 $user"

kill -TERM "$node"
wait "$node" || fail "the node did not end well: status $?"
node=
if WHIPPET_ADMIN=$admin run health >/dev/null 2>&1; then fail "healthy after its end"; fi
echo "image-check: ok"
