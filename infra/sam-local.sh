#!/usr/bin/env bash
# One function under `sam local invoke`, from a binary of this machine: needs a Docker engine, the SAM CLI and the binary.
#   bash infra/sam-local.sh [FUNCTION] [EVENT] [FOLDER]
#   bash infra/sam-local.sh WebhookFunction infra/events/webhook.json target/release
# The binary needs this machine's C library, so the image is made from it: nothing is pulled, and no network is used.
# AWS_ENDPOINT_URL, if it is set, is where the function finds its tables and queues: an address that a container reaches,
# which 127.0.0.1 is not. Without it only an event that touches no table is answered in full: `webhook.json`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
function=${1:-WebhookFunction}
event=${2:-infra/events/webhook.json}
binaries=${3:-target/release}
export SAM_CLI_TELEMETRY=0
machine=$(uname -m)
machine=${machine/aarch64/arm64}
image=public.ecr.aws/lambda/provided:al2023-$machine
work=target/sam-local
rm -rf $work
mkdir -p $work/code $work/base/{bin,etc/ssl/certs,tmp,opt,var/task,var/runtime,var/rapid}

# What the SAM CLI runs in the image while it adds its own emulator, and what the function is linked to.
binary=$(awk -v id="  $function:" '$0 == id { found = 1 } found && /Binary:/ { print $2; exit }' infra/template.yaml)
for program in sh mv chmod ls cat; do
  cp -L "$(command -v $program)" $work/base/bin/
done
for file in $work/base/bin/* "$binaries/$binary"; do
  { ldd "$file" || true; } | grep -o '/[^ ]*\.so[^ ]*' | while read -r library; do
    mkdir -p "$work/base$(dirname "$library")"
    cp -L "$library" "$work/base$library"
  done
done
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
  cp -L /etc/ssl/certs/ca-certificates.crt $work/base/etc/ssl/certs/
fi
tar -C $work/base -c . | docker import - "$image" >/dev/null

# The deployed template, with the one binary as its code; its own environment, and where AWS is.
cp -L "$binaries/$binary" $work/code/bootstrap
sed -e 's|^    CodeUri: \.\./$|    CodeUri: code/|' \
  -e "s|^\( *\)LOG_LEVEL: !Ref LogLevel\$|&\n\1AWS_ENDPOINT_URL: \"${AWS_ENDPOINT_URL:-http://127.0.0.1:9}\"|" \
  infra/template.yaml >$work/template.yaml
exec sam local invoke "$function" --template $work/template.yaml --event "$event" --skip-pull-image \
  --region us-east-1 --parameter-overrides "Architecture=$machine"
