#!/bin/sh
# Makes every certificate in this directory anew, with OpenSSL 3. For tests only: the keys are public, nothing may ever
# trust them. They are committed because the tests need them where there is no OpenSSL, and last until 2100 because they
# must not begin to fail one day. The CAs' keys are not kept, so running this replaces all of them.
set -eu
cd "$(dirname "$0")"
keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
always='20200101000000Z 21000101000000Z'
past='20200101000000Z 20200201000000Z'

# `openssl ca` is the one command of OpenSSL 3.0 that takes both dates.
printf '[ca]\ndefault_ca=it\n[it]\ndatabase=%s/index\nrand_serial=yes\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=any\nunique_subject=no\n[any]\ncommonName=supplied\n' \
  "$keys" "$keys" > "$keys/config"
: > "$keys/index"

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# ca NAME COMMON_NAME
ca() {
  key "$keys/$1.key"
  openssl req -new -key "$keys/$1.key" -subj "/CN=$2" -out "$keys/$1.csr"
  printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' > "$keys/ext"
  sign "$1" "$always" -selfsign -keyfile "$keys/$1.key"
}

# leaf NAME CA USAGE COMMON_NAME SAN DATES
leaf() {
  key "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$4" -out "$keys/$1.csr"
  printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n' "$3" > "$keys/ext"
  if [ -n "$5" ]; then printf 'subjectAltName=%s\n' "$5" >> "$keys/ext"; fi
  sign "$1" "$6" -cert "$2.pem" -keyfile "$keys/$2.key"
}

# sign NAME DATES OPTIONS: from the request and the extensions in $keys
sign() {
  name=$1 from=${2% *} until=${2#* }
  shift 2
  openssl ca -batch -notext -config "$keys/config" -in "$keys/$name.csr" -extfile "$keys/ext" -out "$name.pem" \
    -startdate "$from" -enddate "$until" "$@" 2> "$keys/said" || { cat "$keys/said"; exit 1; }
}

here='IP:127.0.0.1,IP:::1,DNS:localhost'
ca ca 'MetricStream test CA'
ca other-ca 'another test CA'
leaf server ca serverAuth 'collector' "$here" "$always"
leaf server-renewed ca serverAuth 'collector renewed' "$here" "$always"
leaf server-elsewhere ca serverAuth 'elsewhere' 'DNS:elsewhere.example' "$always"
leaf server-expired ca serverAuth 'expired' "$here" "$past"
leaf server-other-ca other-ca serverAuth 'collector' "$here" "$always"
leaf client-1 ca clientAuth 'of client-1' 'DNS:client-1' "$always"
leaf client-2 ca clientAuth 'of client-2' 'DNS:client-2' "$always"
leaf client-cn ca clientAuth 'client-cn' '' "$always"
leaf client-several ca clientAuth 'several' 'DNS:client-1,DNS:client-3,URI:spiffe://example/client-4,DNS:*.example' "$always"
leaf client-expired ca clientAuth 'of client-1' 'DNS:client-1' "$past"
leaf client-other-ca other-ca clientAuth 'of client-1' 'DNS:client-1' "$always"
