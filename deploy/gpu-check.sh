#!/usr/bin/env bash
# Measures a machine with an NVIDIA GPU (CUDA 13, cuDNN 9): images per second of extraction by batch, the server, and the pixel search on
# the CPU beside matrix products on the device. Under four minutes after the build. Without a GPU it says so and measures the CPU, briefly.
#
#   deploy/gpu-check.sh [FOLDER]     # results as JSON and as a page; artifacts/gpu-check if not named
set -euo pipefail
cd "$(dirname "$0")/.."
results=${1:-artifacts/gpu-check}
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
mkdir -p "$results"

if gpu=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null) && [[ -n $gpu ]]; then
  echo "GPU: $gpu"
  kind=gpu device=cuda:0 batches=1,4,16,64 rounds=3
else
  echo "there is no NVIDIA GPU here (nvidia-smi shows none): only the CPU is measured, to show that this script works"
  kind=cpu device=cpu batches=1,2 rounds=1
fi

# Beside the usual build, which has the CPU's package of ONNX Runtime.
program=artifacts/$kind-check-program
dotnet publish src/SpadeCluster.Cli -c Release -v quiet --artifacts-path "artifacts/$kind-check-build" -o "$program" \
  -p:PublishReadyToRun=false -p:Gpu="$([[ $kind == gpu ]] && echo true || echo false)"
spade() { timeout 100 "$program/spade" "$@"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
started=$SECONDS
spade demo --out "$work/demo" >/dev/null
plates=$work/demo/dataset/plates

for on in $(printf '%s\n' cpu "$device" | sort -u); do
  echo "--- $on"
  spade bench extract --model resnet18 --device "$on" --threads 1 --batch "$([[ $on == cpu ]] && echo 1,2 || echo $batches)" --runs 5 \
    --save "$results/extract-${on%:*}.json"
  spade bench serve --category plates --gallery "$work/demo/galleries" --device "$on" --seconds 2 --rounds "$rounds" "$plates"/test/* \
    --save "$results/serve-${on%:*}.json"
done
echo "--- pixel search"
spade bench pixel-search --dataset "$plates" --gallery-k "$([[ $kind == gpu ]] && echo 50 || echo 5)" --runs "$rounds" --dense 0 \
  --device "$device" --save "$results/pixel-search.json"
spade bench page "$results" --out "$results/page.md"
echo "measured in $((SECONDS - started)) s; $results/page.md has the tables"
