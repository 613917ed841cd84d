#!/bin/sh
# Prints the decisions that 'spade serve --deliveries deliveries.json' sends to an MQTT broker, a line each: topic and event.
# Usage: follow_mqtt.sh [LINE [CATEGORY]]
set -eu
# -q 1: the broker repeats what was not acknowledged. -c with -i: it also keeps what comes while this program does not run.
# stdbuf -oL: each line is printed at once, also into a pipe.
exec stdbuf -oL mosquitto_sub -h "${MQTT_HOST:-127.0.0.1}" -p "${MQTT_PORT:-1883}" -q 1 -c -i spade-example \
  -t "spade/decisions/${1:-+}/${2:-+}" -F '%t %p'
