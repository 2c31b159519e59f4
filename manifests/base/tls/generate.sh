#!/usr/bin/env bash
# usage: tls/generate.sh [NAME]...
# Makes the provider's certificate (tls.crt, tls.key) and the CA that Gatekeeper will know it by
# (ca.crt). The CA's key is not kept. Run it again to renew: ca.crt then holds the CA before, too,
# so that nobody is refused while the new certificate arrives.
set -euo pipefail
umask 077
cd "$(dirname "${BASH_SOURCE[0]}")"
days=365
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(DNS:sealgate.gatekeeper-system.svc DNS:sealgate.gatekeeper-system)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

key "$scratch/ca.key"
openssl req -x509 -new -key "$scratch/ca.key" -days $days -subj '/CN=sealgate CA' \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' -out "$scratch/ca.crt"
key "$scratch/tls.key"
openssl req -new -key "$scratch/tls.key" -subj '/CN=sealgate' -out "$scratch/tls.csr"
openssl x509 -req -in "$scratch/tls.csr" -CA "$scratch/ca.crt" -CAkey "$scratch/ca.key" -set_serial "0x$(openssl rand -hex 16)" \
    -days $days -out "$scratch/tls.crt" 2>/dev/null \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$(IFS=,; echo "${names[*]}")")

if [ -f ca.crt ]; then openssl x509 -in ca.crt >>"$scratch/ca.crt"; fi
mv "$scratch/ca.crt" "$scratch/tls.crt" "$scratch/tls.key" .
echo "certificates for ${names[*]}, valid for $days days, are in $PWD"
