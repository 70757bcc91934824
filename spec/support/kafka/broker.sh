#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A real Kafka broker: Apache's, from Maven Central, one node on loopback, all
# of it under build/kafka. `./dev kafka` calls this, and so do the specs.
#
#   broker.sh start|stop|status|clean [NAME]
#
# Each NAME ("broker") is a broker of its own, with its own ports and data; the
# ports are chosen once and kept, so that it comes back at the same address.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

version=3.9.2
command=${1:-status} name=${2:-broker}
here=build/kafka folder=build/kafka/$name
jars=$here/lib-$version archive=$here/classes-$version.jsa
ready_seconds_max=60 stop_seconds_max=15

# Less to compile and to start, which is most of what a short life costs.
java_options=(-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn
  -Dorg.slf4j.simpleLogger.showDateTime=true)

die() {
  printf 'kafka: %s\n' "$*" >&2
  exit 1
}
say() { printf 'kafka: %s\n' "$*" >&2; } # the last line of stdout is the address

# --- what it consists of ------------------------------------------------------

fetch() {
  [ ! -f "$jars/complete" ] || return 0
  command -v java >/dev/null || die "no java (Debian: default-jre-headless)"
  command -v mvn >/dev/null || die "no mvn (Debian: maven)"
  say "fetching Apache Kafka $version from Maven Central"
  cat >"$here/pom.xml" <<POM
<project><modelVersion>4.0.0</modelVersion>
 <groupId>test</groupId><artifactId>broker</artifactId><version>1</version>
 <packaging>pom</packaging>
 <dependencies>
  <dependency><groupId>org.apache.kafka</groupId>
   <artifactId>kafka_2.13</artifactId><version>$version</version></dependency>
  <dependency><groupId>org.slf4j</groupId>
   <artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
 </dependencies></project>
POM
  (cd "$here" && mvn -B -q -ntp dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="${jars##*/}") >&2 ||
    die "Apache Kafka could not be fetched from Maven Central"
  touch "$jars/complete"
}

is_free() { # port
  ! (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the ports that the system gives to clients.
free_port() {
  local port
  while :; do
    port=$((RANDOM % 12000 + 20000))
    ! is_free "$port" || break
  done
  printf '%s' "$port"
}

configure() {
  local port controller
  port=$(free_port) controller=$(free_port)
  printf '127.0.0.1:%s\n' "$port" >"$folder/address"
  cat >"$folder/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$folder/data
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
background.threads=2
log.cleaner.dedupe.buffer.size=2097152
log.segment.delete.delay.ms=1000
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1000
log.retention.check.interval.ms=500
log.initial.task.delay.ms=500
PROPERTIES
}

format() {
  [ ! -f "$folder/data/meta.properties" ] || return 0
  java "${java_options[@]}" -cp "$jars/*" kafka.tools.StorageTool \
    format -t test -c "$folder/server.properties" >"$folder/format.log" 2>&1 ||
    die "cannot make its data directory: $(tail -n 3 "$folder/format.log")"
}

# --- the process --------------------------------------------------------------

# Its pid if it lives; a pid alone may be another's by now.
pid() {
  local found
  found=$(cat "$folder/pid" 2>/dev/null) || return 1
  grep -qsF "$folder/server.properties" "/proc/$found/cmdline" || return 1
  printf '%s' "$found"
}

answers() { # seconds
  local address
  address=$(cat "$folder/address")
  ! is_free "${address##*:}" || return 1
  kcat -b "$address" -L -m "$1" >/dev/null 2>&1
}

launch() {
  local classes=(-XX:SharedArchiveFile="$archive")
  # Written when it ends, and renamed by stop(): half an archive kills a JVM.
  [ -f "$archive" ] || classes=(-XX:ArchiveClassesAtExit="$folder/classes.tmp"
    -Xlog:cds=off -Xlog:cds+dynamic=off)
  setsid java "${java_options[@]}" "${classes[@]}" -cp "$jars/*" kafka.Kafka \
    "$folder/server.properties" </dev/null >"$folder/log" 2>&1 9>&- &
  printf '%s\n' $! >"$folder/pid"
  # Until exec has happened, its command line is still ours.
  until grep -qsF kafka.Kafka "/proc/$!/cmdline"; do
    kill -0 $! 2>/dev/null || return 1
    sleep 0.01
  done
}

wait_until_ready() {
  local deadline=$((SECONDS + ready_seconds_max))
  until answers 5; do
    pid >/dev/null || return 1
    [ $SECONDS -lt $deadline ] || die "does not answer, see $folder/log"
    sleep 0.05
  done
}

start() {
  command -v kcat >/dev/null || die "no kcat (Debian: kcat)"
  fetch
  mkdir -p "$folder"
  local attempt
  for attempt in 1 2 3; do
    [ -f "$folder/server.properties" ] || configure
    if ! pid >/dev/null; then
      format
      launch || continue
    fi
    if wait_until_ready; then
      cat "$folder/address"
      return 0
    fi
    # Somebody took a port between the look and the bind: choose others, unless
    # it once ran on these.
    [ ! -f "$folder/ran" ] || break
    rm -f "$folder/server.properties"
  done
  die "did not start: $(tail -n 3 "$folder/log")"
}

stop() {
  local found deadline=$((SECONDS + stop_seconds_max))
  found=$(pid) || return 0
  kill -CONT "$found"
  kill -TERM "$found"
  while pid >/dev/null; do
    if [ $SECONDS -ge $deadline ]; then
      kill -KILL "$found"
      rm -f "$folder/classes.tmp"
    fi
    sleep 0.05
  done
  [ ! -f "$folder/classes.tmp" ] || mv "$folder/classes.tmp" "$archive"
  rm -f "$folder/pid"
}

mkdir -p "$here"
case "$command" in
  start | stop | clean)
    exec 9>"$here/lock" # one at a time; the brokers do not inherit it
    flock 9
    ;;
esac
case "$command" in
  start)
    start
    touch "$folder/ran"
    ;;
  stop) stop ;;
  clean)
    stop
    rm -rf "$folder"
    ;;
  status)
    if ! pid >/dev/null; then
      echo "stopped"
    else
      if answers 2; then echo "runs"; else echo "does not answer"; fi
      cat "$folder/address"
    fi
    ;;
  *) die "unknown command \"$command\": start, stop, status or clean" ;;
esac
