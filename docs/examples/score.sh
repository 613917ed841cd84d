#!/bin/sh
# Scores a photograph with curl, then prints the decision as the server keeps it.
# Usage: score.sh PHOTOGRAPH CATEGORY
set -eu
server=${SPADE_SERVER:-http://127.0.0.1:5080}
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT

# -F sends a form, in which fields describe the part. --fail-with-body: the answer to an error says what is wrong.
curl -sS --fail-with-body ${SPADE_KEY:+-H "Authorization: Bearer $SPADE_KEY"} -D "$headers" \
  -F "image=@$1" -F line=L1 -F serial_number=4711 "$server/v1/score?category=$2"
echo

# Location is the decision's address.
decision=$(tr -d '\r' < "$headers" | sed -n 's/^[Ll]ocation: //p')
curl -sS --fail-with-body ${SPADE_KEY:+-H "Authorization: Bearer $SPADE_KEY"} "$server$decision"
echo
